// What a check's record says of warnings: at once, and then once a day; and that the short way of equal results is one.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { FAIL_REASONS, fail, ok, okWith, type CheckResult } from "../../src/checkers/checker.js";
import type { CheckConfig } from "../../src/config/model.js";
import { describe } from "../../src/control/describe.js";
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

test("every reason, its words and its times stand alike in event, log line and status", () => {
  const phases = { connect: milliseconds(1.234), tls: milliseconds(20) };
  for (const reason of FAIL_REASONS) {
    const record = new CheckRecord({ service: "web", server: "10.0.0.4:443" }, "key", config, "up", 0);
    const take = (result: CheckResult, at: number) =>
      record.take(result, milliseconds(25), instant(at), at).events;
    take(ok("200", phases), 1000);
    const [first] = take(fail(reason, "the words for it", phases), 2000);
    assert.ok(first?.kind === "check-failed-once");
    take(fail(reason, "the words for it", phases), 3000);
    const [down] = take(fail(reason, "the words for it", phases), 4000);
    assert.ok(down?.kind === "check-changed" && !down.up);
    const status = record.status(5000);
    for (const place of [first, down, status])
      assert.deepEqual(
        [place.reason, place.detail, place.took_ms, place.phases_ms],
        [reason, "the words for it", 25, { connect: 1.23, tls: 20 }],
      );
    for (const event of [first, down])
      assert.match(
        describe(event).text,
        new RegExp(`: ${reason}: the words for it \\(took 25 ms: connect 1\\.2\\d* ms, tls 20 ms, `),
      );
    assert.equal(record.cause(), `https ${reason}: the words for it, 3 times in a row`);
    assert.deepEqual([status.up, status.since, status.runs], [false, 4000, 4]);
    assert.deepEqual(
      status.past.map((past) => [past.reason, past.time, past.took_ms]),
      ["ok", reason, reason, reason].map((one, i) => [one, 1000 * (i + 1), 25]),
    );
  }
});

test("what equal results come to is the same by the short way and by the long one", () => {
  const results: readonly CheckResult[] = [
    ok("200", { connect: milliseconds(1) }),
    ok("200", { connect: milliseconds(2) }),
    ok("204", { connect: milliseconds(2), body: milliseconds(7) }),
    warned("ends soon"),
    okWith({ kind: "percent", percent: 50 }, "200"),
    { ok: true, detail: "200", phases: {}, output: "talks" },
    fail("bad-status", "503"),
    fail("no-reply", "none", { connect: milliseconds(3) }),
  ];
  let shortWays = 0;
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          { weight: 4, arbitrary: fc.constant(0) },
          { weight: 4, arbitrary: fc.integer({ min: 0, max: results.length }) },
        ),
        { maxLength: 30 },
      ),
      (steps) => {
        const records = [0, 1].map(
          () => new CheckRecord({ service: "web", server: "10.0.0.4:443" }, "key", config, "up", 0),
        );
        const [quick, slow] = records as [CheckRecord, CheckRecord];
        const before = quick.load;
        steps.forEach((step, i) => {
          const result = results[step];
          if (result === undefined) {
            assert.deepEqual(quick.hold("waits"), slow.hold("waits"));
            return;
          }
          const at = [milliseconds(i), instant(i * 1000), i * 1000] as const;
          const taken = slow.take(result, ...at);
          if (quick.takeEqual(result, at[0], at[2])) {
            shortWays++;
            assert.deepEqual(taken, { changed: false, events: [] });
            assert.equal(slow.load, before);
          } else assert.deepEqual(quick.take(result, ...at), taken);
          assert.deepEqual(quick.status(i * 1000), slow.status(i * 1000));
          assert.deepEqual(
            [quick.cause(), quick.load, quick.isUnproven],
            [slow.cause(), slow.load, slow.isUnproven],
          );
        });
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(shortWays > 100, String(shortWays));
});
