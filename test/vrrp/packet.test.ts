// The advert codec: known bytes, properties, and one test for each rule of reception.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ip, ipFromBytes, type IpAddress } from "../../src/core/address.js";
import { toHex } from "../../src/core/bytes.js";
import { complement, onesSum } from "../../src/core/checksum.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { acceptAdvert, carrierProblem } from "../../src/vrrp/accept.js";
import type { UnicastConfig } from "../../src/vrrp/instance.js";
import { decodeIp, repeats } from "../../src/vrrp/ip-header.js";
import {
  decodeAdvert,
  encodeAdvert,
  intervalFits,
  type Advert,
  type Carrier,
} from "../../src/vrrp/packet.js";
import { passwordBytes } from "../../src/vrrp/password.js";
import { GROUP, ipPacket, machineConfig, vip } from "./ip-packet.js";

const CARRIER: Carrier = { source: ip("10.77.0.1"), destination: GROUP };
const ADVERT: Advert = {
  version: 3,
  virtualRouterId: 51,
  priority: 150,
  interval: seconds(1),
  addresses: [ip("10.77.0.50")],
};

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

/** A packet that is right but for `change`, its checksum included. */
function refusal(change: (message: Uint8Array) => Uint8Array | undefined, wanted: 2 | 3 = 3): string {
  const advert = { ...ADVERT, version: wanted };
  const message = encodeAdvert(advert, CARRIER, "rfc9568");
  const changed = change(message) ?? message;
  if (changed.length >= 8) {
    changed.set([0, 0], 6);
    const sum = complement(onesSum(changed, 0, changed.length));
    changed.set([sum >> 8, sum & 0xff], 6);
  }
  return refused(changed, wanted);
}
function refused(message: Uint8Array, wanted: 2 | 3 = 3): string {
  const decoded = decodeAdvert(message, CARRIER, wanted);
  return decoded.ok ? "accepted" : `${decoded.error.kind}: ${decoded.error.detail}`;
}
const at =
  (offset: number, value: number) =>
  (message: Uint8Array): undefined =>
    void (message[offset] = value);

test("P03, R01 a TTL other than 255 is refused", () => {
  const packet = ipPacket(encodeAdvert(ADVERT, CARRIER, "rfc5798"), { ...CARRIER, ttl: 64 });
  const outer = decodeIp(packet, packet.length);
  assert.ok(!outer.ok && outer.error.kind === "ttl");
  assert.match(outer.error.detail, /TTL 64, not 255/);
});
test("P02 an advert to another destination than the group is refused", () => {
  const problem = carrierProblem({}, { ...CARRIER, destination: ip("10.77.0.2") });
  assert.deepEqual(problem, {
    kind: "destination",
    detail: "sent by unicast to 10.77.0.2, and we use multicast",
  });
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
test("P09, R02, R13 another version is a version error, whatever its checksum", () => {
  assert.equal(refusal(at(0, 0x41)), "version: version 4, not 3");
  assert.equal(refusal(at(0, 0x31), 2), "version: version 3, not 2");
  const v2 = encodeAdvert({ ...ADVERT, version: 2 }, CARRIER, "rfc5798");
  assert.equal(refused(v2), "version: version 2, not 3");
  v2[6] = v2[6]! ^ 1;
  assert.equal(refused(v2), "version: version 2, not 3");
});
test("P10, R03 an unknown type is refused", () => {
  assert.equal(refusal(at(0, 0x32)), "type: type 2, not 1");
});
test("P11 router-id 0 is refused", () => {
  assert.equal(refusal(at(1, 0)), "vrid: router-id 0, not 1 to 255");
});
test("P13 an advert without addresses is refused", () => {
  assert.equal(
    refusal((message) => {
      message[3] = 0;
      return message.slice(0, 8);
    }),
    "address-count: no addresses, not at least 1",
  );
});
test("P14 the reserved nibble is zero when sent and ignored when received", () => {
  assert.equal(encodeAdvert(ADVERT, CARRIER, "rfc5798")[4]! >> 4, 0);
  assert.equal(
    refusal((message) => void (message[4] = message[4]! | 0xf0)),
    "accepted",
  );
});
test("P15, R08 an interval of 0 is refused, and 4095 cs is the longest", () => {
  assert.equal(
    refusal((message) => {
      message.set([0, 0], 4);
      return message;
    }),
    "interval: advert interval 0, not at least 1",
  );
  const longest = encodeAdvert({ ...ADVERT, interval: milliseconds(40_950) }, CARRIER, "rfc5798");
  assert.deepEqual([...longest.subarray(4, 6)], [0x0f, 0xff]);
  assert.ok(intervalFits(3, milliseconds(40_950)) && !intervalFits(3, milliseconds(40_960)));
  assert.ok(intervalFits(3, milliseconds(10)) && !intervalFits(3, milliseconds(0)));
  assert.ok(intervalFits(2, seconds(255)) && !intervalFits(2, milliseconds(1500)));
});
test("P16 version 2 says its interval in seconds", () => {
  const bytes = encodeAdvert({ ...ADVERT, version: 2, interval: seconds(3) }, CARRIER, "rfc5798");
  assert.equal(bytes[5], 3);
});
test("P17 both checksum dialects of version 3 over IPv4 are accepted and told apart", () => {
  for (const dialect of ["rfc5798", "rfc9568"] as const) {
    const decoded = decodeAdvert(encodeAdvert(ADVERT, CARRIER, dialect), CARRIER);
    assert.ok(decoded.ok && decoded.value.dialect === dialect);
  }
  const other = decodeAdvert(encodeAdvert(ADVERT, CARRIER, "rfc9568"), CARRIER);
  assert.ok(other.ok);
  const accepted = acceptAdvert(
    machineConfig({ addresses: [{ prefix: { address: ip("10.77.0.50"), length: 24 }, interface: "eth0" }] }),
    other.value,
    CARRIER.source,
  );
  assert.ok(accepted.ok);
  assert.deepEqual(accepted.value.oddities, ["10.77.0.1 sends checksums after RFC 9568, we after RFC 5798"]);
});
test("P18 version 3 over IPv6 covers the pseudo-header", () => {
  const carrier = { source: ip("fe80::1"), destination: ip("ff02::12") };
  const bytes = encodeAdvert({ ...ADVERT, addresses: [ip("fe80::2")] }, carrier, "rfc9568");
  assert.ok(decodeAdvert(bytes, carrier).ok);
  assert.ok(!decodeAdvert(bytes, { ...carrier, source: ip("fe80::9") }).ok);
});
test("P19 version 2 covers the message only, authentication data included", () => {
  const bytes = encodeAdvert({ ...ADVERT, version: 2 }, CARRIER, "rfc5798");
  assert.ok(decodeAdvert(bytes, { ...CARRIER, source: ip("10.0.0.9") }).ok);
  bytes[19] = 1;
  assert.match(refused(bytes, 2), /^checksum/);
});
test("P23, R11 the authentication of version 2 must be the configured one; by default there is none", () => {
  const password = { kind: "password", password: "s3cret" } as const;
  const config = machineConfig({ version: 2, addresses: [vip("10.77.0.50/24")] });
  const advert = { ...ADVERT, version: 2 as const };
  const refusalOf = (sent: string | undefined, type: number | undefined, wanted: boolean): string => {
    const bytes = encodeAdvert(
      advert,
      CARRIER,
      "rfc5798",
      sent === undefined ? undefined : passwordBytes(sent),
    );
    if (type !== undefined) bytes[4] = type;
    bytes.set([0, 0], 6);
    const sum = complement(onesSum(bytes, 0, bytes.length));
    bytes.set([sum >> 8, sum & 0xff], 6);
    const decoded = decodeAdvert(bytes, CARRIER, 2);
    assert.ok(decoded.ok);
    const accepted = acceptAdvert(
      wanted ? { ...config, auth: password } : config,
      decoded.value,
      CARRIER.source,
    );
    return accepted.ok ? "accepted" : `${accepted.error.kind}: ${accepted.error.detail}`;
  };
  assert.equal(refusalOf(undefined, undefined, false), "accepted");
  assert.equal(refusalOf("s3cret", undefined, true), "accepted");
  assert.equal(
    refusalOf("s3cret", undefined, false),
    "auth: authentication type 1 (password), and we have none",
  );
  assert.equal(refusalOf(undefined, undefined, true), "auth: authentication type 0 (none), not 1 (password)");
  assert.equal(refusalOf("s3creT", undefined, true), "auth: another password than ours");
  assert.equal(refusalOf("s3cretX", undefined, true), "auth: another password than ours");
  assert.match(
    refusalOf(undefined, 2, false),
    /^auth: authentication type 2 \(AH, obsolete since RFC 3768\)/,
  );
  assert.match(refusalOf(undefined, 9, true), /^auth: authentication type 9 \(unknown\), not 1/);
});
test("P23 a password stands in clear behind the addresses, zeros behind it, and none is eight zeros", () => {
  const advert = { ...ADVERT, version: 2 as const };
  const none = encodeAdvert(advert, CARRIER, "rfc5798");
  assert.equal(none[4], 0);
  assert.deepEqual([...none.subarray(12)], [0, 0, 0, 0, 0, 0, 0, 0]);
  const with5 = encodeAdvert(advert, CARRIER, "rfc5798", passwordBytes("abcde"));
  assert.equal(with5[4], 1);
  assert.equal(Buffer.from(with5.subarray(12)).toString("latin1"), "abcde\0\0\0");
  assert.equal(passwordBytes("12345678").length, 8);
});
test("P24, R04 a truncated advert is refused before its checksum is looked at", () => {
  assert.match(
    refusal((message) => message.slice(0, 11)),
    /^truncated: 11 bytes, not the 12 that 1 addresses need/,
  );
  assert.match(refused(new Uint8Array(7)), /^truncated: 7 bytes/);
});
test("P25 the payload begins after the real IPv4 header length", () => {
  const message = encodeAdvert(ADVERT, CARRIER, "rfc5798");
  const packet = ipPacket(message, { ...CARRIER, options: new Uint8Array(8).fill(1) });
  const outer = decodeIp(packet, packet.length);
  assert.ok(outer.ok);
  assert.deepEqual(outer.value.payload, message);
  assert.ok(decodeAdvert(outer.value.payload, outer.value.carrier).ok);
  assert.ok(!decodeIp(packet.subarray(0, 24), 24).ok);
});
test("R05 a wrong checksum is refused and shown", () => {
  const bytes = encodeAdvert(ADVERT, CARRIER, "rfc5798");
  bytes[2] = 99;
  assert.match(refused(bytes), /^checksum: checksum 0x430b does not fit the message/);
});
test("R09 another interval is said in version 3 and refused in version 2", () => {
  const advert = { ...ADVERT, interval: seconds(2), addresses: [ip("192.168.1.1")] };
  const three = acceptAdvert(machineConfig(), { advert }, CARRIER.source);
  assert.ok(three.ok);
  assert.deepEqual(three.value.oddities, ["10.77.0.1 advertises every 2 s, we every 1 s"]);
  const two = acceptAdvert(
    machineConfig({ version: 2 }),
    { advert: { ...advert, version: 2 } },
    CARRIER.source,
  );
  assert.ok(!two.ok && two.error.kind === "interval");
});
test("R10 another list of addresses is said, in any order the same list is not", () => {
  const config = machineConfig({
    addresses: ["192.168.1.1", "192.168.1.7"].map((text) => ({
      prefix: { address: ip(text), length: 24 },
      interface: "eth0",
    })),
  });
  const swapped = { ...ADVERT, addresses: [ip("192.168.1.7"), ip("192.168.1.1")] };
  const same = acceptAdvert(config, { advert: swapped }, CARRIER.source);
  assert.ok(same.ok);
  assert.deepEqual(same.value.oddities, []);
  const other = acceptAdvert(config, { advert: ADVERT }, CARRIER.source);
  assert.ok(other.ok);
  assert.deepEqual(other.value.oddities, [
    "10.77.0.1 advertises 10.77.0.50, we have 192.168.1.1, 192.168.1.7",
  ]);
});
test("R07 an owner says that somebody else advertises, and in version 2 discards it", () => {
  const advert = { ...ADVERT, addresses: [ip("192.168.1.1")] };
  const three = acceptAdvert(machineConfig({ priority: 255 }), { advert }, CARRIER.source);
  assert.ok(three.ok && three.value.oddities.length === 1);
  const two = acceptAdvert(
    machineConfig({ priority: 255, version: 2 }),
    { advert: { ...advert, version: 2 } },
    CARRIER.source,
  );
  assert.ok(!two.ok && two.error.kind === "own-priority-owner");
});
test("R14 bytes behind the message are refused", () => {
  assert.match(
    refusal((message) => Uint8Array.of(...message, 0)),
    /^trailing: 13 bytes/,
  );
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
