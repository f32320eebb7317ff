// The table of a plan by what a daemon says of its servers: what a running director has made of them is no change, and
// what a new configuration adds is what its reload would add.

import assert from "node:assert/strict";
import { test } from "node:test";
import { tableByHealth } from "../../src/cli/plan-table.js";
import {
  DEFAULT_POLICY,
  type CheckConfig,
  type Config,
  type ServiceConfig,
  type ServicePolicy,
} from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { Checks } from "../../src/director/checks.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { seededRandom } from "../../src/core/random.js";
import type { CheckMeans } from "../../src/checkers/checker.js";
import { ok } from "../../src/core/result.js";
import { diff } from "../../src/ipvs/diff.js";
import { describeCommand } from "../../src/ipvs/command.js";
import { serverId, type RealServer } from "../../src/ipvs/model.js";
import type { RunEnd } from "../../src/ports/runner.js";
import type { Orders } from "../../src/services/order.js";
import { World } from "../checkers/world.js";
import { FakePlane } from "../ipvs/fake-plane.js";
import { noSettings } from "../ipvs/no-settings.js";

const check: CheckConfig = {
  type: "script",
  options: { command: ["/bin/agent"], shell: false, dynamic: true },
  timing: { every: seconds(1), timeout: seconds(1), rise: 1, fall: 1 },
};
const real = (last: number, weight = 64): RealServer => ({
  ...{ address: ip(`10.0.0.${last}`), port: 80, forwarding: "nat", weight },
});
const SORRY = real(200);
const service = (lasts: readonly number[], policy: Partial<ServicePolicy> = {}): ServiceConfig => ({
  name: "web",
  service: {
    key: { kind: "address", protocol: "tcp", address: ip("192.0.2.80"), port: 80 },
    scheduler: "wlc",
  },
  servers: lasts.map((last) => ({ server: real(last), checks: [check] })),
  policy: { ...DEFAULT_POLICY, ...policy },
});

/** A director that runs; programs end with the codes in `codes`, by the last part of the server's address. */
async function running(config: ServiceConfig, orders?: Orders) {
  const world = new World();
  const plane = new FakePlane();
  const codes = new Map<number, number>();
  const checks = new Checks({
    means: {
      runner: {
        run: ({ environment }: { environment: Record<string, string> }) => {
          const last = Number(environment["VIPD_SERVER"]?.split(".").at(-1));
          const end: RunEnd = { kind: "exited", code: codes.get(last) ?? 0, stderr: "" };
          return { end: Promise.resolve(end), gone: Promise.resolve() };
        },
      },
    } as unknown as CheckMeans,
    timers: world,
    random: seededRandom(7),
    limits: { socket: 100, process: 100 },
    wallTime: () => 1_000_000 + world.now(),
    isTrackDown: () => false,
    report: () => undefined,
    table: new IpvsDirector({
      openPlane: () => ok(plane),
      openSettings: noSettings,
      openOwnership: () => ({
        load: () => ({ owned: { services: new Set(), sync: new Set() } }),
        save: () => undefined,
      }),
      timers: world,
      report: () => undefined,
    }),
  });
  const order = {
    ...{ runtimeDirectory: "/nowhere", sync: null, masters: {}, services: [config] },
    ipvs: { reconcileEvery: seconds(600), onStop: "remove" as const },
    ...(orders === undefined ? {} : { orders }),
  };
  assert.equal(checks.configure(order), null);
  await world.until(5000);
  /** What a plan with this configuration would change. */
  const planned = (next: ServiceConfig = config): string[] => {
    const wanted = tableByHealth(
      { services: [next], ipvs: {} } as unknown as Config,
      plane.read(),
      checks.status(1).services,
    );
    return diff(plane.read(), wanted, new Set(plane.read().keys())).map(describeCommand);
  };
  const turn = async (changes: Readonly<Record<number, number>>, until: number): Promise<void> => {
    for (const [last, code] of Object.entries(changes)) codes.set(Number(last), code);
    await world.until(until);
  };
  const servers = (): string[] =>
    [...plane.read().values()]
      .flatMap((entry) =>
        Array.from(entry.servers.values(), (one) => `${one.address.split(".").at(-1) ?? ""}=${one.weight}`),
      )
      .sort();
  return { checks, planned, turn, servers };
}

test("a serving sorry server, servers that are down, inhibited or held are as they should be", async () => {
  const sorry = await running(service([1, 2], { sorry: [SORRY] }));
  await sorry.turn({ 1: 1, 2: 1 }, 10_000);
  assert.deepEqual(sorry.servers(), ["200=64"]);
  assert.deepEqual(sorry.planned(), []);
  const inhibited = service([1, 2, 3]);
  const down = await running({
    ...inhibited,
    servers: inhibited.servers.map((one) => ({ ...one, inhibit: true as const })),
  });
  await down.turn({ 1: 1 }, 10_000);
  assert.deepEqual(down.servers(), ["1=0", "2=64", "3=64"]);
  assert.deepEqual(down.planned(), []);
  const held = await running(service([1, 2, 3, 4, 5], { massFailure: "hold" }));
  await held.turn({ 1: 1, 2: 1, 3: 1, 4: 1, 5: 1 }, 20_000);
  assert.ok(held.servers().length > 0 && held.servers().length < 5, held.servers().join());
  assert.deepEqual(held.planned(), []);
});

test("weights of loads and slow starts, and orders, are as they should be", async () => {
  const loaded = await running(service([1, 2], { slowStart: seconds(60) }));
  await loaded.turn({ 1: 1, 2: 42 }, 10_000);
  await loaded.turn({ 1: 34 }, 25_000);
  assert.deepEqual(loaded.servers(), ["1=2", "2=40"]);
  assert.deepEqual(loaded.planned(), []);
  const target = { service: "web", by: "root", since: 0, until: null, deadline: null };
  const orders: Orders = {
    orders: [
      { ...target, action: "drain", server: serverId(real(1)) },
      { ...target, action: "disable", server: serverId(real(2)) },
    ],
    windows: [],
  };
  const ordered = await running(service([1, 2, 3]), orders);
  assert.deepEqual(ordered.servers(), ["3=64"]);
  assert.deepEqual(ordered.planned(), []);
});

test("a server that the file adds waits, unless its service says otherwise or it is not checked", async () => {
  const { planned, turn } = await running(service([1, 2]));
  await turn({ 2: 1 }, 10_000);
  assert.deepEqual(planned(service([1, 2, 3])), []);
  assert.deepEqual(planned(service([1, 2, 3], { beforeFirstCheck: "serve" })), [
    "add server 10.0.0.3:80 (NAT, weight 64) to tcp 192.0.2.80:80",
  ]);
  const unchecked = service([1, 2]);
  assert.deepEqual(
    planned({ ...unchecked, servers: [...unchecked.servers, { server: real(4), checks: [] }] }),
    ["add server 10.0.0.4:80 (NAT, weight 64) to tcp 192.0.2.80:80"],
  );
  assert.deepEqual(planned(service([2])), [
    "remove server 10.0.0.1:80 (NAT, weight 64) from tcp 192.0.2.80:80",
  ]);
});
