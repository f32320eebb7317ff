// Echo messages of both families: written, read, and what anybody may send instead. The filters of the socket are shown
// in test/checkers/ping.netns.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip, ipBytes, type Family } from "../../src/core/address.js";
import { checksum } from "../../src/core/checksum.js";
import { randomInt, seededRandom } from "../../src/core/random.js";
import { ECHO_LENGTH, readEcho, TOKEN_LENGTH, writeEcho } from "../../src/linux/icmp.js";

const TOKEN = Uint8Array.from({ length: TOKEN_LENGTH }, (_, i) => i + 1);
const ID = 0x1234;
const US = { ipv4: ip("192.0.2.1"), ipv6: ip("2001:db8::1") };
const THEY = { ipv4: ip("192.0.2.9"), ipv6: ip("2001:db8::9") };
const ROUTER = { ipv4: ip("192.0.2.254"), ipv6: ip("2001:db8::fe") };

/** What a router does with what it gets: an IP header in front of a message. `options`: words of IPv4 options. */
function packet(family: Family, from: string, to: string, message: Uint8Array, options = 0): Uint8Array {
  if (family === "ipv4") {
    const header = new Uint8Array(20 + 4 * options);
    header[0] = 0x45 + options;
    header[9] = 1;
    header.set(ipBytes(ip(from)), 12);
    header.set(ipBytes(ip(to)), 16);
    return Uint8Array.from([...header, ...message]);
  }
  const header = new Uint8Array(40);
  header[0] = 0x60;
  header[6] = 58;
  header.set(ipBytes(ip(from)), 8);
  header.set(ipBytes(ip(to)), 24);
  return Uint8Array.from([...header, ...message]);
}

const request = (family: Family): Uint8Array => {
  const bytes = new Uint8Array(ECHO_LENGTH);
  writeEcho(bytes, family, ID, 77, TOKEN);
  return bytes;
};
function reply(family: Family, change: (message: Uint8Array) => void = () => undefined): Uint8Array {
  const bytes = request(family);
  bytes[0] = family === "ipv4" ? 0 : 129;
  change(bytes);
  if (family === "ipv4") {
    bytes.set([0, 0], 2);
    const sum = checksum(bytes);
    bytes.set([sum >> 8, sum & 0xff], 2);
  }
  return bytes;
}
/** As a raw socket gives a message that `from` sent to us. */
const received = (family: Family, from: string, message: Uint8Array, options = 0): Uint8Array =>
  family === "ipv4" ? packet(family, from, US[family], message, options) : message;
const read = (family: Family, from: string, message: Uint8Array, options = 0) =>
  readEcho(received(family, from, message, options), family, ID, family === "ipv6" ? ip(from) : undefined);
const errorAbout = (family: Family, type: number, code: number, ours: Uint8Array): Uint8Array =>
  Uint8Array.from([type, code, 0, 0, 0, 0, 0, 0, ...packet(family, US[family], THEY[family], ours)]);

for (const family of ["ipv4", "ipv6"] as const) {
  test(`an ${family} reply says which request it answers`, () => {
    const news = { kind: "reply", sequence: 77, address: THEY[family], token: TOKEN };
    assert.deepEqual(read(family, THEY[family], reply(family)), news);
    if (family === "ipv4") assert.deepEqual(read(family, THEY[family], reply(family), 10), news);
  });

  test(`what is no ${family} reply to us is left alone`, () => {
    const other = (change: (message: Uint8Array) => void): void =>
      assert.equal(read(family, THEY[family], reply(family, change)), undefined);
    other((message) => (message[4] = 0));
    other((message) => (message[0] = family === "ipv4" ? 8 : 128));
    other((message) => (message[0] = 13));
    assert.equal(read(family, THEY[family], request(family)), undefined);
    assert.equal(read(family, THEY[family], reply(family).subarray(0, 20)), undefined);
    if (family !== "ipv4") return;
    const damaged = reply(family);
    damaged[12] = 0xff;
    assert.equal(read(family, THEY[family], damaged), undefined);
  });

  test(`an ${family} error says what it is about, and who says it`, () => {
    const [type, code, text] = family === "ipv4" ? [3, 1, "host unreachable"] : [1, 3, "address unreachable"];
    assert.deepEqual(read(family, ROUTER[family], errorAbout(family, type, code, request(family))), {
      kind: "unreachable",
      sequence: 77,
      address: THEY[family],
      text,
      by: ROUTER[family],
    });
    const hops = read(
      family,
      ROUTER[family],
      errorAbout(family, family === "ipv4" ? 11 : 3, 0, request(family)),
    );
    assert.ok(hops?.kind === "unreachable" && /too many routers/.test(hops.text));
    const strange = request(family);
    strange[5] = 0;
    assert.equal(read(family, ROUTER[family], errorAbout(family, type, code, strange)), undefined);
    assert.equal(read(family, ROUTER[family], errorAbout(family, type, code, reply(family))), undefined);
  });

  test(`no bytes trouble the reader of ${family}`, () => {
    const kinds = [reply(family), errorAbout(family, family === "ipv4" ? 3 : 1, 1, request(family))];
    for (let seed = 1; seed <= 10_000; seed++) {
      const random = seededRandom(seed);
      const whole = received(family, THEY[family], kinds[seed % 2]!);
      const bytes = whole.slice(
        0,
        randomInt(random, 3) === 0 ? randomInt(random, whole.length) : whole.length,
      );
      for (let i = randomInt(random, 5); i > 0 && bytes.length > 0; i--)
        bytes[randomInt(random, bytes.length)] = randomInt(random, 256);
      const news = readEcho(bytes, family, ID, family === "ipv6" ? THEY[family] : undefined);
      assert.ok(news === undefined || (news.sequence >= 0 && news.sequence < 0x10000));
    }
  });
}
