// The effective priority as a sum of what is followed.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrackConfig } from "../../src/vrrp/instance.js";
import {
  effectivePriority,
  failedTrack,
  unreported,
  type TrackValue,
  type TrackValues,
} from "../../src/vrrp/priority.js";

const script = (weight: number, reverse = false): TrackConfig => ({
  id: "script:a",
  label: "script a",
  effect: { kind: "weight", weight, reverse },
});
const seen = (value: TrackValue): TrackValues => new Map([["script:a", value]]);
const UP = seen({ up: true });
const DOWN = seen({ up: false });
const effective = (base: number, track: TrackConfig, values: TrackValues): number =>
  effectivePriority(base, [track], values).effective;

test("a positive weight is added while up, a negative one subtracted while down, and reverse exchanges them", () => {
  assert.deepEqual([effective(100, script(20), UP), effective(100, script(20), DOWN)], [120, 100]);
  assert.deepEqual([effective(100, script(-20), UP), effective(100, script(-20), DOWN)], [100, 80]);
  assert.deepEqual(
    [effective(100, script(20, true), UP), effective(100, script(20, true), DOWN)],
    [100, 120],
  );
  assert.deepEqual(
    [effective(100, script(-20, true), UP), effective(100, script(-20, true), DOWN)],
    [80, 100],
  );
});

test("a track with a value adds value times weight, whatever it is otherwise", () => {
  assert.equal(effective(100, script(2), seen({ up: false, value: 15 })), 130);
  assert.equal(effective(100, script(2, true), seen({ up: true, value: 15 })), 70);
});

test("the sum is kept within 1..254, and an owner stays an owner", () => {
  assert.equal(effective(200, script(100), UP), 254);
  assert.equal(effective(50, script(-253), DOWN), 1);
  assert.deepEqual(effectivePriority(255, [script(-100)], DOWN), { effective: 255, base: 255, terms: [] });
});

test("the terms are those that count, in the order of the configuration", () => {
  const other: TrackConfig = { ...script(-10), id: "interface:eth1", label: "interface eth1" };
  const values: TrackValues = new Map([
    ["script:a", { up: true }],
    ["interface:eth1", { up: false }],
  ]);
  assert.deepEqual(effectivePriority(100, [script(-20), other, script(5)], values).terms, [
    { label: "interface eth1", amount: -10 },
    { label: "script a", amount: 5 },
  ]);
});

test("what has not reported counts for nothing and is named", () => {
  const fault: TrackConfig = { id: "script:b", label: "script b", effect: { kind: "fault" } };
  assert.equal(effective(100, script(-20), new Map()), 100);
  assert.deepEqual(unreported([script(-20), fault], UP), [fault]);
  assert.equal(failedTrack([fault], new Map()), undefined);
  assert.equal(failedTrack([fault, script(-20)], new Map([["script:b", { up: false }]])), fault);
});
