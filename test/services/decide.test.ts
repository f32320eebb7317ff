// What the table has of a service: by example, and for any sequence of what can be found out of its servers.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_POLICY, type ServicePolicy } from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import type { HealthState } from "../../src/core/health-state.js";
import { instant, seconds } from "../../src/core/units.js";
import { serverId, type RealServer, type ServerId } from "../../src/ipvs/model.js";
import { decide, NO_MEMORY, realServe, type ServiceFact } from "../../src/services/decide.js";
import { DEFAULT_MASS_FAILURE } from "../../src/services/mass-failure.js";
import type { ServerView } from "../../src/services/server-input.js";
import { realServer as real, viewOf as view } from "./view.js";

const id = (last: number): ServerId => serverId(real(last));
const SORRY = real(200);

/** One service over time. */
class Service {
  readonly views = new Map<ServerId, ServerView>();
  readonly policy: ServicePolicy;
  memory = NO_MEMORY;
  table: ReadonlyMap<ServerId, RealServer> = new Map();
  facts: readonly ServiceFact[] = [];
  now = 0;
  directorFails = false;

  constructor(policy: Partial<ServicePolicy>, ...views: readonly ServerView[]) {
    this.policy = { ...DEFAULT_POLICY, ...policy };
    for (const one of views) this.views.set(serverId(one.server), one);
    this.decide();
  }
  set(last: number, more: Partial<ServerView>): void {
    this.views.set(id(last), { ...(this.views.get(id(last)) as ServerView), ...more });
  }
  health(last: number, health: HealthState): this {
    this.set(last, { health, failedAt: health === "down" ? instant(this.now) : undefined });
    return this.decide();
  }
  decide(): this {
    const { policy, directorFails } = this;
    const rules = { policy, directorFails, massFailure: DEFAULT_MASS_FAILURE };
    const { memory, servers, facts } = decide(rules, this.views, this.memory, instant(this.now));
    this.memory = memory;
    this.table = servers;
    this.facts = facts;
    return this;
  }
  /** "4=1 5=2": the last byte of each address, and its weight. */
  get text(): string {
    return Array.from(
      this.table.values(),
      ({ address, weight }) => `${address.split(".")[3]}=${weight}`,
    ).join(" ");
  }
  get told(): string {
    return this.facts
      .map((fact) => {
        if (fact.kind === "quorum-changed") return `quorum ${fact.up ? "up" : "lost"} ${fact.weight}`;
        return fact.kind === "mass-failure" ? `${fact.isOver ? "over" : "mass"} ${fact.held}` : fact.kind;
      })
      .join(", ");
  }
}

test("the quorum counts weights, is lost below quorum less hysteresis, and back at quorum and hysteresis", () => {
  const web = new Service(
    { quorum: 7, hysteresis: 2 },
    ...[4, 5, 6, 7, 8].map((last) => view(real(last, 2))),
  );
  const sums: [number, string][] = [];
  for (const [last, health] of [
    [4, "down"],
    [5, "down"],
    [6, "down"],
    [6, "up"],
    [5, "up"],
    [4, "up"],
  ] as const) {
    web.health(last, health);
    sums.push([web.memory.quorum?.weight ?? -1, web.told]);
  }
  assert.deepEqual(sums, [
    [8, ""],
    [6, ""],
    [4, "quorum lost 4, mass 1"],
    [6, "over 0"],
    [8, ""],
    [10, "quorum up 10"],
  ]);
});

test("a slow start takes nothing from the quorum, loads and drains do", () => {
  const web = new Service({ quorum: 10, sorry: [SORRY] }, view(real(4, 10)), view(real(5, 10)));
  web.health(5, "down").health(4, "down");
  assert.equal(web.text, "200=1");
  web.set(4, { ramp: { since: instant(0), over: seconds(100) } });
  web.health(4, "up");
  assert.equal(web.text, "4=1");
  assert.deepEqual(web.memory.quorum, { up: true, weight: 10, serving: 1 });
  web.set(4, { load: { kind: "percent", percent: 50, label: "agent" } });
  assert.equal(web.decide().text, "200=1");
  web.set(4, {
    load: undefined,
    override: { kind: "drain", label: "", isEmpty: false, removeAt: undefined },
  });
  assert.deepEqual(web.decide().memory.quorum, { up: false, weight: 0, serving: 1 });
});

test("the quorum is known from the beginning, and it is told whether there is one", () => {
  const up = view(real(4));
  assert.equal(new Service({}, up).told, "quorum up 1");
  assert.equal(new Service({}, view(real(4), { health: "down" })).told, "quorum lost 0");
  assert.equal(new Service({}, view(real(4), { health: "unknown" })).told, "quorum up 1");
  assert.equal(new Service({}, view(real(4), { health: "unknown", waits: true })).told, "quorum lost 0");
  assert.equal(new Service({ quorum: 2 }, up).told, "quorum lost 1");
  // As a service that was up.
  assert.equal(new Service({ quorum: 2, hysteresis: 1 }, up).told, "quorum up 1");
  assert.equal(new Service({}, up).decide().told, "");
});

test("a sorry server takes the place of the servers while the quorum is lost", () => {
  const web = new Service({ quorum: 2, sorry: [SORRY] }, view(real(4)), view(real(5)), view(real(6)));
  assert.equal(web.text, "4=1 5=1 6=1");
  assert.equal(web.health(4, "down").text, "5=1 6=1");
  // One is up still; its quorum is not.
  assert.equal(web.health(5, "down").text, "200=1");
  assert.equal(web.health(6, "down").text, "200=1");
  assert.equal(web.health(6, "up").text, "200=1");
  assert.equal(web.health(4, "up").text, "4=1 6=1");
});

test("what is inhibited stays with weight 0: servers that fail, and a sorry server that is not needed", () => {
  const inhibit = true;
  const web = new Service(
    { sorry: [SORRY], inhibitSorry: true },
    view(real(4, 3), { inhibit }),
    view(real(5, 3), { inhibit: false }),
  );
  assert.equal(web.text, "4=3 5=3 200=0");
  assert.equal(web.health(4, "down").text, "4=0 5=3 200=0");
  assert.equal(web.health(5, "down").text, "4=0 200=1");
  assert.equal(web.health(4, "up").text, "4=3 200=0");
});

test("a server that waits is not in the table before its first success, and others serve until their first failure", () => {
  const web = new Service(
    {},
    view(real(4), { health: "unknown" }),
    view(real(5), { health: "unknown", waits: true }),
  );
  assert.equal(web.text, "4=1");
  assert.equal(web.health(5, "up").text, "4=1 5=1");
  assert.equal(web.health(5, "down").text, "4=1");
});

test("orders are stronger than checks, and what they leave out serves no quorum", () => {
  const web = new Service({ sorry: [SORRY] }, view(real(4)), view(real(5)));
  web.set(4, { override: { kind: "disable", label: "disabled" } });
  assert.equal(web.decide().text, "5=1");
  web.set(5, { override: { kind: "drain", label: "drained", isEmpty: false, removeAt: undefined } });
  // What it drains goes on beside the sorry server.
  assert.equal(web.decide().text, "5=0 200=1");
  web.set(4, { override: { kind: "enable", label: "enabled" }, health: "down" });
  assert.equal(web.decide().text, "4=1 5=0");
});

test("when most servers fail together, those that failed last are held until as many are back", () => {
  const web = new Service({}, ...[1, 2, 3, 4, 5, 6].map((last) => view(real(last))));
  const seen: string[] = [];
  for (const last of [3, 1, 2, 6, 5, 4]) {
    web.now += 1000;
    seen.push(`${web.health(last, "down").text} | ${web.told}`);
  }
  assert.deepEqual(seen, [
    "1=1 2=1 4=1 5=1 6=1 | ",
    "2=1 4=1 5=1 6=1 | ",
    "4=1 5=1 6=1 | ",
    "4=1 5=1 6=1 | mass 1",
    "4=1 5=1 6=1 | ",
    "4=1 5=1 6=1 | quorum lost 0",
  ]);
  // Long after they are held still; it is over when half of them are back.
  web.now += 1_000_000;
  assert.equal(web.decide().text, "4=1 5=1 6=1");
  assert.equal(web.health(1, "up").text, "1=1 4=1 5=1");
  assert.equal(web.health(2, "up").text, "1=1 2=1 4=1");
  assert.equal(web.health(3, "up").text, "1=1 2=1 3=1");
  assert.equal(web.told, "over 0");
});

test("failures that are far apart, few servers, and a sorry server are no reason to hold", () => {
  const fail = (web: Service, wait: number): string => {
    for (const last of [1, 2, 3, 4]) {
      web.now += wait;
      if (web.views.has(id(last))) web.health(last, "down");
    }
    return web.text;
  };
  const four = (): ServerView[] => [1, 2, 3, 4].map((last) => view(real(last)));
  assert.equal(fail(new Service({}, ...four()), 1000), "3=1 4=1");
  assert.equal(fail(new Service({}, ...four()), 61_000), "");
  assert.equal(fail(new Service({}, ...four().slice(1)), 1000), "");
  assert.equal(fail(new Service({ massFailure: "go-on" }, ...four()), 1000), "");
  assert.equal(fail(new Service({ sorry: [SORRY] }, ...four()), 1000), "200=1");
  // Who asks for it has the servers held in place of the sorry server.
  assert.equal(fail(new Service({ sorry: [SORRY], massFailure: "hold" }, ...four()), 1000), "3=1 4=1");
});

test("when the whole director fails, a small service holds its servers, too", () => {
  const web = new Service({}, view(real(1)), view(real(2)));
  web.directorFails = true;
  web.health(1, "down");
  assert.equal(web.text, "2=1");
  web.now += 1000;
  assert.equal(web.health(2, "down").text, "2=1");
  web.directorFails = false;
  assert.equal(web.decide().text, "");
});

test("for whatever happens: hold never empties a table, a sorry server serves exactly when the quorum is lost, and weights are in bounds", () => {
  const step = fc.record({
    server: fc.integer({ min: 1, max: 8 }),
    health: fc.constantFrom<HealthState>("up", "down", "down"),
    percent: fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined }),
    wait: fc.constantFrom(0, 1000, 100_000),
  });
  const policy = fc.record({
    quorum: fc.integer({ min: 1, max: 10 }),
    hysteresis: fc.constant(0),
    massFailure: fc.constantFrom("hold" as const, "go-on" as const),
    sorry: fc.constantFrom([], [SORRY]),
    inhibitSorry: fc.boolean(),
    inhibit: fc.boolean(),
  });
  fc.assert(
    fc.property(policy, fc.array(step, { maxLength: 60 }), ({ inhibit, ...given }, steps) => {
      const servers = [1, 2, 3, 4, 5, 6, 7, 8].map((last) => view(real(last, last), { inhibit }));
      const web = new Service(given, ...servers);
      for (const { server, health, percent, wait } of steps) {
        web.now += wait;
        const load =
          percent === undefined ? undefined : ({ kind: "percent", percent, label: "agent" } as const);
        web.set(server, { load });
        web.health(server, health);
        const { memory, table } = web;
        const serves = table.get(serverId(SORRY));
        const mayServe = realServe(web.policy, memory);
        if (given.sorry.length > 0) {
          assert.equal(serves?.weight === 1, !mayServe);
          assert.equal(serves !== undefined, !mayServe || given.inhibitSorry);
          if (memory.held.size === 0) assert.equal(mayServe, memory.quorum?.up);
        }
        const reals = [...table.keys()].filter((one) => one !== serverId(SORRY));
        if (memory.massFails && given.massFailure === "hold") {
          const kept = reals.filter((one) => web.views.get(one)?.health === "up" || memory.held.has(one));
          assert.ok(mayServe ? kept.length >= 4 : memory.held.size === 0, web.text);
        }
        for (const { weight } of table.values()) assert.ok(weight >= 0 && weight <= 24);
        // In canonical order, and the same when asked again.
        assert.deepEqual(
          reals,
          [...web.views.keys()].filter((one) => reals.includes(one)),
        );
        const before = web.text;
        assert.equal(web.decide().text, before);
        assert.deepEqual(web.facts, []);
      }
    }),
  );
});

test("a decision about ten thousand servers of which all are up makes nothing but its table", () => {
  const views = new Map<ServerId, ServerView>();
  for (let i = 0; i < 10_000; i++) {
    const server = { ...real(1), address: ip(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`) };
    views.set(serverId(server), view(server));
  }
  const rules = { policy: DEFAULT_POLICY, directorFails: false, massFailure: DEFAULT_MASS_FAILURE };
  const first = decide(rules, views, NO_MEMORY, instant(0));
  const second = decide(rules, views, first.memory, instant(seconds(1)));
  assert.equal(second.memory.quorum, first.memory.quorum);
  assert.equal(second.memory.weights, first.memory.weights);
  for (const [one, server] of second.servers) assert.equal(server, views.get(one)?.server);
  assert.equal(second.deadline, Infinity);
});
