// Orders and drains as pure functions: which order stands, when a drain is done, how long it will take.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ip } from "../../src/core/address.js";
import { instant } from "../../src/core/units.js";
import type { ListedServer, ServerId } from "../../src/ipvs/model.js";
import { standing, type OpenWindow, type Order } from "../../src/services/order.js";
import { stepDrain, timeLeft, type Drain } from "../../src/services/override.js";

const A = { id: "10.0.0.4:80" as ServerId, address: ip("10.0.0.4") };
const order = (action: Order["action"]): Order => ({
  action,
  service: "web",
  server: A.id,
  by: "alice",
  since: 1000,
  until: null,
  deadline: null,
});
const window = (name: string, change: Partial<OpenWindow>): OpenWindow => ({
  window: name,
  action: "drain",
  targets: ["web"],
  since: 0,
  until: 5000,
  deadline: null,
  ...change,
});

test("a person's order counts more than any window, and of windows the stronger one", () => {
  const disable = window("1", { action: "disable" });
  const drain = window("2", { until: 9000 });
  assert.equal(standing(undefined, [], "web", A), undefined);
  assert.equal(standing(order("drain"), [disable], "web", A)?.by, "alice");
  assert.equal(standing(order("serve"), [disable], "web", A), undefined);
  assert.equal(standing(undefined, [drain, disable], "web", A)?.by, "maintenance 1");
  assert.equal(standing(undefined, [window("1", {}), drain], "web", A)?.until, 9000);
});

test("a window names a service, a machine, or a server with or without its service and port", () => {
  const meant = (target: string): boolean =>
    standing(undefined, [window("1", { targets: [target] })], "web", A) !== undefined;
  for (const target of ["web", "10.0.0.4", "10.0.0.4:80", "web/10.0.0.4", "web/10.0.0.4:80"])
    assert.ok(meant(target), target);
  for (const target of ["we", "10.0.0.40", "10.0.0.4:8", "mail/10.0.0.4", "web/"])
    assert.ok(!meant(target), target);
});

const listed = (active: number, weight = 0, inactive = 0, persistent = 0): ListedServer => ({
  address: A.address,
  port: 80,
  forwarding: "nat",
  weight,
  active,
  inactive,
  persistent,
});

test("a drain is done when its weight is 0 and nothing is left, or the server is not listed, and stays done", () => {
  const step = (before: Drain | undefined, seen: ListedServer | undefined, at: number): Drain =>
    stepDrain(before, seen, instant(at));
  assert.equal(step(undefined, listed(0, 1), 0).isEmpty, false);
  assert.equal(step(undefined, listed(0), 0).isEmpty, true);
  assert.equal(step(undefined, undefined, 0).isEmpty, true);
  for (const left of [listed(1), listed(0, 0, 1), listed(0, 0, 0, 1)])
    assert.equal(step(undefined, left, 0).isEmpty, false);
  const done = step(step(undefined, listed(1), 0), listed(0), 1000);
  assert.equal(step(done, listed(7), 2000).isEmpty, true);
});

test("the estimate follows the rate at which connections end, and there is none while none ends", () => {
  let drain = stepDrain(undefined, listed(60), instant(0));
  assert.equal(timeLeft(drain), undefined);
  drain = stepDrain(drain, listed(59), instant(1000));
  assert.equal(timeLeft(drain), 59_000);
  for (let i = 2; i <= 100; i++) drain = stepDrain(drain, listed(60 - i / 2), instant(i * 1000));
  assert.ok(Math.abs(drain.rate - 0.5) < 0.03, String(drain.rate));
  for (let i = 0; i < 400; i++) drain = stepDrain(drain, listed(10), instant(101_000 + i * 1000));
  assert.equal(timeLeft(drain), undefined);
});

test("whatever is counted, an estimate is a time and a rate is not negative", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(100_000), fc.nat(60_000))), (looks) => {
      let drain: Drain | undefined;
      let at = 0;
      for (const [active, passed] of looks) {
        at += passed;
        drain = stepDrain(drain, listed(active), instant(at));
        const left = timeLeft(drain);
        assert.ok(drain.rate >= 0 && (left === undefined || (left >= 0 && Number.isFinite(left))));
      }
    }),
  );
});
