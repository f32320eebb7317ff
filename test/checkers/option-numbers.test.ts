// Numbers for options: the same for equal options, and forgotten with the last check that has them.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckConfig } from "../../src/config/model.js";
import { seconds } from "../../src/core/units.js";
import { OptionNumbers } from "../../src/director/option-numbers.js";

const check = (path: string): CheckConfig => ({
  type: "http",
  options: { path },
  timing: { every: seconds(5), timeout: seconds(3), rise: 1, fall: 3 },
});

test("equal options have one number, others have others", () => {
  const numbers = new OptionNumbers();
  assert.equal(numbers.of(check("/a")), numbers.of(check("/a")));
  assert.notEqual(numbers.of(check("/a")), numbers.of(check("/b")));
});

test("reloads without end, each with new options, leave a bounded memory and the numbers in use", () => {
  const numbers = new OptionNumbers();
  const kept = check("/kept");
  const before = numbers.of(kept);
  const given = new Set([before]);
  for (let i = 0; i < 5000; i++) {
    const changed = check(`/${i}`);
    given.add(numbers.of(changed));
    numbers.forgetUnused(() => [kept, changed]);
  }
  assert.ok(numbers.size < 300, String(numbers.size));
  assert.equal(numbers.of(check("/kept")), before);
  // A number that was given never means anything else later.
  assert.equal(given.size, 5001);
});
