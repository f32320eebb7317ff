// Properties of the netlink codecs: what is written is read back, and no bytes whatever make a reader throw.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, Reader, toHex, Writer } from "../../src/core/bytes.js";
import { ip, ipFromBytes, type IpAddress } from "../../src/core/address.js";
import { attributes, binary, cstring, nested, u16, u16be, u32, u8 } from "../../src/netlink/attribute.js";
import { familyRequest, readFamily } from "../../src/netlink/generic.js";
import { messagesIn, readAcknowledgement, writeMessage, type Message } from "../../src/netlink/message.js";
import {
  addAddressRequest,
  readAddress,
  readLink,
  readNeighbour,
  removeAddressRequest,
} from "../../src/netlink/route.js";

const inner = attributes({ weight: [4, u32], address: [1, binary] });
const table = attributes({
  small: [1, u8],
  host: [2, u16],
  port: [4, u16be],
  name: [6, cstring],
  inner: [9, nested(inner)],
});

const ascii = fc.string({ maxLength: 15 }).map((text) => text.replace(/[^\x20-\x7e]/g, "x"));
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const values = fc.record(
  {
    small: fc.integer({ min: 0, max: 0xff }),
    host: fc.integer({ min: 0, max: 0xffff }),
    port: fc.integer({ min: 0, max: 0xffff }),
    name: ascii,
    inner: fc.record(
      { weight: fc.integer({ min: 0, max: 0x7fff_ffff }), address: fc.uint8Array({ maxLength: 16 }) },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const only = (bytes: Uint8Array): Message => {
  const [message, ...more] = [...messagesIn(bytes, bytes.length)];
  assert.ok(message);
  assert.deepEqual(more, []);
  return message;
};

test("attributes are read back as they were written", () => {
  fc.assert(
    fc.property(values, (value) => {
      const out = new Writer();
      table.write(out, value);
      const bytes = out.finish();
      assert.equal(bytes.length % 4, 0);
      const input = new Reader(bytes);
      assert.deepEqual(table.read(input, bytes.length), value);
      assert.equal(input.error, undefined);
      assert.equal(input.remaining, 0);
    }),
  );
});

test("an attribute is laid out as linux/netlink.h says: length, type, value, padding", () => {
  const out = new Writer();
  table.write(out, { port: 80, name: "wlc" });
  assert.equal(toHex(out.finish()), "0600040000500000" + "08000600776c6300");
});

test("unknown attributes are passed over, and flags in the type are ignored", () => {
  const bytes = fromHex("0500630001000000" + "0600048000500000");
  assert.deepEqual(table.read(new Reader(bytes), bytes.length), { port: 80 });
});

test("an attribute that reaches past its surroundings is an error that names it", () => {
  const bytes = fromHex("0900040000500000");
  const input = new Reader(bytes);
  table.read(input, bytes.length);
  assert.equal(input.error?.field, "port");
  const short = new Reader(fromHex("0500040000000000"));
  table.read(short, 8);
  assert.equal(short.error?.field, "port");
});

test("no bytes make a reader throw", () => {
  const readers = [readLink, readAddress, readNeighbour, readFamily, readAcknowledgement];
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      maybe(fc.integer({ min: 0, max: 0xffff })),
      (bytes, flags) => {
        table.read(new Reader(bytes), bytes.length);
        for (const message of messagesIn(bytes, bytes.length)) for (const read of readers) read(message);
        const whole = { bytes, type: 2, flags: flags ?? 0, sequence: 0, from: 0, to: bytes.length };
        for (const read of readers) read(whole);
      },
    ),
    { numRuns: 2000 },
  );
});

test("several messages in one buffer are read one by one", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 33 }), { maxLength: 10 }), (bodies) => {
      const out = new Writer();
      for (const [i, body] of bodies.entries())
        writeMessage(out, { type: 40 + i, flags: 0x400, body: (to) => void to.raw(body) }, 0x4, 100 + i);
      const read = [...messagesIn(out.written(), out.offset)];
      assert.deepEqual(
        read.map((m) => [m.type, m.flags, m.sequence, toHex(m.bytes.slice(m.from, m.to))]),
        bodies.map((body, i) => [40 + i, 0x405, 100 + i, toHex(body)]),
      );
    }),
  );
});

test("an acknowledgement gives the errno, and the kernel's words behind a capped or a whole request", () => {
  const header = "20000000140005060100000000000000";
  const words = new Writer();
  attributes({ text: [1, cstring] }).write(words, { text: "Invalid prefix length" });
  const text = toHex(words.finish());
  const read = (flags: number, payload: string): unknown => {
    const bytes = fromHex(payload);
    return readAcknowledgement({ bytes, type: 2, flags, sequence: 1, from: 0, to: bytes.length });
  };
  assert.deepEqual(read(0x100, "00000000" + header), { errno: 0 });
  assert.deepEqual(read(0x300, "eaffffff" + header + text), { errno: 22, text: "Invalid prefix length" });
  const whole = "eaffffff" + header + "00".repeat(16) + text;
  assert.deepEqual(read(0x200, whole), { errno: 22, text: "Invalid prefix length" });
  assert.deepEqual(read(0, "efffffff" + header + "00".repeat(16)), { errno: 17 });
  assert.deepEqual(read(0x300, "ea"), { errno: 74 });
});

test("the request for a generic family is the one the kernel knows", () => {
  const out = new Writer();
  writeMessage(out, familyRequest("IPVS"), 0x4, 1);
  assert.equal(
    toHex(out.finish()),
    "20000000" + "1000" + "0500" + "01000000" + "00000000" + "03010000" + "0900020049505653" + "00000000",
  );
});

test("an address order is read back as the address it names", () => {
  const address: fc.Arbitrary<IpAddress> = fc
    .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(ipFromBytes);
  fc.assert(
    fc.property(address, fc.nat(32), fc.nat(0xffff), (one, length, ifindex) => {
      for (const request of [addAddressRequest, removeAddressRequest]) {
        const out = new Writer();
        writeMessage(out, request(ifindex, { address: one, length }), 0, 1);
        assert.deepEqual(readAddress(only(out.finish())), {
          ifindex,
          prefix: { address: one, length },
          secondary: false,
          tentative: false,
        });
      }
    }),
  );
});

test("a request to remove carries neither the create nor the exclusive flag, which means bulk there", () => {
  assert.equal(removeAddressRequest(1, { address: ip("192.0.2.1"), length: 24 }).flags, 0);
});

test("only the interface's own messages speak of it: a port that leaves its bridge is not deleted", () => {
  // RTM_DELLINK as `ip link set d0 nomaster` makes it: family (AF_BRIDGE or AF_UNSPEC), type 1, index 5, flags.
  const message = (family: string): Message =>
    only(
      fromHex(
        "28000000" +
          "1100" +
          "0000" +
          "00000000" +
          "00000000" +
          `${family}000100` +
          "05000000" +
          "43100100" +
          "00000000" +
          "07000300" +
          "64300000",
      ),
    );
  assert.equal(readLink(message("07")), undefined);
  assert.equal(readLink(message("0a")), undefined);
  const link = readLink(message("00"));
  assert.deepEqual([link?.index, link?.name, link?.up, link?.running], [5, "d0", true, true]);
});
