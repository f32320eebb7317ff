// The advert codec: known bytes and properties. The rules one by one are in conformance/.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ip, ipFromBytes, type IpAddress } from "../../src/core/address.js";
import { toHex } from "../../src/core/bytes.js";
import { milliseconds } from "../../src/core/units.js";
import { acceptAdvert, carrierProblem } from "../../src/vrrp/accept.js";
import type { UnicastConfig } from "../../src/vrrp/instance.js";
import { decodeIp, repeats } from "../../src/vrrp/ip-header.js";
import { decodeAdvert, encodeAdvert, type Advert, type Carrier } from "../../src/vrrp/packet.js";
import { GROUP, ipPacket, machineConfig } from "./ip-packet.js";
import { ADVERT, CARRIER } from "./refusals.js";

test("adverts have the bytes that keepalived 2.4.3 sends for the same instance", () => {
  // From captured packets with an authenticator behind the message; its checksum covers the message alone.
  const v2 = encodeAdvert({ ...ADVERT, version: 2 }, CARRIER, "rfc5798");
  assert.equal(toHex(v2), "2133960100013e4b0a4d00320000000000000000");
  const v3 = encodeAdvert({ ...ADVERT, interval: milliseconds(1000) }, CARRIER, "rfc5798");
  assert.equal(toHex(v3).slice(0, 12), "313396010064");
  assert.equal(toHex(v3), "313396010064430b0a4d0032");
});

const octets = (count: number): fc.Arbitrary<IpAddress> =>
  fc.uint8Array({ minLength: count, maxLength: count }).map((bytes) => ipFromBytes(bytes));
const arbitrary = (version: 2 | 3, family: 4 | 16): fc.Arbitrary<{ advert: Advert; carrier: Carrier }> =>
  fc
    .record({
      virtualRouterId: fc.integer({ min: 1, max: 255 }),
      priority: fc.integer({ min: 0, max: 255 }),
      units: version === 2 ? fc.integer({ min: 1, max: 255 }) : fc.integer({ min: 1, max: 4095 }),
      addresses: fc.array(octets(family), { minLength: 1, maxLength: 255 }),
      source: octets(family),
      destination: octets(family),
    })
    .map(({ units, source, destination, ...rest }) => ({
      advert: { ...rest, version, interval: milliseconds(units * (version === 2 ? 1000 : 10)) },
      carrier: { source, destination },
    }));

for (const [version, family] of [
  [2, 4],
  [3, 4],
  [3, 16],
] as const) {
  test(`version ${version} over ${family === 4 ? "IPv4" : "IPv6"}: what is encoded is decoded the same, in both dialects`, () => {
    fc.assert(
      fc.property(
        arbitrary(version, family),
        fc.constantFrom("rfc5798" as const, "rfc9568" as const),
        ({ advert, carrier }, dialect) => {
          const decoded = decodeAdvert(encodeAdvert(advert, carrier, dialect), carrier, version);
          assert.ok(decoded.ok);
          assert.deepEqual(decoded.value.advert, advert);
          // A pseudo-header that adds up to nothing makes both dialects the same.
          const pseudo = encodeAdvert(advert, carrier, "rfc5798");
          const same = toHex(pseudo) === toHex(encodeAdvert(advert, carrier, "rfc9568"));
          const expected = version === 3 && family === 4 ? (same ? "rfc5798" : dialect) : undefined;
          assert.equal(decoded.value.dialect, expected);
        },
      ),
    );
  });
}

test("a changed bit is never taken for a good advert", () => {
  fc.assert(
    fc.property(arbitrary(3, 4), fc.nat(), ({ advert, carrier }, where) => {
      const bytes = encodeAdvert(advert, carrier, "rfc5798");
      const bit = where % (bytes.length * 8);
      bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
      const decoded = decodeAdvert(bytes, carrier);
      // Only bits of the pseudo-header's own weight could hide it; a single bit cannot.
      assert.ok(!decoded.ok || decoded.value.dialect === "rfc9568");
    }),
  );
});

test("200,000 packets of random bytes are refused or decoded, and never throw", () => {
  const config = machineConfig();
  const buffer = new Uint8Array(96);
  let state = 1;
  for (let i = 0; i < 200_000; i++) {
    for (let j = 0; j < buffer.length; j++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      buffer[j] = state >>> 24;
    }
    const length = state % buffer.length;
    // Half of them get past the outer checks.
    if (i % 2 === 0) buffer.set([0x45, 0, 0, length, 0, 0, 0, 0, 255, 112], 0);
    if (i % 4 === 0) buffer[20] = i % 8 === 0 ? 0x31 : 0x21;
    const outer = decodeIp(buffer, length);
    if (!outer.ok) continue;
    carrierProblem(config, outer.value.carrier);
    const decoded = decodeAdvert(outer.value.payload, outer.value.carrier);
    if (decoded.ok) acceptAdvert(config, decoded.value, outer.value.carrier.source);
  }
});

test("random payloads of any length are refused with a kind and a sentence", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const decoded = decodeAdvert(bytes, CARRIER);
      if (!decoded.ok) assert.ok(decoded.error.detail.length > 0);
    }),
  );
});

test("unicast: only adverts to us alone, of a peer, with a TTL within the limits", () => {
  const peers = [ip("10.77.0.1"), ip("10.77.0.3")];
  const usual: UnicastConfig = { peers, checkSource: true, ttl: { min: 255, max: 255 } };
  const problem = (changes: Partial<UnicastConfig>, carrier: Partial<Carrier> = {}, ttl = 255): string => {
    const unicast = { ...usual, ...changes };
    const packet = ipPacket(new Uint8Array(12), {
      ...CARRIER,
      destination: ip("10.77.0.2"),
      ...carrier,
      ttl,
    });
    const outer = decodeIp(packet, packet.length, unicast.ttl);
    const found = outer.ok ? carrierProblem({ unicast }, outer.value.carrier) : outer.error;
    return found === undefined ? "accepted" : `${found.kind}: ${found.detail}`;
  };
  assert.equal(problem({}), "accepted");
  const multicast = { destination: GROUP };
  assert.equal(problem({}, multicast), "destination: sent by multicast, and we use unicast between peers");
  const stranger = { source: ip("10.77.0.9") };
  assert.equal(problem({}, stranger), "not-a-peer: 10.77.0.9 is none of our peers (10.77.0.1, 10.77.0.3)");
  assert.equal(problem({ checkSource: false }, stranger), "accepted");
  assert.equal(problem({}, {}, 254), "ttl: TTL 254, not 255: it may have crossed a router");
  const routed = { ttl: { min: 250, max: 254 } };
  assert.equal(problem(routed, {}, 250), "accepted");
  assert.equal(
    problem(routed, {}, 249),
    "ttl: TTL 249, not from 250 to 254: it has come another way than expected",
  );
  assert.match(problem(routed, {}, 255), /^ttl: TTL 255/);
});
test("a repeated packet is known in spite of its identification, and a different one is not", () => {
  const message = encodeAdvert(ADVERT, CARRIER, "rfc5798");
  const first = ipPacket(message, { ...CARRIER, identification: 1 });
  const second = ipPacket(message, { ...CARRIER, identification: 2 });
  assert.ok(repeats(first, second, second.length));
  fc.assert(
    fc.property(fc.nat({ max: first.length - 1 }), fc.integer({ min: 1, max: 255 }), (where, change) => {
      const other = first.slice();
      other[where] = other[where]! ^ change;
      const ignored = where === 1 || (where >= 4 && where <= 7) || where === 10 || where === 11;
      assert.equal(repeats(first, other, other.length), ignored);
    }),
  );
  assert.ok(!repeats(first, Uint8Array.of(...first, 0), first.length + 1));
});
