// What is different over IPv6: the header around an advert, the order of its addresses, neighbour discovery.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ip, ipFromBytes, macFromBytes, type IpAddress, type MacAddress } from "../../src/core/address.js";
import { toHex } from "../../src/core/bytes.js";
import { onesSum, pseudoHeaderSum } from "../../src/core/checksum.js";
import { seconds } from "../../src/core/units.js";
import { decodeIp, headerLength, packetFamily, repeats, senderOf } from "../../src/vrrp/ip-header.js";
import { neighbourSolicitation, readAdvertisement, unsolicitedAdvertisement } from "../../src/vrrp/nd.js";
import { decodeAdvert, encodeAdvert, VRRP_GROUPS, type Advert } from "../../src/vrrp/packet.js";
import { ipPacket } from "./ip-packet.js";

const SOURCE = ip("fe80::5054:ff:fe00:2");
const CARRIER = { source: SOURCE, destination: VRRP_GROUPS.ipv6 };
const ADVERT: Advert = {
  version: 3,
  virtualRouterId: 51,
  priority: 150,
  interval: seconds(1),
  addresses: [ip("fe80::1"), ip("2001:db8::1")],
};
const MAC = "02:00:5e:10:20:30" as MacAddress;
const MESSAGE = encodeAdvert(ADVERT, CARRIER, "rfc5798");

const addresses: fc.Arbitrary<IpAddress> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => ipFromBytes(bytes));
const macs: fc.Arbitrary<MacAddress> = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);

test("an advert is read out of its IPv6 packet with its sender and its group", () => {
  const packet = ipPacket(MESSAGE, CARRIER);
  assert.equal(packetFamily(packet), "ipv6");
  assert.equal(headerLength(packet, packet.length), 40);
  assert.equal(senderOf(packet), SOURCE);
  const outer = decodeIp(packet, packet.length);
  assert.ok(outer.ok);
  assert.deepEqual(outer.value.carrier, { source: SOURCE, destination: ip("ff02::12") });
  const decoded = decodeAdvert(outer.value.payload, outer.value.carrier, 3);
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.value, { advert: ADVERT });
  const other = ipPacket(MESSAGE, { ...CARRIER, protocol: 17 });
  const refused = decodeIp(other, other.length);
  assert.ok(!refused.ok && refused.error.kind === "type");
});

test("a hop limit is looked at before the length: the kernel's filter cuts what has a wrong one", () => {
  const packet = ipPacket(MESSAGE, { ...CARRIER, ttl: 64 });
  const cut = decodeIp(packet, 48);
  assert.ok(!cut.ok && cut.error.kind === "ttl");
  const whole = ipPacket(MESSAGE, CARRIER);
  const short = decodeIp(whole, whole.length - 1);
  assert.ok(!short.ok && short.error.kind === "truncated");
  assert.equal(headerLength(whole, 39), 0);
});

test("version 2 does not exist over IPv6", () => {
  const two = encodeAdvert({ ...ADVERT, version: 2 }, CARRIER, "rfc5798");
  const decoded = decodeAdvert(two, CARRIER);
  assert.ok(!decoded.ok && decoded.error.kind === "version");
});

test("a repeated IPv6 packet is known in spite of its flow label, and a different one is not", () => {
  const first = ipPacket(MESSAGE, CARRIER);
  fc.assert(
    fc.property(fc.nat({ max: first.length - 1 }), fc.integer({ min: 1, max: 255 }), (where, change) => {
      const other = first.slice();
      other[where] = other[where]! ^ change;
      if (packetFamily(other) === "ipv6") assert.equal(repeats(first, other, other.length), where < 4);
    }),
  );
  assert.ok(repeats(first, first, first.length));
  assert.ok(!repeats(first, Uint8Array.of(...first, 0), first.length + 1));
  const v4 = ipPacket(MESSAGE, { source: ip("10.0.0.1") });
  assert.ok(!repeats(v4, first, first.length) && !repeats(first, v4, v4.length));
});

test("200,000 IPv6 packets of random bytes are refused or decoded, and never throw", () => {
  const buffer = new Uint8Array(128);
  let state = 7;
  for (let i = 0; i < 200_000; i++) {
    for (let j = 0; j < buffer.length; j++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      buffer[j] = state >>> 24;
    }
    const length = state % buffer.length;
    buffer[0] = 0x60 | (buffer[0]! & 15);
    if (headerLength(buffer, length) === 0) continue;
    // Half of them get past the outer checks.
    if (i % 2 === 0) buffer.set([0, length - 40, 112, 255], 4);
    if (i % 4 === 0) buffer[40] = 0x31;
    senderOf(buffer);
    const outer = decodeIp(buffer, length);
    if (outer.ok) decodeAdvert(outer.value.payload, outer.value.carrier);
  }
});

/** The parts of a neighbour discovery frame, its checksum verified. */
function parts(frame: Uint8Array) {
  const body = frame.subarray(54);
  const [source, group] = [frame.subarray(22, 38), frame.subarray(38, 54)];
  assert.equal(onesSum(body, 0, body.length, pseudoHeaderSum(source, group, 58, body.length)) % 0xffff, 0);
  assert.equal(toHex(frame.subarray(12, 22)), `86dd6000000000203aff`);
  return {
    to: macFromBytes(frame.subarray(0, 6)),
    from: macFromBytes(frame.subarray(6, 12)),
    source: ipFromBytes(source),
    group: ipFromBytes(group),
    type: body[0],
    flags: toHex(body.subarray(4, 8)),
    target: ipFromBytes(body.subarray(8, 24)),
    option: toHex(body.subarray(24, 26)),
    mac: macFromBytes(body.subarray(26, 32)),
  };
}

test("the unsolicited advertisement has R and O set and S clear, and tells the MAC to all nodes", () => {
  fc.assert(
    fc.property(macs, addresses, (mac, address) => {
      assert.deepEqual(parts(unsolicitedAdvertisement(mac, address)), {
        to: "33:33:00:00:00:01",
        from: mac,
        source: address,
        group: "ff02::1",
        type: 136,
        flags: "a0000000",
        target: address,
        option: "0201",
        mac,
      });
    }),
  );
});

test("the question for another holder goes to the solicited-node group, from a link-local address", () => {
  assert.deepEqual(parts(neighbourSolicitation(MAC, SOURCE, ip("2001:db8::12:3456"))), {
    to: "33:33:ff:12:34:56",
    from: MAC,
    source: SOURCE,
    group: "ff02::1:ff12:3456",
    type: 135,
    flags: "00000000",
    target: "2001:db8::12:3456",
    option: "0101",
    mac: MAC,
  });
});

test("an advertisement tells who holds the address; others, cut ones and endless options do not", () => {
  const message = unsolicitedAdvertisement(MAC, ip("2001:db8::1")).subarray(54);
  assert.deepEqual(readAdvertisement(message, message.length), { mac: MAC, address: "2001:db8::1" });
  for (let length = 0; length < message.length; length++)
    assert.equal(readAdvertisement(message, length), undefined);
  // Behind an option that is none of ours.
  const behind = Uint8Array.of(...message.subarray(0, 24), 14, 1, 1, 2, 3, 4, 5, 6, ...message.subarray(24));
  assert.deepEqual(readAdvertisement(behind, behind.length)?.mac, MAC);
  const endless = message.slice();
  endless[25] = 0;
  assert.equal(readAdvertisement(endless, endless.length), undefined);
  const question = neighbourSolicitation(MAC, SOURCE, ip("2001:db8::1")).subarray(54);
  assert.equal(readAdvertisement(question, question.length), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void readAdvertisement(bytes, bytes.length)),
  );
});
