// The table that is made before a start: the very one that the start would make, sent where nothing stands against it.

import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  DEFAULT_POLICY,
  type IpvsConfig,
  type ServerConfig,
  type ServiceConfig,
  type ServicePolicy,
} from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import { Reader } from "../../src/core/bytes.js";
import { ok } from "../../src/core/result.js";
import { seconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import { prepareTable } from "../../src/director/prepare-table.js";
import { keysOf, type ServiceGroup } from "../../src/ipvs/group.js";
import { serviceId, type ServiceId, type ServiceKey } from "../../src/ipvs/model.js";
import { prepareBatches, removalOf, type PreparedTable } from "../../src/ipvs/prepared.js";
import { stampBatch, uncutBatches } from "../../src/netlink/batch.js";
import { messagesIn } from "../../src/netlink/message.js";
import { FakePlane } from "./fake-plane.js";
import { ManualTimers } from "./manual-timers.js";
import { noSettings } from "./no-settings.js";

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

const CHECK = {
  type: "tcp",
  options: {},
  timing: { every: seconds(5), timeout: seconds(3), rise: 1, fall: 3 },
};
const server = (address: string, weight = 1, more: Partial<ServerConfig> = {}): ServerConfig => ({
  server: { address: ip(address), port: 80, forwarding: "nat", weight },
  checks: [CHECK],
  ...more,
});
const service = (name: string, address: string, ...servers: ServerConfig[]): ServiceConfig => ({
  name,
  service: { key: { kind: "address", protocol: "tcp", address: ip(address), port: 80 }, scheduler: "wlc" },
  servers,
});
const SORRY = { address: ip("192.168.9.9"), port: 80, forwarding: "nat", weight: 1 } as const;
const GROUP: ServiceGroup = { keys: [{ kind: "fwmark", mark: 5, family: "ipv4" }], ports: "servers" };
const WAIT: ServicePolicy = { ...DEFAULT_POLICY, beforeFirstCheck: "wait" };
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Whatever of a service can make another table of the same servers. */
const SERVICES: readonly ServiceConfig[] = [
  service("plain", "192.168.1.1", server("192.168.2.9"), server("192.168.2.4", 7)),
  service("six", "2001:db8::1", server("2001:db8::4"), server("2001:db8::5", 0)),
  {
    ...service("waits", "192.168.1.2", server("192.168.2.4"), server("192.168.2.5", 1, { checks: [] })),
    policy: WAIT,
  },
  service("inhibits", "192.168.1.3", server("192.168.2.4", 3, { inhibit: true })),
  {
    ...service("sorry", "192.168.1.4", server("192.168.2.4")),
    policy: { ...DEFAULT_POLICY, quorum: 2, sorry: [SORRY] },
  },
  service("empty", "192.168.1.5"),
  {
    ...service("group", "192.168.1.6", server("192.168.2.4"), server("192.168.2.5")),
    group: GROUP,
  },
  service("large", "192.168.1.7", ...numbers(3000).map((n) => server(`10.1.${n >> 8}.${n & 255}`))),
];

function world(services = SERVICES) {
  const plane = new FakePlane();
  const directory = mkdtempSync(join(tmpdir(), "vipd-prepared-"));
  directories.push(directory);
  const director = new IpvsDirector({
    openPlane: () => ok(plane),
    openSettings: noSettings,
    openOwnership: ownershipFile,
    timers: new ManualTimers(),
    report: () => undefined,
  });
  const order = (ipvs: Partial<IpvsConfig> = {}) => ({
    runtimeDirectory: directory,
    ipvs: { reconcileEvery: seconds(10), onStop: "remove" as const, ...ipvs },
    sync: null,
    masters: {},
    services,
  });
  return { plane, director, order, recorded: () => ownershipFile(directory).load().owned.services };
}

const KEYS = SERVICES.flatMap(keysOf);
const keyOf = (id: ServiceId): ServiceKey =>
  KEYS.find((key) => serviceId(key) === id) ?? assert.fail(`no key ${id}`);

/** What is sent of it, one text a batch. */
const bytesOf = ({ batches }: Pick<PreparedTable, "batches">): string[] =>
  batches.map((batch) => Buffer.from(batch).toString("hex"));

test("what is prepared is what a start from nothing sends", () => {
  const { plane, director, order } = world();
  assert.equal(director.configure(order()), null);
  const prepared = prepareTable(SERVICES, undefined);
  assert.ok(prepared.batches.length > 1);
  assert.deepEqual(bytesOf(prepared), bytesOf({ batches: prepareBatches(plane.batches.flat()) }));
  assert.deepEqual(new Set(prepared.ids), new Set(plane.table.keys()));
});

test("it goes out before the configuration is taken, once it is on record as ours", () => {
  const { plane, director, order, recorded } = world();
  const prepared = prepareTable(SERVICES, undefined);
  let before: ReadonlySet<string> = new Set();
  plane.sendAhead = (batches) => {
    before = recorded();
    plane.ahead.push(batches);
  };
  director.sendAhead(order(), prepared);
  assert.deepEqual(before, new Set(prepared.ids));
  assert.equal(plane.ahead.length, 1);
  assert.equal(director.configure(order()), null);
  assert.equal(plane.batches.flat().length, SERVICES.length + 1 + 3012 - 1);
});

test("what the supervisor has sent is not sent again, and is not looked for in the table", () => {
  const { plane, director, order } = world();
  const prepared = prepareTable(SERVICES, undefined);
  const refusals = [[3, { errno: 22 }]] as const;
  director.sendAhead(order(), prepared, { refusals });
  assert.deepEqual(plane.ahead, []);
  assert.deepEqual(plane.taken, [{ batches: prepared.batches, refusals }]);
  const isRead = (): never => assert.fail("the table is read");
  Object.assign(plane, { read: isRead, services: isRead });
  assert.equal(director.configure(order()), null);
  assert.deepEqual(bytesOf(prepared), bytesOf({ batches: prepareBatches(plane.batches.flat()) }));
  // A director that has a configuration knows better.
  const other = world();
  other.director.configure(other.order());
  other.director.sendAhead(other.order(), prepared, { refusals });
  assert.deepEqual(other.plane.taken, []);
});

test("a prepared table is taken away again service by service, the last one first", () => {
  const prepared = prepareTable(SERVICES, undefined);
  const removals = removalOf(prepared.batches);
  const all = uncutBatches(removals);
  // The part of a service that says what it balances comes first, and is all that its removal needs.
  const wanted = [...prepared.ids]
    .reverse()
    .map((id) => prepareBatches([{ kind: "remove-service", key: keyOf(id), servers: 0 }]))
    .map(([bytes = assert.fail()]) => Buffer.from(bytes));
  const sent = [...messagesIn(all, all.length)];
  assert.equal(sent.length, prepared.ids.length);
  for (const [i, { from, to }] of sent.entries()) {
    const bytes = Buffer.from(all.subarray(from, to));
    const nest = (whole: Buffer): Buffer => whole.subarray(8);
    const removal = (wanted[i] as Buffer).subarray(16);
    assert.equal(bytes[0], removal[0]);
    assert.ok(nest(bytes).includes(nest(removal)), prepared.ids.at(-1 - i));
  }
});

test("it is not sent where the rules could make another table", () => {
  const prepared = prepareTable(SERVICES, undefined);
  const notSent = ({ plane, director, order }: ReturnType<typeof world>, ipvs: Partial<IpvsConfig> = {}) => {
    director.sendAhead(order(ipvs), prepared);
    assert.equal(plane.ahead.length, 0);
  };
  const taken = world();
  const [{ service: other } = assert.fail()] = SERVICES;
  taken.plane.table.set(serviceId(other.key), { service: other, servers: new Map() });
  notSent(taken);
  notSent(world(), { modules: ["ip_vs_wlc"] });
  notSent(world(), { settings: { conn_reuse_mode: "1" } });
  const started = world();
  started.director.configure(started.order());
  notSent(started);
  const broken = world();
  broken.plane.isBroken = true;
  notSent(broken);
});

test("a table that cannot be read or sent is a matter of the configuration that follows", () => {
  const { plane, director, order } = world();
  plane.isBroken = true;
  director.sendAhead(order(), prepareTable(SERVICES, undefined));
  assert.match(director.configure(order()) ?? "", /EPERM/);
  plane.isBroken = false;
  assert.equal(director.configure(order()), null);
  assert.equal(plane.table.size, SERVICES.length + 1);
});

test("a batch gets the family and the numbers of the day, and stays what it is", () => {
  const [batch = assert.fail()] = prepareTable(SERVICES, undefined).batches;
  const stamped = Uint8Array.from(batch);
  const count = stampBatch(stamped, 0x1234, 70_000);
  const seen: number[] = [];
  for (let at = 0; at < stamped.length;) {
    const input = new Reader(stamped, at);
    const length = input.u32ne("length");
    assert.equal(input.u16ne("type"), 0x1234);
    input.skip("flags", 2);
    seen.push(input.u32ne("sequence"));
    at += (length + 3) & ~3;
  }
  assert.deepEqual(
    seen,
    numbers(count).map((n) => 70_000 + n),
  );
  stampBatch(stamped, 0, 0);
  assert.deepEqual(stamped, Uint8Array.from(batch));
});
