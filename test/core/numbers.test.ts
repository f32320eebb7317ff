// Durations in words, the Internet checksum, and chance that can be repeated.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checksum, onesSum } from "../../src/core/checksum.js";
import { fromHex } from "../../src/core/bytes.js";
import { randomInt, seededRandom } from "../../src/core/random.js";
import {
  after,
  between,
  centiseconds,
  formatDuration,
  fromCentiseconds,
  instant,
  milliseconds,
  minutes,
  seconds,
  toCentiseconds,
} from "../../src/core/units.js";

test("durations are written exactly, in the unit a person would choose", () => {
  for (const [ms, text] of [
    [0, "0 ms"],
    [0.25, "0.25 ms"],
    [9.999, "10 ms"],
    [40, "40 ms"],
    [1000, "1 s"],
    [3609.375, "3.609 s"],
    [60_000, "1 min"],
    [90_000, "90 s"],
    [7_200_000, "2 h"],
    [-40, "-40 ms"],
  ] as const)
    assert.equal(formatDuration(milliseconds(ms)), text);
});

test("units convert without loss, and points in time add up", () => {
  assert.equal(toCentiseconds(seconds(1)), 100);
  assert.equal(fromCentiseconds(centiseconds(4095)), 40_950);
  assert.equal(between(instant(5), after(instant(5), minutes(1))), 60_000);
});

test("the checksum of data with its own checksum in place is zero", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 200 }), (data) => {
      const bytes = Uint8Array.from([0, 0, ...data]);
      const value = checksum(bytes);
      bytes[0] = value >> 8;
      bytes[1] = value & 255;
      assert.equal(checksum(bytes), 0);
    }),
  );
});

test("words are summed in network order, and an odd last byte counts as if a zero followed", () => {
  assert.equal(onesSum(fromHex("0102 03"), 0, 3), onesSum(fromHex("0102 0300"), 0, 4));
  assert.equal(onesSum(fromHex("00010203 0405 0607"), 0, 8), 0x0001 + 0x0203 + 0x0405 + 0x0607);
});

test("equal seeds give equal sequences, spread evenly over the range", () => {
  const a = seededRandom(7);
  const b = seededRandom(7);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const drawn = randomInt(a, 10);
    assert.equal(drawn, randomInt(b, 10));
    counts[drawn]! += 1;
  }
  for (const count of counts) assert.ok(count > 850 && count < 1150, String(counts));
  assert.notEqual(seededRandom(1)(), seededRandom(2)());
});
