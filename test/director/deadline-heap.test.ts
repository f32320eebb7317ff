// The heap of deadlines against a plain list that is sorted each time.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DeadlineHeap } from "../../src/director/deadline-heap.js";
import { Lateness } from "../../src/director/lateness.js";

test("deadlines come due in order, whatever was set, moved and taken out before", () => {
  const order = fc.tuple(fc.nat(40), fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.constant(Infinity)));
  const orders = fc.array(fc.oneof(order, fc.integer({ min: 0, max: 1200 })), { maxLength: 120 });
  fc.assert(
    fc.property(orders, (list) => {
      const heap = new DeadlineHeap();
      const model = new Map<number, number>();
      for (const one of list) {
        if (typeof one !== "number") {
          const [slot, deadline] = one;
          heap.set(slot, deadline);
          if (deadline === Infinity) model.delete(slot);
          else model.set(slot, deadline);
          assert.equal(heap.deadlineOf(slot), model.get(slot) ?? Infinity);
          continue;
        }
        const due = [...model].filter(([, deadline]) => deadline <= one).map(([slot]) => slot);
        const taken: number[] = [];
        for (let slot = heap.takeDue(one); slot >= 0; slot = heap.takeDue(one)) taken.push(slot);
        assert.deepEqual([...taken].sort(), due.sort());
        for (const slot of taken) model.delete(slot);
      }
      // Early wake-ups are allowed, late ones are not.
      assert.ok(heap.next <= Math.min(Infinity, ...model.values()));
    }),
  );
});

test("a deadline that moves back leaves the wake-up where it was, until that comes", () => {
  const heap = new DeadlineHeap();
  heap.set(0, 100);
  heap.set(0, 200);
  assert.equal(heap.next, 100);
  assert.equal(heap.takeDue(150), -1);
  assert.equal(heap.next, 200);
  heap.set(0, 50);
  assert.equal(heap.next, 50);
});

test("lateness is exact to a quarter, and its maximum exact", () => {
  const lateness = new Lateness();
  assert.equal(lateness.quantile(0.5), 0);
  for (let i = 1; i <= 1000; i++) lateness.add(i / 100);
  const [p50, p99] = [lateness.quantile(0.5), lateness.quantile(0.99)];
  assert.ok(p50 >= 5 && p50 <= 6.25, String(p50));
  assert.ok(p99 >= 9.9 && p99 <= 10, String(p99));
  assert.equal(lateness.max, 10);
});

test("what came between two moments is the difference of their histograms", () => {
  const lateness = new Lateness();
  for (let i = 0; i < 100; i++) lateness.add(0.1);
  const before = new Map(lateness.histogram);
  for (let i = 0; i < 7; i++) lateness.add(8);
  const between = lateness.histogram.map(([upTo, count]) => [upTo, count - (before.get(upTo) ?? 0)] as const);
  const later = between.filter(([, count]) => count > 0);
  assert.equal(later.length, 1);
  const [upTo = 0, count] = later[0] ?? [];
  assert.ok(count === 7 && upTo >= 8 && upTo <= 10, String(upTo));
});
