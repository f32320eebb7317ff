// The effective weight under loads, slow starts and orders: bounded, explainable, and back where it was configured.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { verdict } from "../../src/checkers/agent.js";
import { instant, seconds } from "../../src/core/units.js";
import type { Load, Ramp, ServerView } from "../../src/services/server-input.js";
import { effectiveWeight, loadedWeight, nextWeighing, steadyLoad, weigh } from "../../src/services/weight.js";
import { realServer, viewOf } from "./view.js";

const MOST = 2 ** 31 - 1;
const view = (weight: number, load?: Load, ramp?: Ramp): ServerView =>
  viewOf(realServer(1, weight), { load, ramp });
const percent = (value: number): Load => ({ kind: "percent", percent: value, label: "agent" });
const absolute = (weight: number): Load => ({ kind: "absolute", weight, label: "script" });

test("whatever servers say, weights stay in bounds, depend on the last word alone, and come back when it is gone", () => {
  const load = fc.option(
    fc.oneof(fc.integer({ min: 0, max: 256 }).map(percent), fc.integer({ min: 0, max: 253 }).map(absolute)),
    { nil: undefined },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: MOST }),
      fc.array(load, { maxLength: 200 }),
      fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      (configured, words, hysteresis) => {
        const share = (hysteresis ?? 25) / 100;
        let counts: Load | undefined;
        for (const word of words) {
          const before = loadedWeight(configured, counts);
          counts = steadyLoad(counts, word, configured, hysteresis);
          const now = effectiveWeight(view(configured, counts), instant(0));
          const wanted = loadedWeight(configured, word);
          assert.ok(Number.isInteger(now) && now >= 0 && now <= MOST, String(now));
          // Never further away than what the hysteresis holds back; exact at nothing and at the whole.
          assert.ok(Math.abs(now - wanted) <= configured * share, `${now}, not ${wanted} of ${configured}`);
          // What is carried out is no small change.
          if (now !== before && before !== 0 && wanted !== 0 && wanted !== configured)
            assert.ok(Math.abs(now - before) >= configured * share, `${before} to ${now} of ${configured}`);
          if (wanted === 0 || wanted === configured) assert.equal(now, wanted);
          if (configured > 0 && word?.kind === "percent" && word.percent > 0) assert.ok(now > 0);
        }
        assert.equal(
          effectiveWeight(
            view(configured, steadyLoad(counts, undefined, configured, hysteresis)),
            instant(0),
          ),
          configured,
        );
      },
    ),
  );
});

test("a small change of the load is none, and the sum of small ones is one", () => {
  const at = (before: Load | undefined, next: number, hysteresis?: number): number =>
    loadedWeight(100, steadyLoad(before, percent(next), 100, hysteresis));
  assert.equal(at(undefined, 80), 100);
  assert.equal(at(undefined, 75), 75);
  assert.equal(at(percent(75), 60), 75);
  assert.equal(at(percent(75), 50), 50);
  assert.equal(at(percent(10), 0), 0);
  assert.equal(at(percent(0), 5), 5);
  assert.equal(at(percent(80), 100), 100);
  assert.deepEqual([at(percent(75), 66, 10), at(percent(75), 65, 10)], [75, 65]);
  assert.equal(at(percent(75), 74, 0), 74);
  assert.equal(at(percent(75), 1, 100), 75);
});

test("a slow start doubles from a thirty-second, at least 1, to the whole weight, and each step has its time", () => {
  for (const [configured, wanted] of [
    [64, [2, 4, 8, 16, 32, 64]],
    [5, [1, 1, 1, 1, 3, 5]],
    [1, [1, 1, 1, 1, 1, 1]],
    [0, [0, 0, 0, 0, 0, 0]],
  ] as const) {
    const ramp = { since: instant(1000), over: seconds(60) };
    const seen: number[] = [];
    let at: number = ramp.since;
    while (at !== Infinity) {
      seen.push(effectiveWeight(view(configured, undefined, ramp), instant(at)));
      at = nextWeighing(view(configured, undefined, ramp), instant(at));
    }
    assert.deepEqual(seen, wanted);
    assert.equal(effectiveWeight(view(configured, undefined, ramp), instant(61_000)), configured);
  }
});

test("load and slow start together are one sum that shows both", () => {
  const ramp = { since: instant(0), over: seconds(60) };
  const { effective, terms } = weigh(view(100, percent(50), ramp), instant(36_500));
  assert.equal(effective, 13);
  assert.deepEqual(
    terms.map((term) => (term.kind === "percent" ? `${term.percent} % ${term.label}` : term.label)),
    ["50 % agent", "25 % slow start"],
  );
});

test("an agent's line is read as HAProxy reads it, and what is none of its words is a failure", () => {
  for (const [line, load] of [
    ["75%", 75],
    ["up 50%", 50],
    ["UP,20%", 20],
    ["ready", undefined],
    ["up", undefined],
    ["drain", 0],
    ["drain 80%", 0],
    ["0%", 0],
    ["9999%", 256],
    ["ready up 30% # load 4.2", 30],
    ["up maxconn:30", undefined],
  ] as const) {
    const result = verdict(line);
    assert.ok(result.ok, line);
    assert.deepEqual(result.load, load === undefined ? undefined : { kind: "percent", percent: load }, line);
  }
  for (const line of ["down", "maint", "stopped # disk is full", "fail", "up down"]) {
    const result = verdict(line);
    assert.equal(!result.ok && result.reason, "agent-down", line);
  }
  for (const line of ["", "75", "# up", "75 %%", "-5%", "HTTP/1.1 200 OK", "\u0000"]) {
    const result = verdict(line);
    assert.equal(!result.ok && result.reason, "bad-reply", line);
  }
});

test("any line of an agent is a result with a load in bounds", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9%, #-]*$/)), (line) => {
      const result = verdict(line);
      if (!result.ok || result.load === undefined) return;
      assert.ok(result.load.kind === "percent" && result.load.percent >= 0 && result.load.percent <= 256);
    }),
  );
});
