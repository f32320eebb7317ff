// Sets of descriptors: what is ready comes with its number, as much as there is room for, and nothing twice.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EPOLL, SOCK } from "../../src/linux/constants.js";
import { native } from "../../src/linux/native.js";

/** Timers that have fired are descriptors that are ready. */
function firedTimer(): number {
  const fd = native.timerfdCreate();
  native.timerfdSet(fd, -1);
  return fd;
}

test("a set hands out what is ready, in as many calls as there is room for, and forgets what is closed", () => {
  const set = native.epollCreate();
  const timers = Array.from({ length: 600 }, firedTimer);
  const idle = native.timerfdCreate();
  assert.equal(native.epollAdd(set, idle, EPOLL.IN, 7), 0);
  for (const [i, fd] of timers.entries())
    assert.equal(native.epollAdd(set, fd, EPOLL.IN | EPOLL.ET, 1000 + i), 0);
  const out = new Int32Array(2000);
  assert.equal(native.epollWait(set, out.subarray(0, 20)), 10);
  const seen = Array.from({ length: 10 }, (_, i) => out[2 * i]);
  for (let left = 590; left > 0;) {
    const count = native.epollWait(set, out);
    assert.ok(count > 0 && count <= 256, String(count));
    for (let i = 0; i < count; i++) {
      seen.push(out[2 * i]);
      assert.equal(out[2 * i + 1], EPOLL.IN);
    }
    left -= count;
  }
  assert.deepEqual(
    seen.sort((a, b) => (a ?? 0) - (b ?? 0)),
    timers.map((_, i) => 1000 + i),
  );
  assert.equal(native.epollWait(set, out), 0, "an edge is told once");
  for (const fd of timers) native.close(fd);
  native.timerfdSet(idle, -1);
  assert.equal(native.epollWait(set, out), 1);
  assert.deepEqual([...out.subarray(0, 2)], [7, EPOLL.IN]);
  assert.equal(native.epollRemove(set, idle), 0);
  assert.equal(native.epollWait(set, out), 0);
  native.close(idle);
  native.close(set);
});

test("what is no set, no member or no number is refused", () => {
  const set = native.epollCreate();
  const socket = native.socket(2, SOCK.DGRAM, 0);
  const out = new Int32Array(2);
  assert.equal(native.epollAdd(set, socket, EPOLL.IN, 0), 0);
  assert.equal(native.epollAdd(set, socket, EPOLL.IN, 0), -17, "EEXIST");
  assert.equal(native.epollAdd(set, set, EPOLL.IN, 0), -22, "EINVAL");
  assert.equal(native.epollRemove(set, 1_000_000), -9, "EBADF");
  assert.equal(native.epollWait(socket, out), -22, "EINVAL");
  assert.throws(() => native.epollAdd(set, socket, EPOLL.IN, -1), RangeError);
  assert.throws(() => native.epollWait(set, new Int32Array(1)), RangeError);
  native.close(socket);
  native.close(set);
});
