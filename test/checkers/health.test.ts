import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { newHealth, stepHealth, type Health } from "../../src/checkers/health.js";
import type { HealthState } from "../../src/core/health-state.js";

function play(
  results: string,
  counts: { rise: number; fall: number },
  from: HealthState = "unknown",
): string {
  let health: Health = newHealth(from);
  return Array.from(results, (result) => {
    const step = stepHealth(health, result === "+", counts);
    health = step.health;
    return (step.changed ? "!" : "") + health.state.slice(0, 1);
  }).join(" ");
}

test("the first result of a check without history decides", () => {
  assert.equal(play("+", { rise: 3, fall: 3 }), "!u");
  assert.equal(play("-", { rise: 3, fall: 3 }), "!d");
});

test("only failures in a row take a check down, and only successes in a row bring it up", () => {
  assert.equal(play("+--+---", { rise: 1, fall: 3 }), "!u u u u u u !d");
  assert.equal(play("-++-+++", { rise: 3, fall: 1 }), "!d d d d d d !u");
});

test("a presumed state is left by the counts alone", () => {
  assert.equal(play("---", { rise: 1, fall: 3 }, "up"), "u u !d");
  assert.equal(play("++", { rise: 2, fall: 1 }, "down"), "d !u");
});

test("a change has as many equal results in a row before it as the counts say", () => {
  const count = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), count, count, (results, rise, fall) => {
      let health = newHealth("up");
      results.forEach((ok, i) => {
        const step = stepHealth(health, ok, { rise, fall });
        health = step.health;
        if (!step.changed) return;
        const needed = ok ? rise : fall;
        assert.equal(health.state, ok ? "up" : "down");
        assert.ok(i + 1 >= needed && results.slice(i + 1 - needed, i + 1).every((result) => result === ok));
      });
    }),
  );
});
