// How long clients may have been without a master: an upper bound, and said to be unknown where it is.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TransitionReason } from "../../src/vrrp/reasons.js";
import { nextDeadline, step } from "../../src/vrrp/machine.js";
import type { State } from "../../src/vrrp/state.js";
import { vacancyOf } from "../../src/vrrp/vacancy.js";
import { machineConfig } from "./ip-packet.js";
import { advert, at, backup, DEADLINE, INITIALIZE, LOWER_PEER, PEER, T0 } from "./stepping.js";

const config = machineConfig({ priority: 150 });
const SILENT: TransitionReason = { kind: "master-silent", master: PEER, master_priority: 200, silence_ms: 1 };
const after = (state: State, ms: number, reason: TransitionReason = SILENT) =>
  vacancyOf(state, reason, at(ms));

test("of a master that fell silent: from its last advert to our announcement", () => {
  const heard = step(config, backup(config, advert(200)), advert(200), at(1000)).state;
  const due = nextDeadline(heard)!;
  assert.equal(step(config, heard, DEADLINE, due).state.kind, "master");
  assert.deepEqual(after(heard, 4500), { kind: "silent", master: PEER, at_most_ms: 3500 });
});

test("of one that resigned: from its resignation, whatever else it had sent", () => {
  const left = step(config, backup(config, advert(200)), advert(0), at(1000)).state;
  assert.deepEqual(after(left, 1450), { kind: "resigned", master: PEER, at_most_ms: 450 });
  const another = step(config, left, advert(100, LOWER_PEER), at(1200)).state;
  assert.deepEqual(
    after(another, 1450),
    { kind: "preempted", master: LOWER_PEER, at_most_ms: 250 },
    "somebody else was master after that",
  );
});

test("of one that is preempted no pause is known", () => {
  const lower = step(config, backup(config), advert(100), at(3000)).state;
  assert.deepEqual(after(lower, 3414), { kind: "preempted", master: PEER, at_most_ms: 414 });
});

test("where nobody was heard, or nobody listened, it is not known; addresses that stayed were never gone", () => {
  assert.deepEqual(after(backup(config), 3500), { kind: "unheard", listened_ms: 3500 });
  assert.deepEqual(after(INITIALIZE, 10), { kind: "unheard", listened_ms: 0 });
  const holding = step(config, INITIALIZE, { kind: "resume", deadAt: T0, kept: true }, at(4000)).state;
  assert.deepEqual(after(holding, 5500), { kind: "kept" });
  assert.deepEqual(after(INITIALIZE, 10, { kind: "resumed", pause_ms: 10 }), { kind: "kept" });
});
