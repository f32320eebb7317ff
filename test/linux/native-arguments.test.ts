// The addon refuses every wrong argument with an exception and survives anything. Needs no privileges.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { native } from "../../src/linux/native.js";

const fd = native.socket(2, 2, 0);
const timer = native.timerfdCreate();
const set = native.epollCreate();
const handle = native.pollNew(timer, () => undefined);
after(() => {
  if (typeof handle !== "number") native.pollFree(handle);
  native.close(timer);
  native.close(set);
  native.close(fd);
});

/** The functions without their types, so that wrong calls can be written down. */
const loose = native as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
const bytes = (length: number): Uint8Array => new Uint8Array(length);
const ints = (...values: readonly number[]): Int32Array => Int32Array.from(values);

/** A call that would be right, argument by argument. */
const right: Readonly<Record<string, readonly unknown[]>> = {
  socket: [2, 2, 0],
  close: [1_000_000],
  bind: [1_000_000, bytes(16)],
  connect: [1_000_000, bytes(16)],
  setsockopt: [fd, 1, 12, 0],
  getsockopt: [fd, 1, 12, bytes(4)],
  attachFilter: [fd, Uint8Array.of(6, 0, 0, 0, 255, 255, 0, 0)],
  send: [1_000_000, bytes(4), 0, null, null],
  sendMany: [1_000_000, 2, bytes(20), 10, ints(10, 10), null, 0, null, 0, 0],
  recv: [fd, bytes(4), null, null, null, 0],
  recvMany: [fd, bytes(20), 10, ints(0, 0), null, 0, null, 0, null],
  pollNew: [1_000_000, () => undefined],
  pollStart: [handle, 1],
  pollRef: [handle, true],
  pollFree: [handle],
  epollAdd: [set, 1_000_000, 1, 0],
  epollRemove: [set, 1_000_000],
  epollWait: [set, ints(0, 0)],
  connectMany: [set, 1, bytes(28), ints(0), ints(0, 0, 0)],
  reap: [set, ints(0, 0)],
  digest: [bytes(32), 32, 31, 1, 0, ints(0, 0, 0, 0)],
  timerfdSet: [timer, 0],
  timerfdRead: [timer],
  ifIndex: ["lo"],
  ifName: [1],
  setRealtime: [1_000_000_000, 0],
  setNetns: ["/nonexistent"],
};

for (const [name, args] of Object.entries(right)) {
  test(`${name} throws for every argument that is missing or of a wrong type`, () => {
    const call = loose[name];
    assert.ok(call);
    for (const position of args.keys()) {
      const wrongValues = [
        undefined,
        {},
        Symbol("x"),
        1.5,
        Number.NaN,
        Infinity,
        -1e20,
        [],
        1n,
        bytes(0).buffer,
        new Float64Array(2),
      ];
      for (const wrong of wrongValues) {
        // A timer may be armed with any finite number.
        if (name === "timerfdSet" && position === 1 && (wrong === 1.5 || wrong === -1e20)) continue;
        const attempt = args.map((value, i) => (i === position ? wrong : value));
        assert.throws(
          () => call(...attempt),
          (error) => error instanceof TypeError || error instanceof RangeError,
          `${name} argument ${position}`,
        );
      }
    }
    assert.throws(() => call());
  });
}

test("a call with all arguments right does not throw", () => {
  for (const [name, args] of Object.entries(right))
    if (name !== "pollFree") assert.doesNotThrow(() => loose[name]?.(...args), name);
});

test("messages that do not fit their slots or arrays are refused before anything is sent", () => {
  const refused: readonly (readonly unknown[])[] = [
    [fd, 3, bytes(20), 10, ints(1, 1, 1), null, 0, null, 0, 0],
    [fd, 2, bytes(20), 10, ints(1), null, 0, null, 0, 0],
    [fd, 2, bytes(20), 10, ints(1, 11), null, 0, null, 0, 0],
    [fd, 2, bytes(20), 10, ints(1, -1), null, 0, null, 0, 0],
    [fd, 2, bytes(20), 0, ints(1, 1), null, 0, null, 0, 0],
    [fd, -1, bytes(20), 10, ints(1, 1), null, 0, null, 0, 0],
    [fd, 2, bytes(20), 10, ints(1, 1), bytes(31), 16, null, 0, 0],
    [fd, 2, bytes(20), 10, ints(1, 1), bytes(400), 129, null, 0, 0],
    [fd, 2, bytes(20), 10, ints(1, 1), null, 0, bytes(63), 32, 0],
    [fd, 2 ** 31 - 1, bytes(20), 2 ** 31 - 1, ints(1, 1), null, 0, null, 0, 0],
  ];
  for (const args of refused) assert.throws(() => loose["sendMany"]?.(...args), RangeError);
});

test("receive arrays that are shorter than their slots are refused", () => {
  const refused: readonly (readonly unknown[])[] = [
    [fd, bytes(19), 10, ints(0, 0), null, 0, null, 0, null],
    [fd, bytes(20), 0, ints(0, 0), null, 0, null, 0, null],
    [fd, bytes(20), 10, ints(), null, 0, null, 0, null],
    [fd, bytes(20), 10, ints(0, 0), bytes(31), 16, null, 0, null],
    [fd, bytes(20), 10, ints(0, 0), null, 0, bytes(63), 32, null],
    [fd, bytes(20), 10, ints(0, 0), null, 0, null, 0, ints(0)],
  ];
  for (const args of refused) assert.throws(() => loose["recvMany"]?.(...args), RangeError);
  assert.throws(() => native.recv(fd, bytes(1), null, null, ints(0, 0), 0), RangeError);
});

test("addresses, filters, names and buffers outside their limits are refused", () => {
  assert.throws(() => native.bind(fd, bytes(1)), RangeError);
  assert.throws(() => native.bind(fd, bytes(129)), RangeError);
  assert.throws(() => native.attachFilter(fd, bytes(0)), RangeError);
  assert.throws(() => native.attachFilter(fd, bytes(12)), RangeError);
  assert.throws(() => native.attachFilter(fd, bytes(4097 * 8)), RangeError);
  assert.throws(() => native.ifIndex("x".repeat(10_000)), RangeError);
  assert.throws(() => native.ifIndex("lo\0x"), RangeError);
  assert.throws(() => native.setRealtime(0, 100), RangeError);
  assert.throws(() => native.setsockopt(fd, 1, 12, 2 ** 32), RangeError);
  assert.throws(() => native.getsockopt(fd, 1, 12, bytes(0)), RangeError);
  assert.throws(() => native.pollStart(handle as never, 16), RangeError);
});

test("an object that did not come from pollNew is no handle", () => {
  for (const wrong of [{}, Object.create(handle as object) as object, [], () => undefined, 5, null])
    assert.throws(() => loose["pollStart"]?.(wrong, 1), TypeError);
});

test("failures of the kernel are results, not exceptions", () => {
  assert.equal(native.close(1_000_000), -9);
  assert.equal(native.socket(9999, 2, 0), -97);
  assert.equal(native.ifIndex("no-such-link"), -19);
  assert.equal(native.ifName(999_999), -6);
  assert.equal(native.ifName(1), "lo");
  assert.equal(native.recv(fd, bytes(10), null, null, null, 0), -11);
  assert.equal(native.setNetns("/nonexistent"), -2);
  assert.equal(native.timerfdRead(timer), -11);
});

test("a watched descriptor cannot be closed or watched twice, and a freed handle only says so", () => {
  const own = native.timerfdCreate();
  const watch = native.pollNew(own, () => undefined);
  assert.ok(typeof watch !== "number");
  assert.equal(native.close(own), -16);
  assert.equal(
    native.pollNew(own, () => undefined),
    -17,
  );
  assert.equal(native.pollFree(watch), 0);
  assert.equal(native.pollFree(watch), 0);
  assert.equal(native.pollStart(watch, 1), -9);
  assert.equal(native.pollRef(watch, false), -9);
  assert.equal(native.close(own), 0);
});

test("an exception in a watch's callback becomes an uncaught exception", () => {
  const file = fileURLToPath(new URL("./throwing-watch.js", import.meta.url));
  const child = spawnSync(process.execPath, [file], { encoding: "utf8", timeout: 60_000 });
  assert.equal(child.stdout, "uncaught: from the callback\n");
  assert.equal(child.status, 0);
});

test("random arguments never crash the process", () => {
  const file = fileURLToPath(new URL("./native-fuzz.js", import.meta.url));
  const child = spawnSync(process.execPath, [file], { encoding: "utf8", timeout: 300_000 });
  assert.equal(child.signal, null, child.stderr);
  assert.equal(child.status, 0, child.stderr);
});

test("capabilities are a whole number", () => {
  assert.ok(Number.isSafeInteger(native.effectiveCapabilities()));
});
