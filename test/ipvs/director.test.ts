// The director of a data plane on a virtual clock: start, health, reload, take-over, repair, refusals, stop.

import assert from "node:assert/strict";
import { noSettings } from "../ipvs/no-settings.js";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  DEFAULT_POLICY,
  type ServerConfig,
  type ServiceConfig,
  type ServicePolicy,
} from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import { ip, type IpAddress } from "../../src/core/address.js";
import { err } from "../../src/core/result.js";
import { instant, seconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { removeRecorded } from "../../src/director/ipvs-removal.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import { syncChanges } from "../../src/director/ipvs-sync.js";
import { describeCommand } from "../../src/ipvs/command.js";
import {
  serverId,
  serviceId,
  type RealServer,
  type ServerId,
  type SyncConfig,
  type SyncDaemon,
  type SyncRole,
} from "../../src/ipvs/model.js";
import type { Override } from "../../src/services/server-input.js";
import { CHECK, directorWorld, type Predecessor } from "./director-world.js";
import { tableText } from "./listed.js";
import { ManualTimers } from "./manual-timers.js";

const server = (last: number, weight = 1): ServerConfig => ({
  server: { address: ip(`192.168.1.${last}`), port: 80, forwarding: "direct-routing", weight },
  checks: [CHECK],
});
const service = (name: string, last: number, ...servers: ServerConfig[]): ServiceConfig => ({
  name,
  service: {
    key: { kind: "address", protocol: "tcp", address: ip(`192.168.1.${last}`), port: 80 },
    scheduler: "wlc",
  },
  servers,
});
const id = (last: number): ServerId => `192.168.1.${last}:80` as ServerId;
const SYNC: SyncConfig = { interface: "eth1", id: 51, roles: ["master", "backup"] };

type Order = { readonly services?: readonly ServiceConfig[]; readonly sync?: SyncConfig | null };

function world(predecessor?: Predecessor) {
  const { configure: configureAll, ...made } = directorWorld(predecessor);
  const { plane } = made;
  const configure = ({ services = [], sync = null }: Order): string | null => configureAll(services, sync);
  const servers = (name: string, last: number): readonly string[] =>
    [...(plane.table.get(serviceId(service(name, last).service.key))?.servers.keys() ?? [])].sort();
  /** The commands since the last look. */
  const sent = (): string[] => plane.batches.splice(0).flatMap((batch) => batch.map(describeCommand));
  return { ...made, configure, servers, sent };
}

test("from an empty kernel all servers serve until a check says otherwise", () => {
  const { director, configure, servers, told } = world();
  assert.equal(configure({ services: [service("web", 1, server(4), server(5))] }), null);
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80", "192.168.1.5:80"]);
  assert.equal(director.presume("web", id(4)), "unknown");
  assert.equal(director.inKernel("web", id(4)), true);
  const [event] = told();
  assert.ok(event?.kind === "table-applied" && event.why === "start" && event.changes === 3);
  assert.equal(event.details[0], "add service tcp 192.168.1.1:80 (wlc, not persistent)");
});

test("the health changes of one tick go out in one batch, and only what changed", () => {
  const { director, timers, configure, sent, told } = world();
  configure({ services: [service("a", 1, server(4), server(5)), service("b", 2, server(4), server(5))] });
  sent();
  told();
  director.setServer("a", id(4), false);
  director.setServer("b", id(5), false);
  director.setServer("b", id(4), false);
  director.setServer("b", id(4), true);
  timers.pass(1);
  assert.deepEqual(sent(), [
    "remove server 192.168.1.4:80 (direct routing, weight 1) from tcp 192.168.1.1:80",
    "remove server 192.168.1.5:80 (direct routing, weight 1) from tcp 192.168.1.2:80",
  ]);
  assert.deepEqual(
    told().map((event) => event.kind === "table-applied" && event.why),
    ["health"],
  );
  assert.equal(director.inKernel("a", id(4)), false);
  director.setServer("a", id(4), true);
  timers.pass(1);
  assert.deepEqual(sent(), ["add server 192.168.1.4:80 (direct routing, weight 1) to tcp 192.168.1.1:80"]);
});

test("what is hurried goes out at once, in one batch and once", () => {
  const { director, timers, configure, sent, told } = world();
  director.hurry();
  configure({ services: [service("a", 1, server(4), server(5))] });
  sent();
  told();
  director.hurry();
  assert.deepEqual(told(), [], "there is nothing to be done");
  director.setServer("a", id(4), false);
  director.hurry();
  const removal = "remove server 192.168.1.4:80 (direct routing, weight 1) from tcp 192.168.1.1:80";
  assert.deepEqual(sent(), [removal]);
  assert.deepEqual(
    told().map((event) => event.kind === "table-applied" && event.why),
    ["health"],
  );
  timers.pass(1);
  assert.deepEqual([sent(), told()], [[], []]);
  director.setServer("a", id(4), true);
  timers.pass(1);
  assert.deepEqual(sent(), ["add server 192.168.1.4:80 (direct routing, weight 1) to tcp 192.168.1.1:80"]);
});

test("a reload sends what changed, keeps the health of what stayed, and does not read the table again", (t) => {
  const { director, timers, plane, configure, sent } = world();
  configure({ services: [service("web", 1, server(4, 5), server(5)), service("old", 2, server(4))] });
  director.setServer("web", id(5), false);
  timers.pass(1);
  sent();
  const read = t.mock.method(plane, "read");
  assert.equal(configure({ services: [service("web", 1, server(4, 3), server(5, 7))] }), null);
  assert.equal(read.mock.callCount(), 0);
  assert.deepEqual(sent(), [
    "change server 192.168.1.4:80 of tcp 192.168.1.1:80: weight 5 -> weight 3",
    "remove service tcp 192.168.1.2:80 (1 server)",
  ]);
});

test("services that alone have changed are all that is looked at, and their health stays", () => {
  const { director, timers, configure, servers, sent } = world();
  assert.equal(director.change([service("a", 1, server(4))]), false);
  configure({ services: [service("a", 1, server(4), server(5)), service("b", 2, server(4))] });
  director.setServer("a", id(4), false);
  timers.pass(1);
  sent();
  assert.equal(director.change([service("a", 1, server(4, 7), server(5, 7), server(6))]), true);
  assert.deepEqual(sent(), ["change server 192.168.1.5:80 of tcp 192.168.1.1:80: weight 1 -> weight 7"]);
  director.setServer("a", id(4), true);
  timers.pass(1);
  assert.deepEqual(sent(), ["add server 192.168.1.4:80 (direct routing, weight 7) to tcp 192.168.1.1:80"]);
  assert.deepEqual(servers("b", 2), ["192.168.1.4:80"]);
  // A whole configuration that says the same finds nothing to do.
  configure({
    services: [service("a", 1, server(4, 7), server(5, 7), server(6)), service("b", 2, server(4))],
  });
  assert.deepEqual(sent(), []);
});

test("an agent's word and an order change what the table has, at once or at their time, and a reload keeps them", () => {
  const { director, timers, configure, sent, told } = world();
  configure({ services: [service("web", 1, server(4, 5), server(5, 5))] });
  sent();
  told();
  director.adjust("web", id(4), { load: { kind: "percent", percent: 40, label: "agent" } });
  const orders = new Map<ServerId, Override>();
  director.askOverrides((_, server) => orders.get(server));
  const give = (server: ServerId, override: Override): void => {
    orders.set(server, override);
    director.adjust("web", server, { override });
  };
  give(id(5), { kind: "disable", label: "disabled by root" });
  timers.pass(1);
  assert.deepEqual(sent(), [
    "change server 192.168.1.4:80 of tcp 192.168.1.1:80: weight 5 -> weight 2",
    "remove server 192.168.1.5:80 (direct routing, weight 5) from tcp 192.168.1.1:80",
  ]);
  assert.deepEqual(
    told().map((event) => (event.kind === "server-weighed" ? [event.from, event.to] : event.kind)),
    [[5, 2], "table-applied"],
  );
  assert.deepEqual(director.standing("web", id(4))?.weighing.effective, 2);
  assert.deepEqual(director.standing("web", id(5))?.isWanted, false);
  configure({ services: [service("web", 1, server(4, 10), server(5, 5))] });
  assert.deepEqual(sent(), ["change server 192.168.1.4:80 of tcp 192.168.1.1:80: weight 2 -> weight 4"]);
  told();
  const removeAt = instant(timers.now() + 5000);
  give(id(4), { kind: "drain", label: "drained", isEmpty: false, removeAt });
  timers.pass(4999);
  assert.deepEqual(sent(), ["change server 192.168.1.4:80 of tcp 192.168.1.1:80: weight 4 -> weight 0"]);
  // What is unchanged by a reload keeps its time.
  configure({ services: [service("web", 1, server(4, 10), server(5, 5))] });
  assert.deepEqual(sent(), []);
  timers.pass(2);
  assert.deepEqual(sent(), [
    "remove server 192.168.1.4:80 (direct routing, weight 0) from tcp 192.168.1.1:80",
  ]);
});

test("what was found out in the tick of a reload is not lost by it", () => {
  const { director, timers, configure, servers } = world();
  const services = [service("web", 1, server(4), server(5))];
  configure({ services });
  director.setServer("web", id(4), false);
  configure({ services });
  assert.deepEqual(servers("web", 1), ["192.168.1.5:80"]);
  timers.pass(1);
  assert.deepEqual(servers("web", 1), ["192.168.1.5:80"]);
});

const SORRY: RealServer = { ...server(9).server };
const withPolicy = (config: ServiceConfig, policy: Partial<ServicePolicy>): ServiceConfig => ({
  ...config,
  policy: { ...DEFAULT_POLICY, ...policy },
});
const quorums = (events: readonly VipdEvent[]): readonly string[] =>
  events.flatMap((event) =>
    event.kind === "quorum-changed" ? [`${event.up ? "up" : "lost"} ${event.weight} ${event.why}`] : [],
  );

test("a sorry server comes before the last real server goes, and goes after the first is back", () => {
  const { director, timers, configure, sent, told } = world();
  configure({ services: [withPolicy(service("web", 1, server(4), server(5)), { sorry: [SORRY] })] });
  assert.deepEqual(quorums(told()), ["up 2 start"]);
  sent();
  director.setServer("web", id(4), false);
  director.setServer("web", id(5), false);
  timers.pass(1);
  assert.deepEqual(sent(), [
    "add server 192.168.1.9:80 (direct routing, weight 1) to tcp 192.168.1.1:80",
    "remove server 192.168.1.4:80 (direct routing, weight 1) from tcp 192.168.1.1:80",
    "remove server 192.168.1.5:80 (direct routing, weight 1) from tcp 192.168.1.1:80",
  ]);
  director.setServer("web", id(5), true);
  timers.pass(1);
  assert.deepEqual(sent(), [
    "add server 192.168.1.5:80 (direct routing, weight 1) to tcp 192.168.1.1:80",
    "remove server 192.168.1.9:80 (direct routing, weight 1) from tcp 192.168.1.1:80",
  ]);
  assert.deepEqual(quorums(told()), ["lost 0 health", "up 1 health"]);
});

test("where all are inhibited, the sorry server gets its weight before the last real server loses it, and the other way round", () => {
  const { director, timers, configure, sent } = world();
  const inhibited = { ...server(4), inhibit: true as const };
  configure({ services: [withPolicy(service("web", 1, inhibited), { sorry: [SORRY], inhibitSorry: true })] });
  sent();
  director.setServer("web", id(4), false);
  timers.pass(1);
  assert.deepEqual(sent(), [
    "change server 192.168.1.9:80 of tcp 192.168.1.1:80: weight 0 -> weight 1",
    "change server 192.168.1.4:80 of tcp 192.168.1.1:80: weight 1 -> weight 0",
  ]);
  director.setServer("web", id(4), true);
  timers.pass(1);
  assert.deepEqual(sent(), [
    "change server 192.168.1.4:80 of tcp 192.168.1.1:80: weight 0 -> weight 1",
    "change server 192.168.1.9:80 of tcp 192.168.1.1:80: weight 1 -> weight 0",
  ]);
});

test("the quorum's state stays over a reload, and is judged anew when the policy changes", () => {
  const { director, timers, configure, told } = world();
  const three = service("web", 1, server(4), server(5), server(6));
  const web = withPolicy(three, { quorum: 2, hysteresis: 1 });
  configure({ services: [web] });
  director.setServer("web", id(4), false);
  director.setServer("web", id(5), false);
  director.setServer("web", id(6), false);
  timers.pass(1);
  director.setServer("web", id(4), true);
  director.setServer("web", id(5), true);
  timers.pass(1);
  assert.deepEqual(quorums(told()), ["up 3 start", "lost 0 health"]);
  // Two of three: enough to keep a quorum, not to have it back.
  configure({
    services: [withPolicy(service("web", 1, server(4, 1), server(5), server(6)), { ...web.policy })],
  });
  assert.deepEqual(quorums(told()), []);
  configure({ services: [withPolicy(three, { quorum: 2 })] });
  assert.deepEqual(quorums(told()), ["up 2 reload"]);
});

test("a server that a reload adds serves after its first success; at the start, or on request, before", () => {
  const { director, timers, configure, servers } = world();
  configure({ services: [service("web", 1, server(4))] });
  configure({ services: [service("web", 1, server(4), server(5))] });
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80"]);
  assert.equal(director.presume("web", id(5)), "waits");
  assert.equal(director.standing("web", id(5))?.place, "waits");
  director.setServer("web", id(5), true);
  timers.pass(1);
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80", "192.168.1.5:80"]);
  const three = service("web", 1, server(4), server(5), server(6));
  configure({ services: [withPolicy(three, { beforeFirstCheck: "serve" })] });
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80", "192.168.1.5:80", "192.168.1.6:80"]);
  assert.equal(director.presume("web", id(6)), "unknown");
  const waiting = world();
  waiting.configure({ services: [withPolicy(service("web", 1, server(4)), { beforeFirstCheck: "wait" })] });
  assert.deepEqual(waiting.servers("web", 1), []);
  assert.deepEqual(quorums(waiting.told()), ["lost 0 start"]);
});

test("a successor knows what its predecessor inhibited, and that the sorry server serves", () => {
  const first = world();
  const inhibited = { ...server(4), inhibit: true as const };
  const services = [withPolicy(service("web", 1, inhibited), { sorry: [SORRY] })];
  first.configure({ services });
  first.director.setServer("web", id(4), false);
  first.timers.pass(1);
  first.sent();
  const second = world(first);
  second.configure({ services });
  assert.deepEqual(second.sent(), []);
  assert.equal(second.director.presume("web", id(4)), "down");
  assert.deepEqual(quorums(second.told()), ["lost 0 start"]);
});

test("a successor with a sum between lost and back leaves the quorum lost, as its predecessor had it", () => {
  const first = world();
  const web = withPolicy(service("web", 1, server(4, 3), server(5, 2)), {
    quorum: 4,
    hysteresis: 1,
    sorry: [SORRY],
  });
  first.configure({ services: [web] });
  first.director.setServer("web", id(4), false);
  first.timers.pass(1);
  assert.deepEqual(first.servers("web", 1), ["192.168.1.9:80"]);
  first.sent();
  const second = world(first);
  second.configure({ services: [web] });
  assert.deepEqual(second.sent(), []);
  second.director.setServer("web", id(4), true);
  second.timers.pass(1);
  assert.deepEqual(second.servers("web", 1), ["192.168.1.9:80"]);
  second.director.setServer("web", id(5), true);
  second.timers.pass(1);
  assert.deepEqual(second.servers("web", 1), ["192.168.1.4:80", "192.168.1.5:80"]);
  assert.deepEqual(quorums(second.told()), ["lost 0 start", "up 5 health"]);
});

test("when most machines fail together it is said once, and every service holds some; they go when it is over", () => {
  const { director, timers, configure, servers, told } = world();
  const services = [1, 2, 3].map((n) => service(`s${n}`, n, server(10 * n), server(10 * n + 1)));
  configure({ services });
  told();
  const fail = (last: number, up = false): void => {
    director.setServer(`s${Math.floor(last / 10)}`, id(last), up);
    timers.pass(1000);
  };
  for (const last of [10, 11, 20]) fail(last);
  assert.deepEqual(servers("s1", 1), []);
  fail(21);
  assert.deepEqual(
    told().flatMap((event) => (event.kind === "mass-failure" ? [[event.service, event.together]] : [])),
    [[null, 4]],
  );
  // What had gone before comes back, too.
  assert.deepEqual(servers("s1", 1), ["192.168.1.11:80"]);
  assert.deepEqual(servers("s2", 2), ["192.168.1.21:80"]);
  fail(30);
  assert.deepEqual(servers("s3", 3), ["192.168.1.31:80"]);
  fail(30, true);
  fail(10, true);
  assert.deepEqual(servers("s2", 2), []);
  assert.deepEqual(
    told().flatMap((event) => (event.kind === "mass-failure" ? [[event.service, event.over]] : [])),
    [[null, true]],
  );
});

test("at a clean stop the quorum is told of as lost where that was asked for", () => {
  const { director, configure, told } = world();
  configure({
    services: [withPolicy(service("web", 1, server(4)), { downOnStop: true }), service("shop", 2, server(4))],
  });
  told();
  director.stop("remove");
  assert.deepEqual(quorums(told()), ["lost 0 stop"]);
});

test("an unchanged reload sends nothing", () => {
  const { configure, sent } = world();
  const services = [service("web", 1, server(4), server(5))];
  configure({ services });
  sent();
  configure({ services: structuredClone(services) });
  assert.deepEqual(sent(), []);
});

test("a successor takes a crashed predecessor's table over without a change, and believes its health", () => {
  const first = world();
  const services = [service("web", 1, server(4), server(5)), service("empty", 2, server(4))];
  first.configure({ services });
  first.director.setServer("web", id(5), false);
  first.director.setServer("empty", id(4), false);
  first.timers.pass(1);
  first.sent();
  const second = world(first);
  second.configure({ services });
  assert.deepEqual(second.sent(), []);
  assert.equal(second.director.presume("web", id(4)), "up");
  assert.equal(second.director.presume("web", id(5)), "down");
  assert.equal(second.director.presume("empty", id(4)), "down");
});

test("a successor removes what its predecessor left and nobody wants, and nothing that is foreign", () => {
  const first = world();
  first.configure({ services: [service("web", 1, server(4)), service("old", 2, server(4))] });
  const foreign = service("foreign", 3, server(4));
  const foreignId = serviceId(foreign.service.key);
  first.plane.table.set(foreignId, { service: foreign.service, servers: new Map() });
  first.sent();
  const second = world(first);
  second.configure({ services: [service("web", 1, server(4))] });
  assert.deepEqual(second.sent(), ["remove service tcp 192.168.1.2:80 (1 server)"]);
  second.director.stop("remove");
  assert.deepEqual(second.sent(), ["remove service tcp 192.168.1.1:80 (1 server)"]);
});

const warnings = (events: readonly VipdEvent[]): readonly string[] =>
  events.flatMap((event) => (event.kind === "warning" ? [event.text] : []));

test("an ownership file of another boot, or a damaged one, claims nothing; of the damaged one it is said", () => {
  for (const [text, isDamaged] of [
    ['{"boot":"other","services":["tcp 192.168.1.2:80"],"sync":["master"]}', false],
    ["{", true],
    ["null", true],
    ["[]", true],
    ['{"boot":"other"}', true],
  ] as const) {
    const { plane, directory, configure, sent, told } = world();
    const foreign = service("foreign", 2, server(4));
    plane.table.set(serviceId(foreign.service.key), { service: foreign.service, servers: new Map() });
    writeFileSync(join(directory, "ipvs-owned.json"), text);
    configure({ services: [] });
    assert.deepEqual(sent(), []);
    const means = "services and sync daemons that an earlier run left behind are not recognised and stay";
    assert.deepEqual(
      warnings(told()),
      isDamaged
        ? [`${directory}/ipvs-owned.json is damaged: ${means}; not in the configuration: tcp 192.168.1.2:80`]
        : [],
    );
  }
});

test("an ownership file that is missing is news only where services are that nobody knows of", () => {
  const first = world();
  first.configure({ services: [service("web", 1, server(4)), service("old", 2, server(4))] });
  assert.deepEqual(warnings(first.told()), []);
  rmSync(join(first.directory, "ipvs-owned.json"));
  const second = world(first);
  second.configure({ services: [service("web", 1, server(4))] });
  assert.deepEqual(warnings(second.told()), [
    "there is no record of what an earlier run of vipd made: services and sync daemons that an earlier run left behind " +
      "are not recognised and stay; not in the configuration: tcp 192.168.1.2:80",
    "tcp 192.168.1.1:80 was there before, with 1 real server (192.168.1.4:80), and is not on record as made by vipd; " +
      "taken over: it is vipd's from now on",
  ]);
  // What is removed while it runs is written again with the next configuration.
  rmSync(join(first.directory, "ipvs-owned.json"));
  second.configure({ services: [service("web", 1, server(4))] });
  assert.match(readFileSync(join(first.directory, "ipvs-owned.json"), "utf8"), /192\.168\.1\.1:80/);
});

test("of an ownership file that cannot be read the reason is known", () => {
  const { directory } = world();
  mkdirSync(join(directory, "ipvs-owned.json"));
  const { owned, lost } = ownershipFile(directory).load();
  assert.deepEqual(owned, { services: new Set(), sync: new Set() });
  assert.match(typeof lost === "object" ? lost.why : "", /^\/.*\/ipvs-owned\.json cannot be read: EISDIR/);
});

test("a wanted service that somebody else made is taken over, and said so with its servers", () => {
  const { plane, configure, told, servers, director } = world();
  const foreign = service("web", 1, server(4), server(9));
  const there = (last: number): void => {
    const { service: made } = service("x", last);
    const list = foreign.servers.map((one) => [serverId(one.server), one.server] as const);
    plane.table.set(serviceId(made.key), { service: made, servers: new Map(list) });
  };
  there(1);
  configure({ services: [service("web", 1, server(4), server(5))] });
  assert.deepEqual(warnings(told()), [
    "tcp 192.168.1.1:80 was there before, with 2 real servers (192.168.1.4:80, 192.168.1.9:80), and is not on record as " +
      "made by vipd; taken over: it is vipd's from now on",
  ]);
  // Who is not known yet comes when a check has succeeded.
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80"]);
  // By a reload, too; what is ours by now is no news.
  for (const last of [11, 12, 13, 14, 15, 16, 17]) there(last);
  const more = [11, 12, 13, 14, 15, 16, 17].map((last) => service(`s${last}`, last, server(4)));
  configure({ services: [service("web", 1, server(4), server(5)), ...more] });
  const said = warnings(told());
  assert.equal(said.length, 6);
  assert.match(said[0] ?? "", /^tcp 192\.168\.1\.11:80 was there before/);
  assert.equal(said[5], "2 more services were there before; taken over");
  director.stop("remove");
  assert.equal(plane.table.size, 0);
});

test("a service under a new name keeps what is known of its servers", () => {
  const first = world();
  first.configure({ services: [service("web", 1, server(4), server(5), server(6))] });
  first.director.setServer("web", id(5), false);
  first.timers.pass(1);
  const { director, timers, configure, servers } = world(first);
  configure({ services: [service("web", 1, server(4), server(5), server(6))] });
  // Since the start the one has failed, and the other one has come back.
  director.setServer("web", id(4), false);
  director.setServer("web", id(5), true);
  timers.pass(1);
  configure({ services: [service("shop", 1, server(4), server(5), server(6))] });
  assert.deepEqual(
    [4, 5, 6].map((last) => director.presume("shop", id(last))),
    ["down", "up", "up"],
  );
  assert.deepEqual(servers("shop", 1), ["192.168.1.5:80", "192.168.1.6:80"]);
});

test("where nothing of ours is in the kernel, the status says nothing of a table", () => {
  const { director, configure } = world();
  configure({});
  assert.equal(director.status().table, null);
  configure({ sync: SYNC });
  assert.equal(director.status().table?.in_order, true);
  configure({ services: [service("web", 1, server(4))] });
  assert.equal(director.status().table?.in_order, true);
  configure({});
  assert.equal(director.status().table, null);
});

test("the services are recorded as ours before they are made", () => {
  const { plane, directory, configure } = world();
  plane.refuse = () => {
    assert.match(readFileSync(join(directory, "ipvs-owned.json"), "utf8"), /tcp 192\.168\.1\.1:80/);
    return false;
  };
  configure({ services: [service("web", 1, server(4))] });
});

test("a table that somebody flushed is repaired at the next look, and said so with its details", () => {
  const { director, timers, plane, configure, servers, told } = world();
  configure({ services: [service("web", 1, server(4), server(5))] });
  director.setServer("web", id(5), false);
  timers.pass(1);
  told();
  timers.pass(10_000);
  assert.deepEqual(told(), []);
  plane.table.clear();
  timers.pass(10_000);
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80"]);
  const [event] = told();
  assert.ok(event?.kind === "table-applied" && event.why === "repair" && event.changes === 2);
  assert.equal(director.status().table?.repairs, 1);
  assert.equal(director.status().table?.in_order, true);
});

test("a health change that meets a changed table repairs it at once", () => {
  const { director, timers, plane, configure, servers, told } = world();
  configure({ services: [service("web", 1, server(4), server(5), server(6))] });
  director.setServer("web", id(6), false);
  timers.pass(1);
  told();
  plane.table.clear();
  director.setServer("web", id(6), true);
  timers.pass(1);
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80", "192.168.1.5:80", "192.168.1.6:80"]);
  assert.deepEqual(
    told().map((event) => (event.kind === "table-applied" ? event.why : event.kind)),
    ["repair"],
  );
});

/** Ten services, each of which takes 3 ms to read; what is `looked` at since the start. */
function slowWorld() {
  const one = world();
  const all = Array.from({ length: 10 }, (_, i) => service(`s${i}`, 10 + i, server(4), server(5)));
  one.configure({ services: all });
  one.sent();
  one.told();
  const looked: string[] = [];
  const { plane, timers } = one;
  const read = plane.servers.bind(plane);
  plane.servers = (of) => {
    timers.work(3);
    looked.push(serviceId(of.key));
    return read(of);
  };
  return { ...one, all, looked };
}

test("a look at a large table lets everything else have its turn, and repairs at its end", () => {
  const { plane, timers, looked, sent, told } = slowWorld();
  const turns: number[] = [];
  for (let at = 10_001; at < 10_040; at++) timers.wakeAt(instant(at), () => turns.push(looked.length));
  for (const entry of plane.table.values()) entry.servers.delete(id(4));
  timers.pass(10_000);
  assert.equal(looked.length, 2);
  assert.deepEqual(sent(), []);
  timers.pass(100);
  // Each turn of the others at most two services later.
  assert.deepEqual([...new Set(turns)], [2, 4, 6, 8, 10]);
  assert.equal(looked.length, 10);
  assert.equal(sent().length, 10);
  assert.equal(told().length, 1);
});

test("what changes while a look goes on is not undone by what it has read, and no damage done by others", () => {
  const { director, timers, looked, servers, sent, told } = slowWorld();
  timers.pass(10_000);
  assert.equal(looked.length, 2);
  // One that was looked at, and one that was not.
  director.setServer("s0", id(4), false);
  director.setServer("s9", id(5), false);
  timers.pass(100);
  assert.deepEqual(servers("s0", 10), ["192.168.1.5:80"]);
  assert.deepEqual(servers("s9", 19), ["192.168.1.4:80"]);
  assert.equal(sent().length, 2);
  assert.deepEqual(
    told().map((event) => event.kind === "table-applied" && event.why),
    ["health"],
  );
  assert.equal(director.status().table?.repairs, 0);
});

test("a reload while a look goes on is not undone by it, and the next look comes at its time", () => {
  const { configure, plane, timers, looked, all, sent } = slowWorld();
  timers.pass(10_000);
  configure({ services: [...all.slice(1), service("new", 30, server(4))] });
  assert.equal(plane.table.size, 10);
  sent();
  timers.pass(100);
  assert.deepEqual(sent(), []);
  looked.length = 0;
  timers.pass(9800);
  assert.equal(looked.length, 0);
  timers.pass(300);
  assert.equal(looked.length, 10);
});

test("a new service is looked for, and no other one is read again for that", () => {
  const { configure, plane, looked, all, told } = slowWorld();
  const theirs = service("theirs", 40, server(6));
  plane.table.set(serviceId(theirs.service.key), { service: theirs.service, servers: new Map() });
  configure({ services: [...all, theirs] });
  assert.deepEqual(looked, ["tcp 192.168.1.40:80"]);
  assert.match(JSON.stringify(told()), /was there before/);
});

test("a stop ends a look that goes on", () => {
  const { director, timers, looked } = slowWorld();
  timers.pass(10_000);
  director.stop("remove");
  timers.pass(100);
  assert.equal(looked.length, 2);
});

test("foreign services are left alone by every look", () => {
  const { timers, plane, configure, sent } = world();
  const foreign = service("foreign", 9, server(4));
  plane.table.set(serviceId(foreign.service.key), { service: foreign.service, servers: new Map() });
  configure({ services: [service("web", 1, server(4))] });
  sent();
  timers.pass(60_000);
  assert.deepEqual(sent(), []);
});

test("a refused service is told once, tried again with growing patience, and does not stop the others", () => {
  const { director, timers, plane, configure, servers, told } = world();
  plane.refuse = (command) => "service" in command && describeCommand(command).includes("192.168.1.2:80");
  configure({ services: [service("a", 1, server(4)), service("b", 2, server(4), server(5))] });
  assert.deepEqual(servers("a", 1), ["192.168.1.4:80"]);
  const failures = told().filter((event) => event.kind === "table-failed");
  assert.equal(failures.length, 1);
  assert.match(failures[0]?.error ?? "", /add service tcp 192\.168\.1\.2:80 .*EBUSY/);
  assert.equal(failures[0]?.retry_ms, 1000);
  assert.equal(director.status().table?.in_order, false);
  // 1 s, 2 s, 4 s, 8 s, then the ordinary interval of 10 s.
  const batches = plane.batches.length;
  timers.pass(35_500);
  assert.equal(plane.batches.length - batches, 6);
  assert.deepEqual(told(), []);
  // Success elsewhere does not make it forgotten.
  director.setServer("a", id(4), false);
  timers.pass(1);
  assert.equal(director.status().table?.in_order, false);
  plane.refuse = () => false;
  timers.pass(20_000);
  assert.deepEqual(servers("b", 2), ["192.168.1.4:80", "192.168.1.5:80"]);
  assert.equal(director.status().table?.in_order, true);
  assert.equal(director.status().table?.repairs, 0);
});

test("a reload tries what was refused at once", () => {
  const { plane, configure, servers } = world();
  const services = [service("web", 1, server(4), server(5))];
  plane.refuse = (command) => command.kind === "add-server" && command.server.address.endsWith(".5");
  configure({ services });
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80"]);
  plane.refuse = () => false;
  configure({ services });
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80", "192.168.1.5:80"]);
});

test("a data plane that fails as a whole is told once, and everything goes on when it can", () => {
  const { director, timers, plane, configure, servers, told } = world();
  configure({ services: [service("web", 1, server(4))] });
  told();
  plane.isBroken = true;
  timers.pass(30_000);
  director.setServer("web", id(4), false);
  timers.pass(30_000);
  assert.deepEqual(
    told().map((event) => event.kind),
    ["table-failed", "quorum-changed"],
  );
  assert.equal(director.status().table?.in_order, false);
  plane.isBroken = false;
  timers.pass(30_000);
  assert.deepEqual(servers("web", 1), []);
  assert.equal(director.status().table?.in_order, true);
});

for (const [errno, isUnknown] of [
  ["EBUSY", false],
  ["EPERM", false],
  // The kernel's answers were lost: nobody knows what it did.
  ["ENOBUFS", true],
] as const)
  test(`${errno} for single commands is told once with the time of the next try, and over at the first that succeeds`, () => {
    const { director, timers, plane, configure, servers, told } = world();
    configure({ services: [service("web", 1, server(4), server(5)), service("mail", 2, server(4))] });
    director.setServer("web", id(5), false);
    timers.pass(1);
    told();
    const apply = plane.apply.bind(plane);
    let tries = 0;
    plane.apply = (commands) => {
      tries += commands.length;
      return commands.map((command) => ({
        ok: false,
        outOfStep: isUnknown,
        ...(isUnknown ? { isUnknown } : {}),
        error: `${describeCommand(command)}: ${errno}`,
      }));
    };
    director.setServer("web", id(5), true);
    timers.pass(6500);
    // At once (and again after a look, where that may help), after 1 s, after 2 s more; the next one would be 4 s later.
    assert.equal(tries, isUnknown ? 4 : 3);
    assert.deepEqual(
      told().map((event) => (event.kind === "table-failed" ? [event.error, event.retry_ms] : event.kind)),
      [[`add server 192.168.1.5:80 (direct routing, weight 1) to tcp 192.168.1.1:80: ${errno}`, 1000]],
    );
    assert.equal(director.status().table?.in_order, false);
    assert.equal(director.inKernel("web", id(5)), false);
    plane.apply = apply;
    timers.pass(1000);
    assert.deepEqual(servers("web", 1), ["192.168.1.4:80", "192.168.1.5:80"]);
    assert.equal(director.status().table?.in_order, true);
    assert.deepEqual(
      told().map((event) => event.kind === "table-applied" && [event.why, event.changes]),
      [["retry", 1]],
    );
    assert.equal(director.status().table?.repairs, 0);
  });

test("commands whose answers were lost, and which were not carried out, go again and are no change of others", () => {
  const { director, timers, plane, configure, sent, told } = world();
  configure({ services: [service("web", 1, server(4), server(5)), service("mail", 2, server(4))] });
  sent();
  told();
  const apply = plane.apply.bind(plane);
  plane.apply = (commands) => {
    plane.apply = apply;
    return commands.map(() => ({ ok: false, outOfStep: true, isUnknown: true, error: "ENOBUFS" }));
  };
  // Meanwhile somebody really changes another service.
  plane.table.delete(serviceId(service("mail", 2).service.key));
  director.setServer("web", id(5), false);
  timers.pass(1);
  assert.deepEqual(sent(), [
    "add service tcp 192.168.1.2:80 (wlc, not persistent)",
    "add server 192.168.1.4:80 (direct routing, weight 1) to tcp 192.168.1.2:80",
    "remove server 192.168.1.5:80 (direct routing, weight 1) from tcp 192.168.1.1:80",
  ]);
  assert.deepEqual(
    told().map((event) => event.kind === "table-applied" && [event.why, event.changes]),
    [
      ["repair", 2],
      ["retry", 1],
    ],
  );
  assert.equal(director.status().table?.repairs, 1);
  assert.equal(director.status().table?.in_order, true);
});

test("commands whose answers were lost, but which were carried out, are not sent again and are no failure", () => {
  const { director, timers, plane, configure, servers, sent, told } = world();
  configure({ services: [service("web", 1, server(4), server(5))] });
  sent();
  told();
  const apply = plane.apply.bind(plane);
  plane.apply = (commands) =>
    apply(commands).map(() => ({ ok: false, outOfStep: true, isUnknown: true, error: "ENOBUFS" }));
  director.setServer("web", id(5), false);
  timers.pass(1);
  plane.apply = apply;
  timers.pass(30_000);
  assert.deepEqual(sent(), [
    "remove server 192.168.1.5:80 (direct routing, weight 1) from tcp 192.168.1.1:80",
  ]);
  assert.deepEqual(servers("web", 1), ["192.168.1.4:80"]);
  assert.deepEqual(told(), []);
  assert.equal(director.inKernel("web", id(5)), false);
  assert.equal(director.status().table?.in_order, true);
});

test("sync daemons are started as configured and left alone by what does not change them", () => {
  const { plane, timers, configure, told } = world();
  configure({ sync: SYNC });
  assert.deepEqual([...plane.daemons.keys()], ["master", "backup"]);
  assert.equal(told().filter((event) => event.kind === "sync-daemon" && event.running).length, 2);
  configure({ sync: { ...SYNC }, services: [service("web", 1, server(4))] });
  timers.pass(30_000);
  assert.equal(plane.starts, 2);
  configure({ sync: { ...SYNC, maxLength: 1400 } });
  assert.equal(plane.starts, 4);
  configure({ sync: { ...SYNC, maxLength: 1400, roles: ["backup"] } });
  assert.deepEqual([...plane.daemons.keys()], ["backup"]);
  plane.daemons.clear();
  timers.pass(10_000);
  assert.deepEqual([...plane.daemons.keys()], ["backup"]);
  configure({ sync: null });
  assert.equal(plane.daemons.size, 0);
});

test("the backup daemon has values of its own, and each is left alone by what changes the other", () => {
  const { plane, configure } = world();
  const own = { ...SYNC, backup: { id: 0, interface: "eth2", port: 9000 } };
  configure({ sync: own });
  const place = ({ interface: device, id: number, port }: SyncDaemon): unknown[] => [device, number, port];
  const [master, backup] = [plane.daemons.get("master"), plane.daemons.get("backup")];
  assert.ok(master !== undefined && backup !== undefined);
  assert.deepEqual(
    [place(master), place(backup)],
    [
      ["eth1", 51, 8848],
      ["eth2", 0, 9000],
    ],
  );
  configure({ sync: { ...own, backup: { ...own.backup, id: 7 } } });
  assert.equal(plane.starts, 3);
  assert.equal(plane.daemons.get("master"), master);
  configure({ sync: { ...own, ttl: 1, port: 9001, backup: { ...own.backup, id: 7 } } });
  assert.equal(plane.daemons.get("backup")?.id, 7);
  assert.equal(plane.daemons.get("master")?.port, 9001);
  const running = [...plane.daemons.values()];
  assert.deepEqual(syncChanges(running, own, new Set()), [
    { kind: "replace", role: "master", interface: "eth1", id: 51 },
    { kind: "replace", role: "backup", interface: "eth2", id: 0 },
  ]);
});

test("a successor leaves running sync daemons alone, and stops them when they are no longer wanted", () => {
  const first = world();
  first.configure({ sync: SYNC });
  const second = world(first);
  second.configure({ sync: SYNC });
  assert.equal(first.plane.starts, 2);
  const third = world(first);
  third.configure({ sync: null });
  assert.equal(first.plane.daemons.size, 0);
});

test("a length that the kernel made another one of is no reason for a successor to restart the daemon", () => {
  const daemon = (role: "master" | "backup", maxLength: number, group?: IpAddress): SyncDaemon => ({
    ...{ role, interface: "eth1", id: 51, maxLength, port: 8848, ttl: 1 },
    ...{ group: group ?? ip("224.0.0.81") },
  });
  const six = ip("ff05::81");
  const changed = (wanted: SyncConfig, ...running: SyncDaemon[]): unknown[] =>
    syncChanges(running, wanted, new Set()).map(({ role, kind }) => `${kind} ${role}`);
  const short: SyncConfig = { ...SYNC, maxLength: 100 };
  assert.deepEqual(changed(short, daemon("master", 100), daemon("backup", 1024)), []);
  assert.deepEqual(changed(short, daemon("master", 1024), daemon("backup", 100)), [
    "replace master",
    "replace backup",
  ]);
  const long: SyncConfig = { ...SYNC, group: six, maxLength: 65_507 };
  assert.deepEqual(changed(long, daemon("master", 65_487, six), daemon("backup", 65_487, six)), []);
});

test("sync daemons that somebody else started are not stopped", () => {
  const { plane, director, configure } = world();
  plane.startSync("master", SYNC);
  configure({ services: [service("web", 1, server(4))] });
  director.stop("remove");
  assert.equal(plane.stops, 0);
});

test("a clean stop removes what is ours, or keeps it all", () => {
  for (const mode of ["remove", "keep"] as const) {
    const { plane, director, configure, sent } = world();
    configure({ services: [service("web", 1, server(4))], sync: SYNC });
    sent();
    director.stop(mode);
    assert.deepEqual(sent(), mode === "remove" ? ["remove service tcp 192.168.1.1:80 (1 server)"] : []);
    assert.equal(plane.stops, mode === "remove" ? 2 : 0);
  }
});

test("a stop removes what is there of ours without reading the table back, and counts nothing else", () => {
  const { plane, director, configure, sent, told } = world();
  configure({ services: [service("web", 1, server(4)), service("mail", 2, server(4))] });
  plane.table.delete(serviceId(service("mail", 2).service.key));
  const foreign = service("theirs", 9, server(4)).service;
  plane.table.set(serviceId(foreign.key), { service: foreign, servers: new Map() });
  sent();
  told();
  plane.read = () => assert.fail("a table of thousands is not read for this");
  director.stop("remove");
  assert.deepEqual([...plane.table.keys()], [serviceId(foreign.key)]);
  const [event] = told();
  assert.ok(event?.kind === "table-applied" && event.why === "stop");
  assert.deepEqual(event.details, ["remove service tcp 192.168.1.1:80 (1 server)"]);
});

test("a stop that cannot remove everything says what stays, and keeps it on record", () => {
  const { plane, directory, director, configure, told } = world();
  configure({ services: [service("web", 1, server(4)), service("mail", 2, server(4))], sync: SYNC });
  told();
  plane.refuse = (command) => describeCommand(command).includes("192.168.1.2:80");
  assert.equal(director.stop("remove"), false);
  const failed = told().flatMap((event) => (event.kind === "table-failed" ? [event.command] : []));
  assert.deepEqual(failed, ["remove service tcp 192.168.1.2:80 (1 server)"]);
  assert.deepEqual([...ownershipFile(directory).load().owned.services], ["tcp 192.168.1.2:80"]);
});

test("what was added first is removed last, where the kernel finds it at once when it comes back", () => {
  const { director, configure, sent } = world();
  const [a, b, c, d] = [1, 2, 3, 4].map((n) => service(`s${n}`, n, server(4))) as [
    ServiceConfig,
    ServiceConfig,
    ServiceConfig,
    ServiceConfig,
  ];
  const removed = (): string[] =>
    sent().flatMap((command) => /^remove service tcp 192\.168\.1\.(\d)/.exec(command)?.[1] ?? []);
  configure({ services: [a, b, c, d] });
  sent();
  configure({ services: [d] });
  assert.deepEqual(removed(), ["3", "2", "1"]);
  configure({ services: [a, d, c, b] });
  sent();
  director.stop("remove");
  assert.deepEqual(removed(), ["2", "3", "4", "1"]);
});

test("what a director left that ended without a stop is removed by the record, and by nothing else", () => {
  const first = world();
  first.configure({ services: [service("web", 1, server(4)), service("mail", 2, server(4))], sync: SYNC });
  const foreign = service("foreign", 3, server(4));
  first.plane.table.set(serviceId(foreign.service.key), { service: foreign.service, servers: new Map() });
  first.sent();
  const second = world(first);
  first.plane.isBroken = true;
  assert.equal(removeRecorded(second.ports, first.directory), false);
  first.plane.isBroken = false;
  assert.equal(removeRecorded(world(first).ports, first.directory), true);
  // What was added first goes last, where the kernel finds it at once when it comes back.
  assert.deepEqual(first.sent(), [
    "remove service tcp 192.168.1.2:80 (1 server)",
    "remove service tcp 192.168.1.1:80 (1 server)",
  ]);
  assert.equal(first.plane.daemons.size, 0);
  assert.ok(first.plane.isClosed);
  rmSync(join(first.directory, "ipvs-owned.json"));
  const last = world(first);
  assert.equal(removeRecorded(last.ports, first.directory), false);
  assert.deepEqual(
    last.told().map((event) => (event.kind === "table-failed" ? event.error : event.kind)),
    ["there is no record of them"],
  );
  assert.equal(first.plane.table.size, 1);
});

test("without IPVS in the kernel services are refused with the fix, and a director without services goes on", () => {
  const reason = "the kernel has no ip_vs: modprobe ip_vs";
  const director = new IpvsDirector({
    openPlane: () => err(reason),
    openSettings: noSettings,
    openOwnership: () => assert.fail("there is nothing to own"),
    timers: new ManualTimers(),
    report: () => assert.fail("there is nothing to tell"),
  });
  const order = {
    runtimeDirectory: "/nonexistent",
    ipvs: { reconcileEvery: seconds(10), onStop: "remove" as const },
    sync: null,
    masters: {},
  };
  assert.equal(director.configure({ ...order, services: [] }), null);
  assert.equal(director.configure({ ...order, services: [service("web", 1, server(4))] }), reason);
  assert.deepEqual(director.status(), { sync: [], table: null });
  director.stop("remove");
});

test("a runtime directory that cannot be written is refused before anything is made", () => {
  const { plane, director } = world();
  const error = director.configure({
    runtimeDirectory: "/proc/nowhere",
    ipvs: { reconcileEvery: seconds(10), onStop: "remove" },
    sync: null,
    masters: {},
    services: [service("web", 1, server(4))],
  });
  assert.match(error ?? "", /ENOENT/);
  assert.equal(plane.table.size, 0);
  assert.ok(plane.isClosed);
});

test("the table as text has the layout of ipvsadm -Ln", () => {
  const { plane, configure } = world();
  const persistent = service("web", 1, server(4, 5));
  configure({
    services: [
      {
        ...persistent,
        service: { ...persistent.service, persistence: { timeout: seconds(300), prefixLength: 24 } },
      },
      {
        name: "mark",
        service: { key: { kind: "fwmark", mark: 7, family: "ipv6" }, scheduler: "mh" },
        servers: [
          {
            server: { address: ip("2001:db8::4"), port: 0, forwarding: "tunnel", weight: 0 },
            checks: [],
          },
        ],
      },
    ],
  });
  assert.deepEqual(tableText(plane.read()), [
    "Prot LocalAddress:Port Scheduler Flags",
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    "TCP  192.168.1.1:80 wlc persistent 300 mask 255.255.255.0",
    "  -> 192.168.1.4:80               Route   5      0          0",
    "FWM  7 IPv6 mh",
    "  -> [2001:db8::4]:0              Tunnel  0      0          0",
  ]);
});

test("what would be done to sync daemons: start, replace, stop of our own, nothing to others", () => {
  const daemon = (role: SyncRole, change: Partial<SyncDaemon> = {}): SyncDaemon => ({
    ...{ role, interface: "eth1", id: 51, maxLength: 1464, port: 8848, ttl: 1 },
    ...change,
  });
  const kinds = (
    running: readonly SyncDaemon[],
    wanted: SyncConfig | null,
    ...owned: readonly SyncRole[]
  ): readonly string[] =>
    syncChanges(running, wanted, new Set(owned)).map(
      ({ kind, role, interface: device, id: number }) => `${kind} ${role} ${device} ${number}`,
    );
  const both = [daemon("master"), daemon("backup")];
  assert.deepEqual(kinds([], SYNC), ["start master eth1 51", "start backup eth1 51"]);
  assert.deepEqual(kinds(both, SYNC), []);
  assert.deepEqual(kinds([daemon("master", { interface: "eth0" })], { ...SYNC, roles: ["master"] }), [
    "replace master eth1 51",
  ]);
  assert.deepEqual(kinds(both, { ...SYNC, roles: ["backup"] }, "master"), ["stop master eth1 51"]);
  assert.deepEqual(kinds(both, null, "backup"), ["stop backup eth1 51"]);
});
