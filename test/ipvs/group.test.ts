// Services with several keys: each key has in the table what the first one has, and one decision reaches all of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { diffConfig } from "../../src/config/change.js";
import type { Config, ServerConfig, ServiceConfig } from "../../src/config/model.js";
import { fits } from "../../src/config/splice.js";
import { addressesIn, parseRange } from "../../src/core/address-range.js";
import { ip, type IpAddress } from "../../src/core/address.js";
import { wantedTable } from "../../src/cli/plan-table.js";
import { diff } from "../../src/ipvs/diff.js";
import { fanOut, furtherServices, keysOf, portOfKey, type ServiceGroup } from "../../src/ipvs/group.js";
import {
  serverId,
  serviceId,
  type RealServer,
  type ServerId,
  type ServiceKey,
} from "../../src/ipvs/model.js";
import { service as anyService, server as anyServer } from "./arbitrary.js";
import { CHECK, directorWorld, type Predecessor } from "./director-world.js";

const key = (last: number, port = 80): ServiceKey => ({
  kind: "address",
  protocol: "tcp",
  address: ip(`192.168.1.${last}`),
  port,
});
const server = (last: number, port = 80): ServerConfig => ({
  server: { address: ip(`10.0.0.${last}`), port, forwarding: "nat", weight: 1 },
  checks: [CHECK],
});
const grouped = (
  keys: readonly ServiceKey[],
  ports: ServiceGroup["ports"],
  ...servers: ServerConfig[]
): ServiceConfig => {
  const [first, ...further] = keys;
  assert.ok(first !== undefined);
  const service = { key: first, scheduler: "wlc" } as const;
  return {
    name: "web",
    service,
    ...(further.length === 0 ? {} : { group: { keys: further, ports } }),
    servers,
  };
};
const s = (text: string): ServerId => text as ServerId;

function world(predecessor?: Predecessor) {
  const { configure: configureAll, told, ...made } = directorWorld(predecessor);
  const { plane } = made;
  const configure = (...services: ServiceConfig[]): string | null => configureAll(services);
  /** What the table has, by the key's end: "1:80" -> servers. */
  const table = (): Record<string, string[]> =>
    Object.fromEntries(
      [...plane.table].map(([id, { servers }]) => [
        id.replace("tcp 192.168.1.", ""),
        [...servers.keys()].sort(),
      ]),
    );
  const details = (): readonly string[] =>
    told().flatMap((event) => (event.kind === "table-applied" ? event.details : []));
  return { ...made, configure, table, details };
}

test("a change of a server reaches every key, each with its port, and is told of once", () => {
  const { director, timers, configure, table, details } = world();
  const keys = [key(1), key(1, 443), key(2), key(2, 443)];
  assert.equal(configure(grouped(keys, "keys", server(1), server(2))), null);
  const [http, https] = [
    ["10.0.0.1:80", "10.0.0.2:80"],
    ["10.0.0.1:443", "10.0.0.2:443"],
  ];
  assert.deepEqual(table(), { "1:80": http, "1:443": https, "2:80": http, "2:443": https });
  assert.equal(details().length, 3);
  director.setServer("web", s("10.0.0.2:80"), false);
  timers.pass(1);
  const left = { "1:80": ["10.0.0.1:80"], "1:443": ["10.0.0.1:443"], "2:80": ["10.0.0.1:80"] };
  assert.deepEqual(table(), { ...left, "2:443": ["10.0.0.1:443"] });
  assert.deepEqual(details(), [
    "remove server 10.0.0.2:80 (NAT, weight 1) from tcp 192.168.1.1:80; the same at 3 more keys of the service",
  ]);
});

test("servers with ports of their own have them at every key", () => {
  const { configure, table } = world();
  configure(grouped([key(1), key(1, 443)], "servers", server(1, 8080)));
  assert.deepEqual(table(), { "1:80": ["10.0.0.1:8080"], "1:443": ["10.0.0.1:8080"] });
});

test("a reload adds and removes keys, also the first one, and what is known of the servers stays", () => {
  const { director, timers, configure, plane, table } = world();
  configure(grouped([key(1), key(2)], "keys", server(1), server(2)));
  director.setServer("web", s("10.0.0.2:80"), false);
  timers.pass(1);
  plane.batches.splice(0);
  configure(grouped([key(1), key(2)], "keys", server(1), server(2)));
  assert.deepEqual(plane.batches.flat(), []);
  configure(grouped([key(3), key(2), key(4)], "keys", server(1), server(2)));
  const one = ["10.0.0.1:80"];
  assert.deepEqual(table(), { "2:80": one, "3:80": one, "4:80": one });
  configure(grouped([key(4)], "keys", server(1), server(2)));
  assert.deepEqual(table(), { "4:80": one });
  assert.equal(director.stop("remove"), true);
  assert.deepEqual(table(), {});
});

test("a successor whose group begins with another key takes over what a further one tells", () => {
  const first = world();
  first.configure(grouped([key(1), key(1, 443)], "keys", server(1), server(2)));
  first.director.setServer("web", s("10.0.0.2:80"), false);
  first.timers.pass(1);
  const second = world(first);
  second.configure(grouped([key(9, 81), key(1, 443)], "keys", server(1, 81), server(2, 81)));
  assert.deepEqual(second.table(), { "9:81": ["10.0.0.1:81"], "1:443": ["10.0.0.1:443"] });
});

test("what somebody changes at one key is put right there, and told for that key", () => {
  const { timers, configure, plane, table, details } = world();
  configure(grouped([key(1), key(2), key(3)], "keys", server(1)));
  details();
  plane.table.delete(serviceId(key(2)));
  timers.pass(10_000);
  assert.equal(table()["2:80"]?.length, 1);
  assert.deepEqual(details(), [
    "add service tcp 192.168.1.2:80 (wlc, not persistent)",
    "add server 10.0.0.1:80 (NAT, weight 1) to tcp 192.168.1.2:80",
  ]);
});

test("the connections of a server are those at all keys together", () => {
  const { configure, plane, director } = world();
  configure(grouped([key(1), key(1, 443)], "keys", server(1)));
  for (const [i, { servers }] of [...plane.table.values()].entries())
    for (const [id, one] of servers) servers.set(id, { ...one, active: i + 1, inactive: 10, persistent: i });
  const seen = director.connections("web")?.get(s("10.0.0.1:80"));
  assert.deepEqual([seen?.active, seen?.inactive, seen?.persistent], [3, 20, 1]);
});

test("whatever the keys are, each has the pool of the first, with the port that it should have", () => {
  const keys = fc
    .uniqueArray(
      anyService.map((one) => one.key),
      { selector: serviceId, minLength: 1, maxLength: 6 },
    )
    .filter((all) => all.length > 0);
  const servers = fc.uniqueArray(anyServer, { selector: ({ address }) => address, maxLength: 4 });
  fc.assert(
    fc.property(
      anyService,
      keys,
      servers,
      fc.constantFrom("keys", "servers"),
      (service, all, pool, ports) => {
        const further = all.filter((one) => serviceId(one) !== serviceId(service.key));
        const config = { service, group: { keys: further, ports } as const };
        const port = portOfKey(service.key);
        const written = pool.map((one) => (ports === "keys" ? { ...one, port } : one));
        const first = new Map(written.map((one) => [serverId(one), one]));
        const entries = new Map(fanOut(furtherServices(config), first));
        assert.deepEqual([...entries.keys()], further.map(serviceId));
        const place = (one: RealServer): readonly unknown[] => [
          one.address,
          one.weight,
          one.forwarding,
          one.tunnel,
        ];
        for (const own of further) {
          const entry = entries.get(serviceId(own));
          assert.ok(entry !== undefined);
          assert.deepEqual(entry.service.key, own);
          assert.equal(entry.service.scheduler, service.scheduler);
          assert.deepEqual([...entry.servers.values()].map(place), written.map(place));
          for (const [id, one] of entry.servers) {
            assert.equal(id, serverId(one));
            if (ports === "keys") assert.equal(one.port, portOfKey(own));
          }
          if (ports === "servers") assert.deepEqual([...entry.servers.keys()], [...first.keys()]);
        }
      },
    ),
  );
});

test("a thousand keys with the same port share one map of servers", () => {
  const config = grouped(
    Array.from({ length: 1000 }, (_, i): ServiceKey => ({ kind: "fwmark", mark: i + 1, family: "ipv4" })),
    "keys",
    server(1, 0),
  );
  const table = wantedTable({ services: [config] } as unknown as Config);
  assert.equal(table.size, 1000);
  assert.equal(new Set(Array.from(table.values(), ({ servers }) => servers)).size, 1);
  assert.equal(diff(new Map(), table, new Set()).length, 2000);
});

test("ranges count through the last part of an address and beyond", () => {
  const all = (text: string): readonly IpAddress[] => {
    const range = parseRange(text, 1000);
    assert.ok(range.ok, text);
    return [...addressesIn(range.value)];
  };
  assert.deepEqual(all("10.0.0.254-10.0.1.1"), ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]);
  assert.deepEqual(all("10.0.0.9-10"), ["10.0.0.9", "10.0.0.10"]);
  assert.deepEqual(all("10.0.0.9"), ["10.0.0.9"]);
  assert.deepEqual(all("2001:db8::fffe-2001:db8::1:0"), [
    "2001:db8::fffe",
    "2001:db8::ffff",
    "2001:db8::1:0",
  ]);
  assert.deepEqual(all("2001:db8::9-b"), ["2001:db8::9", "2001:db8::a", "2001:db8::b"]);
  assert.equal(all("10.0.0.0-10.0.3.231").length, 1000);
  assert.equal(parseRange("10.0.0.0-10.0.3.232", 1000).ok, false);
});

test("a reload says which keys come and go, and other keys are another service to a quick reload", () => {
  const before = grouped([key(1), key(2)], "keys", server(1));
  const after = grouped([key(1), key(3), key(4), key(5), key(6), key(7)], "keys", server(1));
  assert.equal(fits([before], [before]), true);
  assert.equal(fits([before], [after]), false);
  assert.deepEqual(keysOf(before), [key(1), key(2)]);
  const config = (one: ServiceConfig): Config =>
    ({
      node: "lb1",
      log: {},
      vrrpProcess: {},
      vrrp: [],
      tracks: [],
      notify: { instances: {}, groups: {} },
      scripts: {},
      ipvs: {},
      services: [one],
    }) as unknown as Config;
  assert.deepEqual(diffConfig(config(before), config(before)), []);
  assert.deepEqual(diffConfig(config(before), config(after)), [
    "service web: tcp 192.168.1.2:80 removed",
    "service web: tcp 192.168.1.3:80, tcp 192.168.1.4:80, tcp 192.168.1.5:80, tcp 192.168.1.6:80 and 1 more added",
  ]);
});
