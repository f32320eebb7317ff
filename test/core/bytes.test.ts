// Reader and Writer: what is written is read back, and nothing is ever read past the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asciiBytes, asciiText, equalBytes, fromHex, Reader, toHex, Writer } from "../../src/core/bytes.js";

test("every width and byte order reads back as written", () => {
  fc.assert(
    fc.property(
      fc.nat(0xff),
      fc.nat(0xffff),
      fc.nat(0xffff),
      fc.nat(0xffff_ffff),
      fc.nat(0xffff_ffff),
      fc.uint8Array({ maxLength: 600 }),
      (a, b, c, d, e, raw) => {
        const bytes = new Writer(1).u8(a).u16be(b).u16ne(c).u32be(d).u32ne(e).raw(raw).zeros(3).finish();
        const reader = new Reader(bytes);
        assert.deepEqual(
          [reader.u8("a"), reader.u16be("b"), reader.u16ne("c"), reader.u32be("d"), reader.u32ne("e")],
          [a, b, c, d, e],
        );
        assert.deepEqual(reader.copy("raw", raw.length), raw);
        assert.equal(reader.remaining, 3);
        assert.equal(reader.error, undefined);
      },
    ),
  );
});

test("network order puts the high byte first", () => {
  assert.equal(toHex(new Writer().u16be(0x0102).u32be(0x03040506).finish()), "010203040506");
});

test("a short read keeps its first error and gives zeros from then on", () => {
  const reader = new Reader(Uint8Array.of(1, 2, 3));
  assert.equal(reader.u16be("length"), 0x0102);
  assert.equal(reader.u32be("address"), 0);
  assert.equal(reader.u8("more"), 0);
  assert.deepEqual(reader.error, { field: "address", offset: 2, need: 4, length: 3 });
});

test("a reader of a part never leaves it, and a negative length is an error", () => {
  const reader = new Reader(Uint8Array.of(9, 1, 2, 9), 1, 3);
  assert.equal(reader.u16be("both"), 0x0102);
  reader.u8("beyond");
  assert.equal(reader.error?.field, "beyond");
  const negative = new Reader(new Uint8Array(8));
  negative.skip("back", -4);
  assert.equal(negative.error?.need, -4);
});

test("a view of a larger buffer is read from its own start", () => {
  assert.equal(new Reader(Uint8Array.of(0, 0, 7, 8).subarray(2)).u16be("x"), 0x0708);
});

test("lengths known only at the end are patched in place", () => {
  const writer = new Writer().u16be(0xabcd).u16ne(0).u32ne(0);
  writer.patchU16ne(2, 5);
  writer.patchU32ne(4, 6);
  const reader = new Reader(writer.written());
  assert.deepEqual([reader.u16be("a"), reader.u16ne("b"), reader.u32ne("c")], [0xabcd, 5, 6]);
});

test("hexadecimal and ASCII text round trip, and refuse what they cannot hold", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(fromHex(toHex(bytes)), bytes)));
  assert.equal(asciiText(asciiBytes("wlc\0rest")), "wlc");
  assert.throws(() => asciiBytes("größe"));
  assert.throws(() => fromHex("0x1"));
  assert.ok(
    equalBytes(fromHex("0102"), fromHex("01 02")) &&
      !equalBytes(fromHex("01"), fromHex("0102")) &&
      !equalBytes(fromHex("01"), fromHex("02")),
  );
});
