// Random services, servers and tables for property tests: small worlds, so that tables overlap.

import fc from "fast-check";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import { canonicalOrder } from "../../src/ipvs/diff.js";
import {
  SCHEDULERS,
  serverId,
  serviceId,
  type RealServer,
  type ServiceEntry,
  type ServiceKey,
  type Table,
  type Tunnel,
  type VirtualService,
} from "../../src/ipvs/model.js";

/** Records with the ordinary prototype, so that deepEqual compares nothing but what is in them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true });

const key: fc.Arbitrary<ServiceKey> = fc.oneof(
  record({
    kind: fc.constant("address" as const),
    protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
    address: fc.constantFrom(ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")),
    port: fc.constantFrom(80, 443),
  }),
  record({
    kind: fc.constant("fwmark" as const),
    mark: fc.integer({ min: 1, max: 3 }),
    family: fc.constantFrom("ipv4" as const, "ipv6" as const),
  }),
);

const isV6 = (one: ServiceKey): boolean =>
  one.kind === "fwmark" ? one.family === "ipv6" : one.address.includes(":");

export const service: fc.Arbitrary<VirtualService> = key.chain((one) =>
  record({
    scheduler: fc.constantFrom(...SCHEDULERS),
    persistence: fc.option(
      record({
        timeout: fc.integer({ min: 1, max: 86_400 }).map(seconds),
        prefixLength: fc.integer({ min: 0, max: isV6(one) ? 128 : 32 }),
      }),
      { nil: undefined },
    ),
    flags: fc.option(fc.constantFrom(4, 8, 0x10, 0x1c), { nil: undefined }),
    engine: fc.option(fc.constant("sip" as const), { nil: undefined }),
  }).map((rest) => ({ key: one, ...present(rest) })),
);

/** Without the fields that are undefined. */
const present = <T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

const tunnel: fc.Arbitrary<Tunnel> = fc.oneof(
  record({
    kind: fc.constant("gue" as const),
    port: fc.constantFrom(6080, 65_535),
    checksum: fc.constantFrom("none" as const, "full" as const, "remote" as const),
  }),
  record({
    kind: fc.constant("gre" as const),
    port: fc.constant(0),
    checksum: fc.constantFrom("none" as const, "full" as const),
  }),
);

export const server: fc.Arbitrary<RealServer> = record({
  address: fc.constantFrom(ip("10.0.0.1"), ip("10.0.0.2"), ip("9.255.255.255"), ip("2001:db8:1::1")),
  port: fc.constantFrom(80, 8080),
  forwarding: fc.constantFrom("direct-routing" as const, "nat" as const, "tunnel" as const),
  weight: fc.oneof(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 0x7fff_ffff })),
  upper: fc.option(fc.integer({ min: 1, max: 0x7fff_ffff }), { nil: undefined, freq: 2 }),
  lower: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 2 }),
  tunnel: fc.option(tunnel, { nil: undefined, freq: 2 }),
}).map(({ tunnel: wrapped, ...rest }) =>
  present({ ...rest, tunnel: rest.forwarding === "tunnel" ? wrapped : undefined }),
);

const entry: fc.Arbitrary<ServiceEntry> = record({
  service,
  servers: fc.uniqueArray(server, { selector: serverId, maxLength: 5 }),
}).map((one) => ({
  service: one.service,
  servers: new Map(
    canonicalOrder(one.servers.map((each) => ({ server: each }))).map((each) => [
      serverId(each.server),
      each.server,
    ]),
  ),
}));

export const table: fc.Arbitrary<Table> = fc
  .uniqueArray(entry, { selector: (one) => serviceId(one.service.key), maxLength: 6 })
  .map((entries) => new Map(entries.map((one) => [serviceId(one.service.key), one])));
