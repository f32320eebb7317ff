// The effective weight of a real server, step by step, and the words for it.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeWeighing } from "../../src/control/reason.js";
import { instant, seconds } from "../../src/core/units.js";
import type { Override, ServerInput, ServerView } from "../../src/services/server-input.js";
import { effectiveWeight, nextWeighing, weigh } from "../../src/services/weight.js";
import { realServer, viewOf } from "./view.js";

const NOW = instant(0);
const AGENT = { kind: "percent", percent: 40, label: "agent" } as const;
const DRAIN: Override = {
  kind: "drain",
  label: "drained by root until 14:00",
  isEmpty: false,
  removeAt: undefined,
};
const view = (weight: number, input?: Partial<ServerInput>): ServerView =>
  viewOf(realServer(4, weight), input);
const words = (one: ServerView): string => describeWeighing(weigh(one, NOW));

test("the configured weight, the agent and the operator are steps that are told in their order", () => {
  assert.equal(words(view(5)), "5 configured");
  assert.equal(words(view(5, { load: AGENT })), "5 configured x 40 % agent = 2");
  assert.equal(
    words(view(5, { load: AGENT, override: DRAIN })),
    "5 configured x 40 % agent; drained by root until 14:00 -> 0",
  );
  assert.equal(
    words(view(5, { load: { kind: "absolute", weight: 9, label: "script" } })),
    "5 configured; script -> 9",
  );
});

test("a share of something is never nothing, but 0 % is, and so is any share of 0", () => {
  const share = (weight: number, percent: number): number =>
    effectiveWeight(view(weight, { load: { ...AGENT, percent } }), NOW);
  assert.deepEqual([share(1, 1), share(5, 0), share(0, 80), share(5, 200)], [1, 0, 0, 10]);
});

test("a slow start goes from little to all, in steps whose times are known beforehand", () => {
  const starting = view(100, { ramp: { since: NOW, over: seconds(20) } });
  const seen: number[] = [];
  for (let at: number = NOW; at !== Infinity; at = nextWeighing(starting, instant(at)))
    seen.push(effectiveWeight(starting, instant(at)));
  assert.equal(seen[0], 3);
  assert.equal(seen.at(-1), 100);
  assert.equal(seen.length, 6);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  assert.equal(words(starting), "100 configured x 3.1 % slow start = 3");
});

test("whatever is known of a server, its weight is one that IPVS takes", () => {
  const load = fc.oneof(
    fc.constant(undefined),
    fc.record({
      kind: fc.constant("percent" as const),
      percent: fc.double({ noNaN: true }),
      label: fc.string(),
    }),
    fc.record({
      kind: fc.constant("absolute" as const),
      weight: fc.double({ noNaN: true }),
      label: fc.string(),
    }),
  );
  const ramp = fc.option(fc.record({ since: fc.integer().map(instant), over: fc.nat().map(seconds) }), {
    nil: undefined,
  });
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), load, ramp, fc.integer(), (weight, given, rising, now) => {
      const effective = effectiveWeight(view(weight, { load: given, ramp: rising }), instant(now));
      assert.ok(Number.isInteger(effective) && effective >= 0 && effective < 2 ** 31, String(effective));
    }),
  );
});
