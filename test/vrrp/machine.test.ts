// The state machine beyond the RFCs' own rules, which are in conformance/: what vipd adds to them, and why.

import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds, seconds } from "../../src/core/units.js";
import { nextDeadline, step } from "../../src/vrrp/machine.js";
import type { BackupState, Event, MasterState, State } from "../../src/vrrp/state.js";
import { machineConfig, vip } from "./ip-packet.js";
import { advert, at, backup, DEADLINE, INITIALIZE, kinds, M, master, sent, T0 } from "./stepping.js";

test("a preemption delay counts from the first advert of lower priority", () => {
  const config = machineConfig({ preemptDelay: seconds(10) });
  let state: State = backup(config);
  for (let ms = 1000; ms <= 10_000; ms += 1000) {
    state = step(config, state, advert(50), at(ms)).state;
    assert.equal(nextDeadline(state), at(ms + 3609.375));
  }
  state = step(config, state, advert(50), at(11_000)).state;
  assert.equal(nextDeadline(state), at(13_609.375), "the delay is over: this one is discarded");
  const reset = step(config, state, advert(200), at(11_500)).state as BackupState;
  assert.equal(reset.preemptAt, undefined, "a better master starts it anew");
});

test("a link that goes down takes the addresses away, and its return starts the wait anew", () => {
  const config = machineConfig();
  const down: Event = { kind: "link-down", cause: { kind: "interface-down", interface: "eth0" } };
  const fault = step(config, master(config), down, M);
  assert.equal(fault.state.kind, "fault");
  assert.deepEqual(kinds(fault), ["remove-addresses"]);
  const up = step(config, fault.state, { kind: "link-up" }, at(20_000));
  assert.equal(nextDeadline(up.state), at(23_609.375));
});
test("an address that somebody deleted is put back and announced", () => {
  const config = machineConfig();
  const state = master(config);
  const result = step(config, state, { kind: "address-lost", address: config.addresses[0]! }, M);
  assert.equal(result.state.kind, "master");
  assert.equal(nextDeadline(result.state), nextDeadline(state));
  assert.deepEqual(kinds(result), ["add-addresses", "announce", "report-restored"]);
});
test("an address that is deleted again and again is put back once a second, each for itself", () => {
  const config = machineConfig({
    addresses: [vip("192.168.1.1/24"), vip("192.168.1.2/24")],
    advertInterval: seconds(40),
    announce: { repeat: 1, delay: seconds(0), refresh: seconds(0), refreshRepeat: 1 },
  });
  const patient = { ...backup(config), masterDownAt: at(190_000) };
  const first = step(config, patient, DEADLINE, at(190_000)).state;
  const lost = (number: 0 | 1): Event => ({ kind: "address-lost", address: config.addresses[number]! });
  let { state } = step(config, first, lost(0), at(200_000));
  for (let i = 1; i < 100; i++) {
    const result = step(config, state, lost(0), at(200_000 + i));
    assert.deepEqual(result.actions, []);
    state = result.state;
  }
  assert.equal(nextDeadline(state), at(201_000));
  const other = step(config, state, lost(1), at(200_500));
  assert.deepEqual(kinds(other), ["add-addresses", "announce", "report-restored"]);
  assert.deepEqual(step(config, other.state, DEADLINE, at(200_999)).actions, []);
  const due = step(config, other.state, DEADLINE, at(201_000));
  assert.deepEqual(kinds(due), ["add-addresses", "announce", "report-restored"]);
  assert.deepEqual(due.actions[0], { kind: "add-addresses", addresses: [config.addresses[0]] });
  assert.deepEqual(step(config, due.state, DEADLINE, at(201_500)).actions, [], "it is not put back twice");
  assert.deepEqual(step(config, due.state, lost(0), at(201_500)).actions, []);
  assert.equal(
    kinds(step(config, due.state, lost(0), at(202_000))).length,
    3,
    "a second later it is at once",
  );
  // A reload that takes it out of the configuration ends it.
  const waiting = step(config, due.state, lost(0), at(201_500)).state;
  const fewer = machineConfig({ ...config, addresses: [config.addresses[1]!] });
  const reloaded = step(fewer, waiting, { kind: "reconfigure", previous: config }, at(201_600));
  assert.deepEqual(step(fewer, reloaded.state, DEADLINE, at(203_000)).actions, []);
});
test("a master that cannot hold its addresses resigns, and tries again later", () => {
  const config = machineConfig();
  const failed: Event = { kind: "action-failed", action: "add 192.168.1.1/24 to eth0", error: "EPERM" };
  const result = step(config, master(config), failed, M);
  assert.deepEqual(sent(result.actions), [0]);
  assert.equal(result.state.kind, "fault");
  assert.equal(step(config, result.state, { kind: "link-up" }, at(11_000)).state.kind, "fault");
  const again = step(config, result.state, DEADLINE, at(15_000));
  assert.deepEqual(again.reason, { kind: "retry", action: "add 192.168.1.1/24 to eth0", waited_ms: 5000 });
});
test("a successor resumes before the backup can have given up, and not after", () => {
  const config = machineConfig();
  const resumed = step(config, INITIALIZE, { kind: "resume", deadAt: T0 }, at(1700));
  assert.deepEqual(resumed.reason, { kind: "resumed", pause_ms: 1700 });
  assert.deepEqual(kinds(resumed), ["send-advert", "add-addresses", "announce"]);
  const late = step(config, INITIALIZE, { kind: "resume", deadAt: T0 }, at(1750));
  assert.deepEqual(late.reason, { kind: "resume-too-late", pause_ms: 1750, limit_ms: 1750 });
  assert.deepEqual(kinds(late), ["remove-addresses"]);
});
test("new figures reach a master without a break: addresses are exchanged, an advert says the rest", () => {
  const previous = machineConfig({ addresses: [vip("192.168.1.1/24"), vip("192.168.1.4/24")] });
  const config = machineConfig({
    priority: 120,
    advertInterval: milliseconds(200),
    addresses: [vip("192.168.1.1/24"), vip("192.168.1.5/24")],
  });
  const result = step(config, master(previous), { kind: "reconfigure", previous }, M);
  assert.equal(result.reason, undefined);
  assert.deepEqual(result.actions, [
    { kind: "send-advert", priority: 120 },
    { kind: "remove-addresses", addresses: [vip("192.168.1.4/24")] },
    { kind: "add-addresses", addresses: [vip("192.168.1.5/24")] },
    { kind: "announce", addresses: [vip("192.168.1.5/24")], repeat: 5 },
  ]);
  assert.ok((result.state as MasterState).nextAdvertAt <= M + 200);
});
test("a new priority changes how long a backup still waits", () => {
  const previous = machineConfig();
  const config = machineConfig({ priority: 228 });
  const state = backup(previous, advert(250));
  const result = step(config, state, { kind: "reconfigure", previous }, at(1000));
  assert.equal(nextDeadline(result.state), at(3000 + (28 / 256) * 1000));
});
test("a backup whose priority falls below a master that it was about to preempt waits for that master's end", () => {
  const previous = machineConfig();
  const config = machineConfig({ priority: 40 });
  const state = step(previous, backup(previous), advert(50), at(3000)).state;
  assert.equal(nextDeadline(state), at(3609.375), "passed over");
  const result = step(config, state, { kind: "reconfigure", previous }, at(3100));
  const wait = 3000 + ((256 - 40) / 256) * 1000;
  assert.equal(nextDeadline(result.state), at(3000 + wait), "counted from its last advert");
  const { reason } = step(config, result.state, DEADLINE, at(3000 + wait));
  assert.ok(reason?.kind === "master-silent" && reason.silence_ms === wait);
});
test("and so it does when preemption is turned off meanwhile", () => {
  const previous = machineConfig();
  const config = machineConfig({ preempt: false });
  const state = step(previous, backup(previous), advert(50), at(3000)).state;
  const result = step(config, state, { kind: "reconfigure", previous }, at(3100));
  assert.equal(nextDeadline(result.state), at(6609.375));
});
