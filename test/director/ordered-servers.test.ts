// Orders on their way into the table: drains that wait for connections, deadlines, restarts and reloads.

import assert from "node:assert/strict";
import { noSettings } from "../ipvs/no-settings.js";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, test } from "node:test";
import type { CheckMeans } from "../../src/checkers/checker.js";
import { DEFAULT_POLICY, type ServiceConfig } from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import { ip } from "../../src/core/address.js";
import { seededRandom } from "../../src/core/random.js";
import { ok } from "../../src/core/result.js";
import { seconds } from "../../src/core/units.js";
import { Checks, type ChecksOrder } from "../../src/director/checks.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import { serverId, serviceId, type ServerId } from "../../src/ipvs/model.js";
import type { Order, Orders } from "../../src/services/order.js";
import { FakePlane } from "../ipvs/fake-plane.js";
import { ManualTimers } from "../ipvs/manual-timers.js";

const directory = mkdtempSync(join(tmpdir(), "vipd-orders-"));
afterAll(() => rmSync(directory, { recursive: true }));

const WALL = 1_700_000_000_000;
const A = "10.0.0.1:80" as ServerId;
const B = "10.0.0.2:80" as ServerId;

const service = (name: string, last: number, ...servers: readonly string[]): ServiceConfig => ({
  name,
  service: {
    key: { kind: "address", protocol: "tcp", address: ip(`192.0.2.${last}`), port: 80 },
    scheduler: "wlc",
  },
  servers: servers.map((address) => ({
    server: { address: ip(address), port: 80, forwarding: "nat", weight: 5 },
    checks: [],
  })),
});
const WEB = service("web", 80, "10.0.0.1", "10.0.0.2");

function world(plane = new FakePlane(), exit: () => number = () => assert.fail("no programs here")) {
  const timers = new ManualTimers();
  const events: VipdEvent[] = [];
  const report = (event: VipdEvent): unknown => events.push(event);
  const checks = new Checks({
    means: {
      dialer: { dial: () => Promise.reject(new Error("no")), probe: () => Promise.resolve(ok(null)) },
      runner: {
        run: () => ({
          end: Promise.resolve({ kind: "exited", code: exit(), stderr: "" }),
          gone: Promise.resolve(),
        }),
        probe: () => ok(null),
      },
    } as unknown as CheckMeans,
    timers,
    random: seededRandom(1),
    limits: { socket: 10, process: 10 },
    isTrackDown: () => false,
    wallTime: () => WALL + timers.now(),
    report,
    table: new IpvsDirector({
      openPlane: () => ok(plane),
      openSettings: noSettings,
      openOwnership: ownershipFile,
      timers,
      report,
    }),
  });
  const configure = (services: readonly ServiceConfig[], ...orders: readonly Order[]): void => {
    const order: ChecksOrder = {
      runtimeDirectory: directory,
      ipvs: { reconcileEvery: seconds(60), onStop: "keep" },
      sync: null,
      masters: {},
      services,
      orders: { orders, windows: [] },
    };
    assert.equal(checks.configure(order), null);
  };
  const take = (...orders: readonly Order[]): void => checks.take({ orders, windows: [] } satisfies Orders);
  const entry = (last = 80) =>
    plane.table.get(
      serviceId({ kind: "address", protocol: "tcp", address: ip(`192.0.2.${last}`), port: 80 }),
    );
  /** Weights in the table: "10.0.0.1:80 5". */
  const table = (last?: number): string[] =>
    [...(entry(last)?.servers.values() ?? [])].map((server) => `${serverId(server)} ${server.weight}`);
  const connections = (server: ServerId, active: number): void => {
    const known = entry()?.servers.get(server);
    if (known !== undefined) entry()?.servers.set(server, { ...known, active });
  };
  const drained = (): VipdEvent[] => events.filter(({ kind }) => kind === "server-drained");
  return { plane, timers, checks, events, configure, take, table, connections, drained };
}

const order = (action: Order["action"], server: ServerId, change: Partial<Order> = {}): Order => ({
  action,
  service: "web",
  server,
  by: "alice",
  since: WALL,
  until: null,
  deadline: null,
  ...change,
});

test("a drained server gets weight 0, and leaves when its last connection has ended", () => {
  const { timers, configure, take, table, connections, drained, checks } = world();
  configure([WEB]);
  connections(A, 2);
  take(order("drain", A));
  timers.pass(0);
  assert.deepEqual(table(), [`${A} 0`, `${B} 5`]);
  connections(A, 2);
  timers.pass(20_000);
  connections(A, 1);
  timers.pass(20_000);
  assert.deepEqual(table(), [`${A} 0`, `${B} 5`]);
  const [status] = checks.status(1, true).services;
  assert.deepEqual(
    status?.servers.map(({ server, order: given }) => [
      server,
      given?.by,
      given?.connections,
      given?.drain?.left.active,
    ]),
    [[A, "alice", 2, 1]],
  );
  connections(A, 0);
  timers.pass(11_000);
  assert.deepEqual(table(), [`${B} 5`]);
  assert.equal(drained().length, 1);
  const [event] = drained();
  assert.equal(event?.kind === "server-drained" && event.how, "empty");
  take();
  timers.pass(0);
  assert.deepEqual(table(), [`${B} 5`, `${A} 5`]);
});

test("at its deadline a drained server leaves with the connections it has, on the moment", () => {
  const { timers, configure, take, table, connections, drained } = world();
  configure([WEB]);
  take(order("drain", A, { deadline: WALL + 4500 }));
  timers.pass(0);
  connections(A, 3);
  timers.pass(4499);
  assert.deepEqual(table(), [`${A} 0`, `${B} 5`]);
  timers.pass(2);
  assert.deepEqual(table(), [`${B} 5`]);
  const [event] = drained();
  assert.deepEqual(event?.kind === "server-drained" && [event.how, event.connections], ["deadline", 3]);
});

test("a disabled server is out at once, and how many connections ended is known", () => {
  const { timers, configure, take, table, connections, checks } = world();
  configure([WEB]);
  connections(A, 7);
  take(order("disable", A));
  timers.pass(0);
  assert.deepEqual(table(), [`${B} 5`]);
  assert.equal(checks.status(1, true).services[0]?.servers[0]?.order?.connections, 7);
});

test("orders outlive a restart: what was out stays out, and a drain goes on", () => {
  const before = world();
  before.configure([WEB]);
  before.take(order("disable", B));
  before.timers.pass(0);
  before.connections(A, 1);
  const batches = before.plane.batches.length;
  const after = world(before.plane);
  after.configure([WEB], order("drain", A), order("disable", B));
  // Not for a moment is it otherwise.
  assert.deepEqual(after.table(), [`${A} 0`]);
  const touched = after.plane.batches
    .slice(batches)
    .flatMap((commands) => commands.map((command) => ("server" in command ? serverId(command.server) : "")));
  assert.deepEqual(touched, [A]);
  after.connections(A, 0);
  after.timers.pass(2000);
  assert.deepEqual(after.table(), []);
});

test("a reload changes nothing of an order, and orders of servers that are gone wait for them", () => {
  const { timers, configure, take, table, connections } = world();
  configure([WEB]);
  connections(A, 1);
  take(order("drain", A), order("disable", B));
  timers.pass(0);
  connections(A, 1);
  configure([WEB, service("more", 81, "10.0.0.1")], order("drain", A), order("disable", B));
  assert.deepEqual(table(), [`${A} 0`]);
  configure([service("web", 80, "10.0.0.1")], order("drain", A), order("disable", B));
  configure([WEB], order("drain", A), order("disable", B));
  assert.deepEqual(table(), [`${A} 0`]);
  // The name is what was ordered of: under another one the service is another one.
  configure([{ ...WEB, name: "other" }], order("drain", A), order("disable", B));
  assert.deepEqual(table().sort(), [`${A} 5`, `${B} 5`]);
});

test("only services with a drain under way are looked at", () => {
  const { plane, timers, configure, take } = world();
  configure([WEB, service("more", 81, "10.0.0.1")]);
  const looks: string[] = [];
  const servers = plane.servers.bind(plane);
  plane.servers = (of) => {
    looks.push(serviceId(of.key));
    return servers(of);
  };
  timers.pass(5000);
  assert.deepEqual(looks, []);
  take(order("disable", A), order("drain", B));
  timers.pass(5000);
  const seen = looks.splice(0);
  timers.pass(40_000);
  // Three for the orders, and one each time that a server goes (ipvs-leavers.ts).
  assert.ok(seen.length <= 5 && seen.every((one) => one === "tcp 192.0.2.80:80"), seen.join());
  assert.deepEqual(looks, []);
});

test("a window drains what it names for as long as it is open, and a person's word stands against it", () => {
  const { timers, configure, checks, table } = world();
  configure([WEB]);
  const window = {
    window: "1",
    action: "disable",
    targets: ["10.0.0.1"],
    since: WALL,
    until: WALL + 60_000,
    deadline: null,
  } as const;
  checks.take({ orders: [], windows: [window] });
  timers.pass(0);
  assert.deepEqual(table(), [`${B} 5`]);
  checks.take({ orders: [order("serve", A)], windows: [window] });
  timers.pass(0);
  assert.deepEqual(table().sort(), [`${A} 5`, `${B} 5`]);
  checks.take({ orders: [], windows: [] });
  timers.pass(0);
  assert.deepEqual(table().sort(), [`${A} 5`, `${B} 5`]);
});

test("a drain goes on from where it is when its window is to be open for longer", () => {
  const { timers, configure, checks, table, drained } = world();
  configure([WEB]);
  const windowUntil = (until: number) => ({
    ...{ window: "1", targets: ["web/10.0.0.1"], since: WALL, until: WALL + until, deadline: null },
    action: "drain" as const,
  });
  checks.take({ orders: [], windows: [windowUntil(60_000)] });
  timers.pass(3000);
  assert.deepEqual([table(), drained().length], [[`${B} 5`], 1]);
  checks.take({ orders: [], windows: [windowUntil(120_000)] });
  timers.pass(0);
  assert.deepEqual(table(), [`${B} 5`]);
  timers.pass(3000);
  assert.equal(drained().length, 1);
  assert.equal(checks.status(1, true).services[0]?.servers[0]?.order?.until, WALL + 120_000);
});

test("a server that comes back from an order starts slowly, and at the start of vipd none does", () => {
  const { timers, configure, take, table } = world();
  const slow: ServiceConfig = { ...WEB, policy: { ...DEFAULT_POLICY, slowStart: seconds(50) } };
  const wide = {
    ...slow,
    servers: slow.servers.map((one) => ({ ...one, server: { ...one.server, weight: 64 } })),
  };
  configure([wide]);
  assert.deepEqual(table(), [`${A} 64`, `${B} 64`]);
  take(order("disable", A));
  timers.pass(1000);
  take();
  const seen: string[] = [];
  for (let i = 0; i < 6; i++) {
    timers.pass(1);
    seen.push(table().find((line) => line.startsWith(A)) ?? "");
    timers.pass(9999);
  }
  assert.deepEqual(
    seen,
    [2, 4, 8, 16, 32, 64].map((weight) => `${A} ${weight}`),
  );
});

test("what a script says of its server's weight reaches the table, with its sum, and a failure adds nothing", async () => {
  let code = 0;
  const { timers, configure, table, events } = world(new FakePlane(), () => code);
  const check = {
    type: "script",
    options: { command: ["/bin/x"], shell: false, dynamic: true },
    timing: { every: seconds(1), timeout: seconds(1), rise: 1, fall: 3 },
  };
  configure([{ ...WEB, servers: WEB.servers.slice(0, 1).map((one) => ({ ...one, checks: [check] })) }]);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 6; i++) {
      timers.pass(500);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  };
  for (const [exit, wanted] of [
    [0, [`${A} 5`]],
    [4, [`${A} 2`]],
    [2, [`${A} 0`]],
    [0, [`${A} 5`]],
    [255, [`${A} 253`]],
    [0, [`${A} 5`]],
  ] as const) {
    code = exit;
    await settle();
    await settle();
    assert.deepEqual(table(), wanted, `exit code ${exit}`);
  }
  const weighed = events.flatMap((event) =>
    event.kind === "server-weighed" ? [`${event.from} ${event.to}`] : [],
  );
  assert.deepEqual(weighed, ["5 2", "2 0", "0 5", "5 253", "253 5"]);
  code = 1;
  await settle();
  await settle();
  assert.deepEqual(table(), []);
  code = 0;
  await settle();
  assert.deepEqual(table(), [`${A} 5`]);
});
