import assert from "node:assert/strict";
import { noSettings } from "../ipvs/no-settings.js";
import { test } from "node:test";
import type { Socket } from "node:net";

import type { Checker, CheckMeans, CheckTarget } from "../../src/checkers/checker.js";
import { findChecker } from "../../src/checkers/registry.js";
import { checkerOf } from "../../src/director/check-keys.js";
import { runKey } from "../../src/director/check-runs.js";
import type { Presumed } from "../../src/director/service-state.js";
import {
  DEFAULT_POLICY,
  type CheckConfig,
  type CheckNeed,
  type ServiceConfig,
} from "../../src/config/model.js";
import type { CheckSubject, VipdEvent } from "../../src/control/event.js";
import { ip } from "../../src/core/address.js";
import { seededRandom } from "../../src/core/random.js";
import { err, ok } from "../../src/core/result.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { serverId } from "../../src/ipvs/model.js";
import { Checks, type ChecksOrder, type TableKeeper } from "../../src/director/checks.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import type { Dialer, DialFailure } from "../../src/ports/dialer.js";
import type { RunEnd, Runner } from "../../src/ports/runner.js";
import { FakePlane } from "../ipvs/fake-plane.js";
import { ManualTimers } from "../ipvs/manual-timers.js";
import { World } from "./world.js";

const tcp = (change: Partial<CheckConfig["timing"]> = {}, options: object = {}): CheckConfig => ({
  type: "tcp",
  options,
  timing: { every: seconds(5), timeout: seconds(3), rise: 1, fall: 3, ...change },
});

const service = (name: string, servers: Record<string, readonly CheckConfig[]>): ServiceConfig => ({
  name,
  service: {
    key: { kind: "address", protocol: "tcp", address: ip("192.0.2.80"), port: 80 },
    scheduler: "wlc",
  },
  servers: Object.entries(servers).map(([address, checks]) => ({
    server: { address: ip(address), port: 80, forwarding: "nat", weight: 5 },
    checks,
  })),
});

const order = (...services: ServiceConfig[]): ChecksOrder => ({
  runtimeDirectory: "/nowhere",
  ipvs: { reconcileEvery: seconds(60), onStop: "remove" },
  sync: null,
  masters: {},
  services,
});

function setUp(table?: TableKeeper) {
  const world = new World();
  const down = new Map<string, DialFailure["reason"]>();
  const presumed = new Map<string, Presumed>();
  const tracksDown = new Set<string>();
  const events: VipdEvent[] = [];
  const orders: string[] = [];
  let dialled = 0;
  const dialer: Dialer<Socket> = {
    dial: () => Promise.reject(new Error("not used")),
    converse: () => assert.fail("not used"),
    probe({ address }) {
      dialled++;
      const reason = down.get(address);
      return Promise.resolve(reason === undefined ? ok(null) : err({ reason, detail: `${reason}!` }));
    },
    prober: (address, _, listener) => ({
      start: () => {
        dialled++;
        const reason = down.get(address);
        void Promise.resolve().then(() =>
          listener.onProbed(reason && { reason, detail: `${reason}!` }, milliseconds(0), world.now()),
        );
      },
      cancel: () => undefined,
    }),
  };
  let end: RunEnd = { kind: "not-runnable", why: "no" };
  const runner: Runner = {
    run: () => ({ end: Promise.resolve(end), gone: Promise.resolve() }),
    probe: () => ok(null),
  };
  let refusal: string | null = null;
  const masters: boolean[] = [];
  const checks = new Checks({
    means: { dialer, runner } as CheckMeans,
    timers: world,
    random: seededRandom(7),
    limits: { socket: 100, process: 100 },
    wallTime: () => 1_000_000 + world.now(),
    isTrackDown: (id) => tracksDown.has(id),
    report: (event) => events.push(event),
    table: table ?? {
      sendAhead: () => orders.push("table"),
      configure: () => refusal,
      change: () => true,
      presume: (_, server) => presumed.get(server) ?? "unknown",
      setServer: (name, server, up) => orders.push(`${name} ${server} ${up ? "up" : "down"}`),
      adjust: () => undefined,
      hurry: () => orders.push("hurry"),
      setMaster: (isMaster) => masters.push(isMaster),
      askOverrides: () => undefined,
      connections: () => undefined,
      standing: () => undefined,
      memory: () => undefined,
      leftWith: () => undefined,
      inKernel: () => true,
      status: () => ({ sync: [], table: { in_order: true, checked_ms_ago: 0, repairs: 0 } }),
      stop: (table) => orders.push(`stop ${table}`) > 0,
    },
  });
  const subject = (event: CheckSubject): string => ("server" in event ? event.server : event.track);
  /** What was said since the last time, in short. */
  const said = (): string[] =>
    events.splice(0).map((event) => {
      if (event.kind === "check-changed")
        return `${subject(event)} ${event.up ? "+" : "-"} ${event.reason}${event.first ? " first" : ""} x${event.in_a_row}`;
      if (event.kind === "check-failed-once")
        return `${subject(event)} failed ${event.reason} ${event.in_a_row}/${event.needed}`;
      if (event.kind === "server-changed")
        return `${event.server} ${event.up ? "UP" : "DOWN"} (${event.cause}) ${event.alive}/${event.total}`;
      return `${event.kind} ${"text" in event ? event.text : ""}`;
    });
  return {
    world,
    checks,
    down,
    presumed,
    tracksDown,
    said,
    events: () => events.splice(0),
    exits: (code: number) => (end = { kind: "exited", code, stderr: "" }),
    orders: () => orders.splice(0),
    /** What the keeper of the table was told of this director. */
    masters: () => masters.splice(0),
    dialled: () => dialled,
    refuse: (why: string) => (refusal = why),
  };
}

const A = "10.0.0.1";
const B = "10.0.0.2";
const C = "10.0.0.3";

test("a server that fails is taken out after its count, and each step of it is said once", async () => {
  const { world, checks, down, said, orders } = setUp();
  assert.equal(checks.configure(order(service("web", { [A]: [tcp()], [B]: [tcp()] }))), null);
  await world.until(10_000);
  assert.deepEqual(said().sort(), [`${A}:80 + ok first x1`, `${B}:80 + ok first x1`]);
  assert.deepEqual(orders().sort(), [`web ${A}:80 up`, `web ${B}:80 up`]);
  down.set(A, "connect-refused");
  await world.until(60_000);
  assert.deepEqual(said(), [
    `${A}:80 failed connect-refused 1/3`,
    `${A}:80 - connect-refused x3`,
    `${A}:80 DOWN (tcp connect-refused: connect-refused!, 3 times in a row) 1/2`,
  ]);
  assert.deepEqual(orders(), [`web ${A}:80 down`]);
  down.delete(A);
  await world.until(70_000);
  assert.deepEqual(said(), [`${A}:80 + ok x1`, `${A}:80 UP (tcp: connected to ${A}:80) 2/2`]);
  assert.deepEqual(orders(), [`web ${A}:80 up`]);
});

test("services that alone have changed get new checks; what they keep and all others go on", async () => {
  const { world, checks, down, said, orders, dialled } = setUp();
  assert.match(checks.change([service("web", { [A]: [tcp()] })]) ?? "", /no configuration/);
  checks.configure(order(service("web", { [A]: [tcp()], [B]: [tcp()] }), service("other", { [B]: [tcp()] })));
  await world.until(10_000);
  said();
  orders();
  assert.equal(checks.change([service("web", { [A]: [tcp()], [C]: [tcp()] })]), null);
  down.set(B, "connect-refused");
  await world.until(20_000);
  assert.deepEqual(said(), [`${C}:80 + ok first x1`, `${B}:80 failed connect-refused 1/3`]);
  assert.deepEqual(orders(), [`web ${C}:80 up`]);
  assert.deepEqual(
    checks
      .status(1)
      .services.map(({ name, alive, servers }) => [name, alive, servers.map((one) => one.checks.length)]),
    [
      ["web", 2, [1, 1]],
      ["other", 1, [1]],
    ],
  );
  assert.equal(checks.change([service("web", {})]), null);
  const before = dialled();
  checks.change([service("other", {})]);
  await world.until(60_000);
  assert.equal(dialled(), before);
});

test("a new reason while a server is down is said, but not more than once a minute", async () => {
  const { world, checks, down, said } = setUp();
  down.set(A, "connect-refused");
  checks.configure(order(service("web", { [A]: [tcp()] })));
  await world.until(100_000);
  assert.equal(said().length, 2);
  for (let at = 100_000; at < 220_000; at += 10_000) {
    down.set(A, at % 20_000 === 0 ? "connect-timeout" : "connect-refused");
    await world.until(at + 10_000);
  }
  const again = said();
  assert.ok(again.length >= 1 && again.length <= 3, again.join("\n"));
  assert.match(again[0]!, /failed connect-timeout \d+\/3/);
});

test("a server is up only while all of its checks are", async () => {
  const { world, checks, down, orders } = setUp();
  checks.configure(order(service("web", { [A]: [tcp(), tcp({}, { address: B })] })));
  await world.until(10_000);
  assert.deepEqual(orders(), [`web ${A}:80 up`]);
  down.set(B, "connect-timeout");
  await world.until(30_000);
  assert.deepEqual(orders(), [`web ${A}:80 down`]);
  down.set(A, "connect-timeout");
  await world.until(50_000);
  down.delete(B);
  await world.until(60_000);
  assert.deepEqual(orders(), []);
  down.delete(A);
  await world.until(70_000);
  assert.deepEqual(orders(), [`web ${A}:80 up`]);
});

test("a server without checks is up", () => {
  const { checks, orders, said } = setUp();
  checks.configure(order(service("web", { [A]: [] })));
  assert.deepEqual(orders(), [`web ${A}:80 up`]);
  assert.deepEqual(said(), []);
});

test("what the predecessor left in the kernel is the first opinion of a server", async () => {
  const { world, checks, down, presumed, said, orders } = setUp();
  presumed.set(`${A}:80`, "up").set(`${B}:80`, "down");
  down.set(A, "connect-timeout");
  checks.configure(order(service("web", { [A]: [tcp()], [B]: [tcp({ rise: 2 })] })));
  assert.deepEqual(orders(), [`web ${A}:80 up`, `web ${B}:80 down`]);
  await world.until(1000);
  assert.deepEqual(orders(), []);
  await world.until(30_000);
  assert.deepEqual(orders().sort(), [`web ${A}:80 down`, `web ${B}:80 up`]);
  assert.equal(said().filter((line) => /UP|DOWN/.test(line)).length, 2);
});

test("a reload keeps the health of what it leaves alone, and checks what is new", async () => {
  const { world, checks, down, said, orders } = setUp();
  down.set(A, "connect-refused");
  checks.configure(order(service("web", { [A]: [tcp()], [B]: [tcp()] })));
  await world.until(20_000);
  said();
  orders();
  checks.configure(order(service("web", { [A]: [tcp({ fall: 5 })], [B]: [tcp()], "10.0.0.3": [tcp()] })));
  assert.deepEqual(said(), []);
  assert.deepEqual(orders(), []);
  assert.deepEqual(
    checks.status(1).services[0]!.servers.map(({ up }) => up),
    [false, true, true],
  );
  await world.until(21_000);
  assert.deepEqual(said(), ["10.0.0.3:80 + ok first x1"]);
  checks.configure(order(service("web", { [A]: [], [B]: [tcp()] })));
  assert.deepEqual(said(), [`${A}:80 UP (not checked) 2/2`]);
  assert.deepEqual(orders(), ["web 10.0.0.3:80 up", `web ${A}:80 up`]);
});

test("a server that comes back is told of with the weight in force, its load and slow start counted in", async () => {
  const timers = new ManualTimers();
  const table = tableOf(new FakePlane(), timers);
  const { world, checks, events, exits } = setUp(table);
  const timing = { every: seconds(1), timeout: seconds(1), rise: 1, fall: 1 };
  const script = {
    type: "script",
    options: { command: ["/bin/agent"], shell: false, dynamic: true },
    timing,
  };
  const web = service("web", { [A]: [script], [B]: [tcp()] });
  const slow = { ...DEFAULT_POLICY, slowStart: seconds(60) };
  const servers = web.servers.map((one) => ({ ...one, server: { ...one.server, weight: 320 } }));
  const weights = (): unknown[] =>
    events().flatMap((event) => (event.kind === "server-changed" ? [[event.up, event.weight]] : []));
  exits(0);
  checks.configure(order({ ...web, servers, policy: slow }));
  await world.until(2000);
  exits(1);
  await world.until(4000);
  exits(0);
  await world.until(6000);
  assert.deepEqual(weights(), [
    [false, 320],
    [true, 10],
  ]);
  // Said by the very result that brings it back.
  checks.configure(order({ ...web, servers, policy: DEFAULT_POLICY }));
  exits(1);
  await world.until(8000);
  exits(52);
  await world.until(10_000);
  assert.deepEqual(weights(), [
    [false, 320],
    [true, 50],
  ]);
});

const tableOf = (plane: FakePlane, timers: ManualTimers): IpvsDirector =>
  new IpvsDirector({
    openPlane: () => ok(plane),
    openSettings: noSettings,
    openOwnership: () => ({
      load: () => ({ owned: { services: new Set(), sync: new Set() } }),
      save: () => undefined,
    }),
    timers,
    report: () => undefined,
  });

test("a service that moves to another address or port takes the health of its servers along", async () => {
  const timers = new ManualTimers();
  const plane = new FakePlane();
  const table = tableOf(plane, timers);
  const { world, checks, down } = setUp(table);
  const at = (address: string, port: number, check = tcp()): ChecksOrder => {
    const web = service("web", { [A]: [check], [B]: [check] });
    const key = { kind: "address", protocol: "tcp", address: ip(address), port } as const;
    return order({ ...web, service: { ...web.service, key } });
  };
  const states = (): unknown[] =>
    checks.status(1).services[0]!.servers.map(({ up, in_kernel }) => [up, in_kernel]);
  down.set(A, "connect-refused");
  checks.configure(at("192.0.2.80", 80));
  await world.until(20_000);
  timers.pass(1);
  assert.deepEqual(states(), [
    [false, false],
    [true, true],
  ]);
  // The last one with other checks, so that nothing but the state of before is known.
  for (const moved of [at("192.0.2.81", 80), at("192.0.2.81", 81), at("192.0.2.82", 80, tcp({}, { n: 1 }))]) {
    checks.configure(moved);
    timers.pass(1);
    assert.deepEqual(states(), [
      [false, false],
      [true, true],
    ]);
  }
  down.delete(A);
  await world.until(60_000);
  timers.pass(1);
  assert.deepEqual(states()[0], [true, true]);
});

test("a configuration that the table refuses changes nothing", async () => {
  const { world, checks, refuse, dialled } = setUp();
  checks.configure(order(service("web", { [A]: [tcp()] })));
  await world.until(20_000);
  const before = dialled();
  refuse("the kernel has no ip_vs");
  assert.equal(checks.configure(order()), "the kernel has no ip_vs");
  await world.until(40_000);
  assert.ok(dialled() > before);
});

test("the status tells each check's last result, since when, and how often it ran", async () => {
  const { world, checks, down } = setUp();
  down.set(A, "connect-refused");
  checks.configure(order(service("web", { [A]: [tcp({ every: seconds(2), timeout: milliseconds(500) })] })));
  assert.equal(checks.status(7).services[0]!.servers[0]!.checks[0]!.up, null);
  await world.until(10_000);
  const [web] = checks.status(7).services;
  assert.equal(web!.alive, 0);
  const [server] = web!.servers;
  assert.ok(server!.why.startsWith("tcp connect-refused") && server!.since <= 1_001_000, server!.why);
  assert.ok(server!.availability.total < 10, String(server!.availability.total));
  const { since, runs, took_ms, past, ...rest } = server!.checks[0]!;
  assert.deepEqual(
    past.map(({ reason }) => reason),
    Array.from({ length: 5 }, () => "connect-refused"),
  );
  assert.deepEqual(rest, {
    check: "tcp",
    up: false,
    reason: "connect-refused",
    detail: "connect-refused!",
    phases_ms: {},
  });
  assert.ok(since >= 1_000_000 && since <= 1_002_000 && runs >= 5 && took_ms === 0);
});

test("the status has of each server, up or down, since when and why, its last results and its availability", async () => {
  const { world, checks, down } = setUp();
  const every = tcp({ every: seconds(1), timeout: milliseconds(500), rise: 1, fall: 1 });
  checks.configure(order(service("web", { [A]: [every], [B]: [every] })));
  await world.until(20_000);
  down.set(A, "connect-refused");
  await world.until(30_000);
  down.delete(A);
  await world.until(40_000);
  const [a, b] = checks.status(7).services[0]!.servers;
  const results = (server: typeof a): string[] => server!.checks[0]!.past.map(({ reason }) => reason);
  // It was down for a quarter of its time, give or take a run or two.
  assert.ok(a!.up && Math.abs(a!.availability.total - 75) < 6, String(a!.availability.total));
  assert.equal(a!.availability.day, a!.availability.total);
  assert.ok(a!.since > 1_029_000 && a!.since < 1_033_000, String(a!.since));
  assert.match(a!.why, /^tcp: /);
  assert.deepEqual(results(a), ["ok", "ok", "ok", "ok", "ok"]);
  assert.ok(b!.up);
  assert.deepEqual(b!.availability, { total: 100, day: 100 });
  assert.ok(b!.since <= 1_002_000, String(b!.since));
  assert.match(b!.why, /./);
  assert.deepEqual(results(b), ["ok", "ok", "ok", "ok", "ok"]);
  assert.ok(b!.checks[0]!.since <= 1_002_000);
});

test("a stop ends the checks before the table", async () => {
  const { world, checks, orders } = setUp();
  checks.configure(order(service("web", { [A]: [tcp()] })));
  await world.until(10_000);
  orders();
  checks.stop("keep");
  await world.until(60_000);
  assert.deepEqual(orders(), ["stop keep"]);
  assert.equal(world.timers, 0);
});

const needing = (need: CheckNeed, timing: Partial<CheckConfig["timing"]> = {}): CheckConfig => ({
  ...tcp(timing, { port: 81 }),
  needs: [need],
});

test("a check is not run while the one that it depends on is down, and must succeed before the server is back", async () => {
  const { world, checks, down, said, orders } = setUp();
  const second = needing({ kind: "check", check: 0 }, { fall: 2 });
  checks.configure(
    order(service("web", { [A]: [tcp({ fall: 1, every: seconds(1), timeout: seconds(1) }), second] })),
  );
  await world.until(12_000);
  said();
  orders();
  const status = () => checks.status(1).services[0]!.servers[0]!.checks[1]!;
  down.set(A, "connect-timeout");
  await world.until(30_000);
  assert.deepEqual(said().slice(1), [
    `${A}:80 DOWN (tcp connect-timeout: connect-timeout!) 0/1`,
    "check-held ",
  ]);
  const { runs } = status();
  assert.deepEqual(
    [status().reason, status().detail, status().up, status().held],
    ["dependency-down", "tcp is down", true, true],
  );
  await world.until(60_000);
  assert.equal(status().runs, runs);
  assert.deepEqual(orders(), [`web ${A}:80 down`]);
  down.delete(A);
  // What it was before proves nothing: the server is back when the second check has run, not at the word of the first.
  for (let at = 60_000; at < 67_000 && orders().length === 0; at += 100) await world.until(at);
  assert.equal(status().runs, runs + 1);
  assert.deepEqual([status().reason, status().held], ["ok", undefined]);
  assert.deepEqual(said().at(-1), `${A}:80 UP (tcp: connected to ${A}:81) 1/1`);
});

test("failures after the wait count from the first, and a server that was not down stays", async () => {
  const { world, checks, down, tracksDown, said, orders } = setUp();
  checks.configure(
    order(service("web", { [A]: [needing({ kind: "track", id: "script:uplink", name: "uplink" })] })),
  );
  await world.until(12_000);
  tracksDown.add("script:uplink");
  down.set(A, "connect-timeout");
  said();
  orders();
  await world.until(60_000);
  assert.deepEqual(said(), ["check-held "]);
  tracksDown.clear();
  await world.until(72_000);
  assert.deepEqual(orders(), []);
  await world.until(80_000);
  assert.deepEqual(orders(), [`web ${A}:80 down`]);
});

test("a check depends on another service, or on one of its servers", async () => {
  const { world, checks, down, orders } = setUp();
  const ofServer = needing({ kind: "server", service: "db", server: serverId({ address: ip(B), port: 80 }) });
  const ofService = needing({ kind: "service", service: "db" });
  checks.configure(
    order(
      service("web", { [A]: [ofServer], [C]: [ofService] }),
      service("db", { [B]: [tcp({ fall: 1 })], "10.0.0.4": [tcp({ fall: 1 })] }),
    ),
  );
  await world.until(12_000);
  const held = () => checks.status(1).services[0]!.servers.map((server) => server.checks[0]!.held === true);
  assert.deepEqual(held(), [false, false]);
  down.set(B, "connect-refused");
  await world.until(30_000);
  assert.deepEqual(held(), [true, false]);
  down.set("10.0.0.4", "connect-refused");
  await world.until(50_000);
  assert.deepEqual(held(), [true, true]);
  orders();
  down.clear();
  await world.until(70_000);
  assert.deepEqual(held(), [false, false]);
  assert.deepEqual(orders().sort(), ["db 10.0.0.2:80 up", "db 10.0.0.4:80 up"]);
});

test("services that ask the same of the same endpoint share one run, and what one knows the next need not find out", async () => {
  const { world, checks, down, orders, dialled } = setUp();
  const names = ["a", "b", "c"];
  checks.configure(order(...names.map((name) => service(name, { [A]: [tcp()] }))));
  await world.until(20_000);
  const alone = dialled();
  assert.ok(alone >= 4 && alone <= 5, String(alone));
  assert.deepEqual(
    orders().sort(),
    names.map((name) => `${name} ${A}:80 up`),
  );
  down.set(A, "connect-refused");
  await world.until(40_000);
  assert.deepEqual(
    orders().sort(),
    names.map((name) => `${name} ${A}:80 down`),
  );
  // A service that comes later knows at once, in a reload of all and of one.
  checks.configure(order(...[...names, "d"].map((name) => service(name, { [A]: [tcp()] }))));
  assert.deepEqual(orders(), [`d ${A}:80 down`]);
  const before = dialled();
  // Another interval is another check.
  checks.change([service("a", { [A]: [tcp({ every: seconds(1), timeout: seconds(1) })] })]);
  await world.until(60_000);
  const after = dialled() - before;
  assert.ok(after >= 20 && after <= 26, String(after));
  // The last one that asks ends it.
  checks.change(names.map((name) => service(name, {})));
  const still = dialled();
  await world.until(80_000);
  assert.ok(dialled() > still);
  checks.change([service("d", {})]);
  const atEnd = dialled();
  await world.until(100_000);
  assert.equal(dialled(), atEnd);
});

test("an agent at a port of its own is asked once for servers at several ports", () => {
  const target = (port: number): CheckTarget => ({
    service: "web",
    virtual: { kind: "address", protocol: "tcp", address: ip("10.0.0.100"), port: 80 },
    address: ip(A),
    port,
  });
  const check = { type: "agent", options: { port: 3333 }, timing: tcp().timing } as const;
  const keyOf = (port: number, options: object): string =>
    runKey(checkerOf({ ...check, options }), { ...check, options }, 1, target(port));
  assert.equal(keyOf(80, { port: 3333 }), keyOf(81, { port: 3333 }));
  assert.notEqual(keyOf(80, {}), keyOf(81, {}));
});

test("a program is run for each service, because it finds the service in its environment", () => {
  const target = (name: string, vip: string): CheckTarget => ({
    service: name,
    virtual: { kind: "address", protocol: "tcp", address: ip(vip), port: 80 },
    address: ip(A),
    port: 80,
  });
  const keyOf = (checker: Checker, one: CheckTarget): string => runKey(checker, tcp(), 1, one);
  const [script, connect] = [findChecker("script"), findChecker("tcp")];
  assert.ok(script !== undefined && connect !== undefined);
  const [a, b, c] = [target("a", "192.0.2.1"), target("b", "192.0.2.2"), target("a", "192.0.2.2")];
  assert.equal(new Set([a, b, c].map((one) => keyOf(connect, one))).size, 1);
  assert.equal(new Set([a, b, c].map((one) => keyOf(script, one))).size, 3);
  assert.equal(keyOf(script, a), keyOf(script, target("a", "192.0.2.1")));
});

test("the keeper of the table learns whether this director is master of anything", () => {
  const { checks, masters } = setUp();
  const [first, second] = [[ip("192.0.2.80")], [ip("192.0.2.81")]];
  checks.setMaster("one", first);
  checks.configure({ ...order(service("web", { [A]: [tcp()] })), masters: { one: first } });
  assert.deepEqual(masters(), []);
  checks.setMaster("two", second);
  checks.setMaster("one", []);
  assert.deepEqual(masters(), [true, true]);
  checks.setMaster("two", []);
  assert.deepEqual(masters(), [false]);
});

test("checks of the master alone rest where the address is not held, and run at once when it comes", async () => {
  const { world, checks, down, said, orders, dialled } = setUp();
  const policy = { ...DEFAULT_POLICY, checkWhen: "master" as const };
  const web = { ...service("web", { [A]: [tcp()] }), policy };
  const vip = ip("192.0.2.80");
  checks.configure(order(web));
  await world.until(20_000);
  assert.equal(dialled(), 0);
  const status = () => checks.status(1).services[0];
  assert.deepEqual([status()?.checked, status()?.servers[0]?.up], [false, true]);
  // Of another address nothing follows.
  checks.setMaster("other", [ip("192.0.2.81")]);
  await world.until(20_100);
  assert.equal(dialled(), 0);
  checks.setMaster("one", [vip]);
  await world.until(20_100);
  assert.equal(dialled(), 1);
  assert.deepEqual(orders(), [`web ${A}:80 up`]);
  // Two instances with the same address: it is held until both have lost it.
  checks.setMaster("two", [vip]);
  checks.setMaster("one", []);
  assert.equal(status()?.checked, true);
  checks.setMaster("two", []);
  assert.equal(status()?.checked, false);
  const before = dialled();
  down.set(A, "connect-refused");
  said();
  await world.until(60_000);
  assert.equal(dialled(), before);
  // What is known is old: the first result decides, and not the third.
  checks.setMaster("two", [vip]);
  await world.until(60_100);
  assert.deepEqual(orders(), [`web ${A}:80 down`]);
  // A reload, of all or of a part, forgets nothing of what is held.
  checks.change([web]);
  assert.equal(status()?.checked, true);
  checks.configure({ ...order(web), masters: { two: [vip] } });
  assert.equal(status()?.checked, true);
  checks.configure(order(web));
  assert.equal(status()?.checked, false);
});

test("a server that waits counts as down until its first success, and a stop tells of what is up as down", async () => {
  const { world, checks, presumed, down, said } = setUp();
  presumed.set(`${A}:80`, "waits").set(`${B}:80`, "waits");
  down.set(B, "connect-refused");
  const policy = { ...DEFAULT_POLICY, downOnStop: true };
  checks.configure(order({ ...service("web", { [A]: [tcp()], [B]: [tcp()] }), policy }));
  assert.equal(checks.status(1).services[0]?.alive, 0);
  await world.until(2000);
  assert.deepEqual(
    said().filter((line) => line.includes("UP") || line.includes("DOWN")),
    [`${A}:80 UP (tcp: connected to ${A}:80) 1/2`],
  );
  checks.stop("remove");
  assert.deepEqual(said(), [`${A}:80 DOWN (vipd stops) 0/2`]);
});
