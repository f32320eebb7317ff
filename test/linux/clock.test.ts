// Timers on the monotonic clock. Nothing here depends on how late this machine is, only on never being early.

import assert from "node:assert/strict";
import { test } from "node:test";
import { after, instant, milliseconds, type Instant } from "../../src/core/units.js";
import { monotonicNow, TimerFd } from "../../src/linux/clock.js";

const soon = (ms: number): Instant => after(monotonicNow(), milliseconds(ms));

/** Arms a timer once and resolves when it fires. */
const firing = (at: Instant): Promise<Instant> =>
  new Promise((resolve) => {
    const timer = new TimerFd(() => {
      timer.close();
      resolve(monotonicNow());
    });
    timer.arm(at);
  });

test("the monotonic clock never goes back", () => {
  let last = monotonicNow();
  for (let i = 0; i < 10_000; i++) {
    const now = monotonicNow();
    assert.ok(now >= last);
    last = now;
  }
});

test("no timer fires before its deadline, in whatever order they were armed", async () => {
  const start = monotonicNow();
  await Promise.all(
    [40, 5, 30, 10, 20].map(async (delay) => {
      const at = after(start, milliseconds(delay));
      const firedAt = await firing(at);
      // A double holds this time to better than a microsecond.
      assert.ok(firedAt >= at - 0.001, `${firedAt} is before ${at}`);
    }),
  );
});

test("a deadline in the past, at zero or below zero fires at once", async () => {
  for (const at of [instant(1), instant(0), instant(-5), instant(0.0000001), soon(-1000)]) await firing(at);
});

test("the latest deadline replaces the one before it, and undefined takes it away", async () => {
  let fired = 0;
  const timer = new TimerFd(() => {
    fired += 1;
  });
  timer.arm(soon(1));
  timer.arm(soon(100_000));
  await firing(soon(20));
  assert.equal(fired, 0);
  timer.arm(soon(1));
  timer.arm(undefined);
  await firing(soon(20));
  assert.equal(fired, 0);
  timer.arm(soon(1));
  await firing(soon(20));
  assert.equal(fired, 1);
  timer.close();
  timer.close();
  timer.arm(soon(1));
  await firing(soon(20));
  assert.equal(fired, 1);
});

test("the same deadline can be armed again after it has fired", async () => {
  let fired = 0;
  const at = soon(1);
  const timer = new TimerFd(() => {
    fired += 1;
  });
  timer.arm(at);
  await firing(soon(10));
  timer.arm(at);
  await firing(soon(10));
  assert.equal(fired, 2);
  timer.close();
});
