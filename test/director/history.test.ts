// What is kept of the past of checks and servers: the last results, and for how much of the time a server was up.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fail, ok, type CheckResult } from "../../src/checkers/checker.js";
import { Availability } from "../../src/director/availability.js";
import { ResultRing } from "../../src/director/result-ring.js";

const HOUR = 3_600_000;
const NOW = 1_795_000_000_000;

test("the last five results are kept, with their time, reason and duration", () => {
  const ring = new ResultRing();
  assert.deepEqual(ring.list(NOW), []);
  const results: CheckResult[] = [
    ok("fine"),
    fail("bad-status", "503"),
    ok("fine"),
    fail("connect-refused", "no"),
  ];
  for (let i = 0; i < 7; i++) ring.push(results[i % 4] as CheckResult, i * 1.5, NOW + i * 1000);
  assert.deepEqual(
    ring.list(NOW + 100_000).map(({ time, reason, took_ms }) => [time - NOW, reason, took_ms]),
    [
      [2000, "ok", 3],
      [3000, "connect-refused", 4.5],
      [4000, "ok", 6],
      [5000, "bad-status", 7.5],
      [6000, "ok", 9],
    ],
  );
});

test("rings that share a block do not touch each other, and very long runs are cut", () => {
  const rings = Array.from({ length: 50 }, () => new ResultRing());
  rings.forEach((ring, i) => ring.push(ok(""), i, NOW));
  assert.deepEqual(
    rings.map((ring) => ring.list(NOW)[0]?.took_ms),
    rings.map((_, i) => i),
  );
  const [ring] = rings;
  ring?.push(fail("internal", ""), 1e9, NOW);
  assert.deepEqual(ring?.list(NOW).at(-1), { time: NOW, reason: "internal", took_ms: 1_677_721.5 });
});

test("ten thousand rings take less than a megabyte", () => {
  const before = process.memoryUsage().arrayBuffers;
  const rings = Array.from({ length: 10_000 }, () => new ResultRing());
  const bytes = process.memoryUsage().arrayBuffers - before;
  assert.ok(bytes > 0 && bytes < 1_000_000, `${String(bytes)} bytes`);
  assert.equal(rings.length, 10_000);
});

test("the share of the last day forgets what was before it, the one since the beginning does not", () => {
  const server = new Availability(true, 0);
  server.turn(false, 10 * HOUR);
  assert.deepEqual(server.share(20 * HOUR), { total: 50, day: 50 });
  server.turn(true, 20 * HOUR);
  assert.deepEqual(server.share(40 * HOUR), { total: 75, day: 86.96 });
  assert.deepEqual(server.share(100 * HOUR), { total: 90, day: 100 });
  server.turn(false, 100 * HOUR + HOUR / 2);
  assert.deepEqual(server.share(101 * HOUR - 1), { total: 89.6, day: 97.92 });
});

test("however often it changes and is asked, both shares are what the changes say", () => {
  const steps = fc.array(fc.record({ wait: fc.integer({ min: 1, max: 30 * HOUR }), up: fc.boolean() }), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(steps, fc.nat(HOUR), (list, began) => {
      const server = new Availability(true, began);
      const spans: { from: number; to: number; up: boolean }[] = [];
      let now = began;
      let up = true;
      for (const step of list) {
        spans.push({ from: now, to: now + step.wait, up });
        now += step.wait;
        up = step.up;
        server.turn(up, now);
        const upSince = (start: number): number => {
          const time = spans.reduce(
            (sum, span) => sum + (span.up ? Math.max(0, span.to - Math.max(span.from, start)) : 0),
            0,
          );
          return (time * 100) / (now - start);
        };
        const share = server.share(now);
        const day = Math.max(began, (Math.floor(now / HOUR) - 23) * HOUR);
        assert.ok(Math.abs(share.total - upSince(began)) < 0.02, `${share.total} ${upSince(began)}`);
        if (now > day) assert.ok(Math.abs(share.day - upSince(day)) < 0.02, `${share.day} ${upSince(day)}`);
      }
    }),
  );
});
