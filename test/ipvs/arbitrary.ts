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
  }).map(({ scheduler, persistence }) => ({
    key: one,
    scheduler,
    ...(persistence === undefined ? {} : { persistence }),
  })),
);

export const server: fc.Arbitrary<RealServer> = record({
  address: fc.constantFrom(ip("10.0.0.1"), ip("10.0.0.2"), ip("9.255.255.255"), ip("2001:db8:1::1")),
  port: fc.constantFrom(80, 8080),
  forwarding: fc.constantFrom("direct-routing" as const, "nat" as const, "tunnel" as const),
  weight: fc.oneof(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 0x7fff_ffff })),
});

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
