// What a check's record says of warnings: at once, and then once a day.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fail, ok, type CheckResult } from "../../src/checkers/checker.js";
import type { CheckConfig } from "../../src/config/model.js";
import { instant, milliseconds, seconds } from "../../src/core/units.js";
import { CheckRecord } from "../../src/director/check-record.js";

const HOUR = 3_600_000;
const config: CheckConfig = {
  type: "https",
  options: {},
  timing: { every: seconds(5), timeout: seconds(3), rise: 1, fall: 3 },
};

/** A record, and what it says of warnings when a result comes at an hour. */
function recorded() {
  const record = new CheckRecord({ service: "web", server: "10.0.0.4:443" }, "key", config, "up", 0);
  const warnings = (hour: number, result: CheckResult): string[] =>
    record
      .take(result, milliseconds(1), instant(hour * HOUR), hour * HOUR)
      .events.flatMap((event) => (event.kind === "check-warning" ? [event.text] : []));
  return { warnings, shown: () => record.status(0).warning };
}

const warned = (warning?: string): CheckResult => ({ ...ok("200"), warning }) as CheckResult;

test("a warning is said at once, then once a day, and stands in the status all the time", () => {
  const { warnings, shown } = recorded();
  assert.deepEqual(warnings(0, warned("ends soon")), ["ends soon"]);
  assert.deepEqual(warnings(1, warned("ends soon")), []);
  assert.deepEqual(warnings(23.99, warned("ends sooner")), []);
  assert.equal(shown(), "ends sooner");
  assert.deepEqual(warnings(24, warned("ends sooner")), ["ends sooner"]);
  assert.deepEqual(warnings(47.99, warned("ends sooner")), []);
  assert.deepEqual(warnings(48, warned("ends sooner")), ["ends sooner"]);
});

test("a warning that went is said at once when it comes again; a failure neither ends nor repeats it", () => {
  const { warnings, shown } = recorded();
  assert.deepEqual(warnings(0, warned("ends soon")), ["ends soon"]);
  assert.deepEqual(warnings(1, fail("bad-status", "503")), []);
  assert.equal(shown(), "ends soon");
  assert.deepEqual(warnings(2, warned("ends soon")), []);
  assert.deepEqual(warnings(3, warned()), []);
  assert.equal(shown(), undefined);
  assert.deepEqual(warnings(4, warned("ends soon")), ["ends soon"]);
});
