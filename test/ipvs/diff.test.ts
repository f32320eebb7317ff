// The difference of two tables: what it leads to, that it is idempotent, what it leaves alone, and its order.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { describeCommand } from "../../src/ipvs/command.js";
import { canonicalOrder, diff } from "../../src/ipvs/diff.js";
import {
  serverId,
  serviceId,
  type ListedEntry,
  type RealServer,
  type ServiceEntry,
  type ServiceId,
  type Tunnel,
  type VirtualService,
} from "../../src/ipvs/model.js";
import { FakePlane } from "./fake-plane.js";
import { table } from "./arbitrary.js";

const web: VirtualService = {
  key: { kind: "address", protocol: "tcp", address: ip("192.168.1.1"), port: 80 },
  scheduler: "wlc",
};
const WEB = serviceId(web.key);
const real = (
  last: number,
  weight = 1,
  forwarding: RealServer["forwarding"] = "direct-routing",
): RealServer => ({
  address: ip(`192.168.1.${last}`),
  port: 80,
  forwarding,
  weight,
});
const entry = (service: VirtualService, ...servers: RealServer[]): ServiceEntry => ({
  service,
  servers: new Map(servers.map((server) => [serverId(server), server])),
});
const tableOf = <E extends ListedEntry>(...entries: E[]): Map<ServiceId, E> =>
  new Map(entries.map((one) => [serviceId(one.service.key), one]));
const words = (...args: Parameters<typeof diff>): string[] => diff(...args).map(describeCommand);
const NOBODYS: ReadonlySet<ServiceId> = new Set();

test("applied, the commands make the wanted table, leave others' services alone, and a second time there are none", () => {
  fc.assert(
    fc.property(table, table, fc.func(fc.boolean()), (actual, wanted, isOurs) => {
      const owned = new Set([...actual.keys()].filter((id) => isOurs(id)));
      const plane = new FakePlane();
      plane.load(actual);
      const results = plane.apply(diff(plane.read(), wanted, owned));
      assert.ok(results.every((result) => result.ok && !result.unchanged));
      const after = plane.read();
      for (const [id, { service, servers }] of wanted) {
        assert.deepEqual(after.get(id)?.service, service);
        assert.deepEqual(new Set(after.get(id)?.servers.values()), new Set(servers.values()));
      }
      for (const [id, before] of actual)
        if (!wanted.has(id)) assert.deepEqual(after.get(id), owned.has(id) ? undefined : before);
      assert.deepEqual(diff(after, wanted, owned), []);
    }),
    { numRuns: 500 },
  );
});

test("from empty, each service comes before its servers, and servers come in canonical order", () => {
  const servers = [real(10), real(9), real(100)];
  const sorted = canonicalOrder(servers.map((server) => ({ server }))).map(({ server }) => server);
  assert.deepEqual(words(new Map(), tableOf(entry(web, ...sorted)), NOBODYS), [
    "add service tcp 192.168.1.1:80 (wlc, not persistent)",
    "add server 192.168.1.9:80 (direct routing, weight 1) to tcp 192.168.1.1:80",
    "add server 192.168.1.10:80 (direct routing, weight 1) to tcp 192.168.1.1:80",
    "add server 192.168.1.100:80 (direct routing, weight 1) to tcp 192.168.1.1:80",
  ]);
});

test("canonical order is by address bytes, then port, IPv4 first, however the config lists them", () => {
  const texts = ["2001:db8::2", "10.0.0.10", "10.0.0.9", "9.0.0.1", "2001:db8::10"];
  const servers = texts.flatMap((text) =>
    [8080, 80].map((port) => ({ server: { ...real(1), address: ip(text), port } })),
  );
  const expected = ["9.0.0.1", "10.0.0.9", "10.0.0.10", "2001:db8::2", "2001:db8::10"];
  assert.deepEqual(
    canonicalOrder(servers).map(({ server }) => `${server.address} ${server.port}`),
    expected.flatMap((text) => [`${text} 80`, `${text} 8080`]),
  );
});

test("a changed weight or forwarding method is one change of the server", () => {
  const before = tableOf(entry(web, real(4, 5), real(5)));
  const after = tableOf(entry(web, real(4, 3), real(5, 1, "nat")));
  assert.deepEqual(words(before, after, NOBODYS), [
    "change server 192.168.1.4:80 of tcp 192.168.1.1:80: weight 5 -> weight 3",
    "change server 192.168.1.5:80 of tcp 192.168.1.1:80: direct routing -> NAT",
  ]);
});

test("a changed scheduler or persistence changes the service in place and keeps its servers", () => {
  const persistent = {
    ...web,
    scheduler: "rr" as const,
    persistence: { timeout: seconds(300), prefixLength: 24 },
  };
  assert.deepEqual(words(tableOf(entry(web, real(4))), tableOf(entry(persistent, real(4))), NOBODYS), [
    "change service tcp 192.168.1.1:80: wlc, not persistent -> rr, persistent 300 s by /24",
  ]);
});

test("when all servers change, the new ones come before the old ones go", () => {
  assert.deepEqual(words(tableOf(entry(web, real(4))), tableOf(entry(web, real(5))), NOBODYS), [
    "add server 192.168.1.5:80 (direct routing, weight 1) to tcp 192.168.1.1:80",
    "remove server 192.168.1.4:80 (direct routing, weight 1) from tcp 192.168.1.1:80",
  ]);
});

test("a service that is ours and no longer wanted goes; a foreign one stays", () => {
  const foreign = { ...web, key: { kind: "fwmark" as const, mark: 7, family: "ipv4" as const } };
  const actual = tableOf(entry(web, real(4), real(5)), entry(foreign, real(4)));
  assert.deepEqual(words(actual, new Map(), new Set([WEB])), [
    "remove service tcp 192.168.1.1:80 (2 servers)",
  ]);
  assert.deepEqual(words(actual, new Map(), NOBODYS), []);
});

const GUE: Tunnel = { kind: "gue", port: 6080, checksum: "none" };

test("what somebody else set and nobody wants is put right in a service that is wanted", () => {
  const listed: ListedEntry = {
    service: { ...web, flags: 4, engine: "sip" },
    servers: new Map([[serverId(real(4)), { ...real(4), forwarding: "tunnel", upper: 100, tunnel: GUE }]]),
  };
  assert.deepEqual(words(tableOf(listed), tableOf(entry(web, real(4))), NOBODYS), [
    "change service tcp 192.168.1.1:80: one packet, engine sip -> plain",
    "change server 192.168.1.4:80 of tcp 192.168.1.1:80: GUE tunnel to port 6080, thresholds 100/0 -> direct routing",
  ]);
});
