// Addresses: text to bytes and back, canonical form, and clear refusals.
import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { addressTexts } from "../../src/core/address-texts.js";
import { onesSum } from "../../src/core/checksum.js";
import {
  addressSum,
  compareIp,
  formatEndpoint,
  inPrefix,
  ip,
  ipBytes,
  ipFromBytes,
  ipv4Number,
  isMulticast,
  macBytes,
  macFromBytes,
  parseIp,
  parsePrefix,
  type MacAddress,
  type Prefix,
} from "../../src/core/address.js";

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
/** Few distinct groups, so that runs of zeros are common. */
const sparse6 = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((g) => [g >> 8, g & 255])));

test("bytes become text that every reader accepts and that reads back as the same bytes", () => {
  fc.assert(
    fc.property(fc.oneof(v4, v6, sparse6), (bytes) => {
      const text = ipFromBytes(bytes);
      assert.equal(isIP(text), bytes.length === 4 ? 4 : 6);
      assert.deepEqual(ipBytes(text), bytes);
    }),
  );
});

test("IPv6 text is canonical (RFC 5952)", () => {
  for (const [text, canonical] of [
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["fe80:0:0:0:0:0:0:9", "fe80::9"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
  ] as const)
    assert.equal(ip(text), canonical);
});

test("what is no address is refused with its text in the message", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4/24",
    ":::",
    "1::2::3",
    "12345::",
    "::g",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "fe80::1%eth0",
  ]) {
    const parsed = parseIp(text);
    assert.ok(!parsed.ok && parsed.error.includes(JSON.stringify(text)), text);
  }
});

test("a prefix has a length that fits its family; without one it is a host", () => {
  assert.deepEqual(parsePrefix("10.0.0.1"), { ok: true, value: { address: "10.0.0.1", length: 32 } });
  assert.deepEqual(parsePrefix("2001:db8::/64"), { ok: true, value: { address: "2001:db8::", length: 64 } });
  for (const text of ["10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "::1/129", "10.0.0.1/2x"])
    assert.ok(!parsePrefix(text).ok, text);
});

test("addresses compare as unsigned numbers in network order", () => {
  assert.ok(compareIp(ip("200.0.0.1"), ip("100.255.255.255")) > 0);
  assert.ok(compareIp(ip("10.0.0.9"), ip("10.0.0.10")) < 0);
  assert.equal(compareIp(ip("::1"), ip("0:0::1")), 0);
});

test("membership of a network looks at the leading bits only", () => {
  const net = (text: string): Prefix => {
    const parsed = parsePrefix(text);
    assert.ok(parsed.ok);
    return parsed.value;
  };
  assert.ok(inPrefix(ip("192.168.1.77"), net("192.168.1.1/24")));
  assert.ok(!inPrefix(ip("192.168.2.1"), net("192.168.1.1/24")));
  assert.ok(inPrefix(ip("10.15.0.1"), net("10.8.0.0/13")) && !inPrefix(ip("10.16.0.1"), net("10.8.0.0/13")));
  assert.ok(inPrefix(ip("1.2.3.4"), net("0.0.0.0/0")) && !inPrefix(ip("::1"), net("0.0.0.0/0")));
});

test("endpoints put brackets around IPv6 only", () => {
  assert.equal(formatEndpoint(ip("10.0.0.1"), 80), "10.0.0.1:80");
  assert.equal(formatEndpoint(ip("::1"), 80), "[::1]:80");
});

test("MAC addresses go to bytes and back; other text is refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) =>
      assert.deepEqual(macBytes(macFromBytes(bytes)), bytes),
    ),
  );
  assert.throws(() => macBytes("00:11:22:33:44" as MacAddress));
});

test("what adverts ask of an address's text is what its bytes say", () => {
  const high6 = fc
    .tuple(fc.constantFrom(0, 0x0f, 0xfe, 0xff), fc.constantFrom(0, 2, 0xf0, 0xff), v6)
    .map(([first, second, bytes]) => bytes.with(0, first).with(1, second));
  fc.assert(
    fc.property(fc.oneof(v4, v6, sparse6, high6), (bytes) => {
      const address = ipFromBytes(bytes);
      assert.equal(onesSum(bytes, 0, 0, addressSum(address)), onesSum(bytes, 0, bytes.length));
      const isGroup = bytes.length === 4 ? bytes[0]! >> 4 === 0xe : bytes[0] === 0xff;
      assert.equal(isMulticast(address), isGroup);
      const packet = Uint8Array.of(1, 2, 3, ...bytes, 4);
      for (let i = 0; i < 2; i++) assert.equal(addressTexts.read(packet, 3, bytes.length), address);
    }),
    { numRuns: 2000 },
  );
  assert.equal(isMulticast(ip("ff0::1")), false, "0ff0::/12");
});

test("an IPv4 address is the number of its bytes, and an IPv6 address is none", () => {
  fc.assert(
    fc.property(v4, (bytes) => {
      assert.equal(ipv4Number(ipFromBytes(bytes)), Buffer.from(bytes).readUInt32BE());
    }),
  );
  fc.assert(fc.property(fc.oneof(v6, sparse6), (bytes) => ipv4Number(ipFromBytes(bytes)) === undefined));
});
