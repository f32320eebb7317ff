// The short way of repeated adverts gives what the full step gives.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ip } from "../../src/core/address.js";
import { after, instant, milliseconds, type Instant } from "../../src/core/units.js";
import { nextDeadline, step } from "../../src/vrrp/machine.js";
import { quietUntil } from "../../src/vrrp/master.js";
import {
  advertMayRepeat,
  deadlineWhenHeard,
  deadlineWhenSent,
  heardAgain,
  onlyAdvertDue,
  repeatsMayFollow,
  sentAgain,
} from "../../src/vrrp/repeat.js";
import type { Event, MachineConfig, State } from "../../src/vrrp/state.js";
import { machineConfig, vip } from "./ip-packet.js";

const configs: fc.Arbitrary<MachineConfig> = fc
  .record({
    version: fc.constantFrom(2 as const, 3 as const),
    priority: fc.integer({ min: 1, max: 255 }),
    advertInterval: fc.constantFrom(10, 100, 1000, 2000).map(milliseconds),
    preempt: fc.boolean(),
    preemptDelay: fc.constantFrom(0, 0, 500, 5000).map(milliseconds),
    startDelay: fc.constantFrom(0, 0, 0, 3000).map(milliseconds),
    announce: fc.record({
      repeat: fc.integer({ min: 1, max: 5 }),
      delay: fc.constantFrom(0, 700, 5000).map(milliseconds),
      refresh: fc.constantFrom(0, 900, 60_000).map(milliseconds),
      refreshRepeat: fc.constant(1),
    }),
  })
  .map((changes) => machineConfig(changes));

type Happening = { readonly wait: number; readonly event: Event };
const adverts: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant("advert" as const),
  sender: fc.constantFrom(ip("192.168.1.1"), ip("192.168.1.3")),
  priority: fc.constantFrom(0, 1, 100, 200, 255),
  interval: fc.constantFrom(10, 1000, 2000).map(milliseconds),
});
const happenings: fc.Arbitrary<Happening> = fc.record({
  wait: fc.double({ min: 0, max: 9000, noNaN: true }),
  event: fc.oneof(
    adverts,
    fc.constant<Event>({ kind: "deadline" }),
    fc.constant<Event>({ kind: "link-up" }),
    fc.constant<Event>({ kind: "address-lost", address: vip("192.168.1.1/24") }),
  ),
});

/** A state that can really come about. */
function reached(config: MachineConfig, list: readonly Happening[]): { state: State; now: Instant } {
  let now = instant(1_000_000);
  let { state } = step(config, { kind: "initialize" }, { kind: "start" }, now);
  for (const { wait, event } of list) {
    const then = after(now, milliseconds(wait));
    for (let due = nextDeadline(state); due !== undefined && due <= then; due = nextDeadline(state))
      state = step(config, state, { kind: "deadline" }, due).state;
    now = then;
    state = step(config, state, event, now).state;
  }
  return { state, now };
}

test("an advert heard again: the deadline and the state are the full step's", () => {
  let taken = 0;
  fc.assert(
    fc.property(
      configs,
      fc.array(happenings, { maxLength: 12 }),
      adverts,
      fc.array(happenings, { maxLength: 3 }),
      fc.double({ min: 0, max: 5000, noNaN: true }),
      (config, before, event, between, wait) => {
        const { state, now } = reached(config, before);
        const first = step(config, state, event, now).state;
        assert.ok(event.kind === "advert");
        if (!advertMayRepeat(first, event, now)) return;
        // Other things may happen before it comes again, as long as it stays a backup without a preemption delay.
        let last: State = first;
        let then: Instant = now;
        for (const happening of between) {
          then = after(then, milliseconds(happening.wait / 10));
          last = step(config, last, happening.event, then).state;
          if (!repeatsMayFollow(last)) return;
          if (last.master !== first.master) return;
        }
        const again = after(then, milliseconds(wait));
        const full = step(config, last, event, again);
        assert.deepEqual(full.actions, []);
        assert.deepEqual(heardAgain(last, again), full.state);
        assert.equal(deadlineWhenHeard(last, again), nextDeadline(full.state));
        taken += 1;
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(taken > 100, "the property was not empty");
});

test("an advert sent again: the deadline and the state are the full step's", () => {
  let taken = 0;
  fc.assert(
    fc.property(
      configs,
      fc.array(happenings, { maxLength: 12 }),
      fc.double({ min: 0, max: 4000, noNaN: true }),
      (config, before, late) => {
        const alone: Happening = { wait: 20_000, event: { kind: "deadline" } };
        const { state } = reached(config, [alone, ...before]);
        if (state.kind !== "master") return;
        const due = state.nextAdvertAt;
        const now = after(due, milliseconds(late));
        if (!onlyAdvertDue(state, now) || late > config.advertInterval) return;
        const full = step(config, state, { kind: "deadline" }, now);
        assert.deepEqual(full.actions, [{ kind: "send-advert", priority: config.priority }]);
        const next = deadlineWhenSent(config, due, now);
        assert.deepEqual(sentAgain(state, next), full.state);
        assert.equal(Math.min(next, quietUntil(state)), nextDeadline(full.state));
        assert.ok(next > now);
        taken += 1;
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(taken > 100, "the property was not empty");
});
