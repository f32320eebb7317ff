// The state machine, one test for each rule of the RFC, named by its id in the conformance list.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { after, instant, milliseconds, seconds, type Instant } from "../../src/core/units.js";
import { nextDeadline, step } from "../../src/vrrp/machine.js";
import type {
  Action,
  BackupState,
  Event,
  MachineConfig,
  MasterState,
  State,
  Step,
} from "../../src/vrrp/state.js";
import { masterDownInterval, skewTime } from "../../src/vrrp/timing.js";
import { machineConfig, vip } from "./ip-packet.js";

const T0 = instant(1_000_000);
const at = (ms: number): Instant => after(T0, milliseconds(ms));
const INITIALIZE: State = { kind: "initialize" };
const PEER = ip("192.168.1.3");
const LOWER_PEER = ip("192.168.1.0");

const advert = (priority: number, sender = PEER, interval = seconds(1)): Event => ({
  kind: "advert",
  sender,
  priority,
  interval,
});
const DEADLINE: Event = { kind: "deadline" };
const STOP: Event = { kind: "stop", keepAddresses: false, why: { kind: "shutdown" } };

function backup(config: MachineConfig, heard?: Event): BackupState {
  const started = step(config, INITIALIZE, { kind: "start" }, T0).state;
  const state = heard ? step(config, started, heard, T0).state : started;
  assert.equal(state.kind, "backup");
  return state;
}
function master(config: MachineConfig): MasterState {
  const { state } = step(config, { ...backup(config), masterDownAt: M }, DEADLINE, M);
  assert.equal(state.kind, "master");
  return state;
}
/** Ten seconds after the start, when `master` has just become one. */
const M = at(10_000);
const kinds = ({ actions }: Step): string[] => actions.map(({ kind }) => kind);
const sent = (actions: readonly Action[]): number[] =>
  actions.flatMap((action) => (action.kind === "send-advert" ? [action.priority] : []));

test("T04 the skew of version 3 is a part of the interval, T05 of version 2 a part of a second", () => {
  assert.equal(skewTime(3, 100, seconds(10)), 6093.75);
  assert.equal(skewTime(2, 100, seconds(10)), 609.375);
});
test("T06, T10 priority 100 at 1 s: skew 609 ms, down 3.609 s", () => {
  assert.equal(Math.round(skewTime(3, 100, seconds(1))), 609);
  assert.equal(Math.round(masterDownInterval(3, 100, seconds(1))), 3609);
});
test("T11 priority 254 at 10 ms: nothing is rounded to 0", () => {
  assert.equal(skewTime(3, 254, milliseconds(10)), 0.078125);
  assert.equal(masterDownInterval(3, 254, milliseconds(10)), 30.078125);
});
test("T03, B13 the interval of the master is learnt, and the wait follows it", () => {
  const config = machineConfig();
  const state = backup(config, advert(150, PEER, seconds(10)));
  assert.equal(state.masterDownAt, at(masterDownInterval(3, 100, seconds(10))));
  const two = backup(machineConfig({ version: 2 }), advert(150, PEER, seconds(1)));
  assert.equal(two.masterInterval, 1000);
});
test("T07, B12 preemption is on by default, and the owner preempts regardless", () => {
  const owner = machineConfig({ priority: 255, preempt: false });
  const state: BackupState = { ...backup(machineConfig()), masterDownAt: at(500) };
  const heard = step(owner, state, advert(254), T0).state as BackupState;
  assert.equal(heard.masterDownAt, at(500));
});

test("I01 the owner is master at once: advert, addresses, announcement", () => {
  const result = step(machineConfig({ priority: 255 }), INITIALIZE, { kind: "start" }, T0);
  assert.equal(result.state.kind, "master");
  assert.deepEqual(kinds(result), ["send-advert", "add-addresses", "announce"]);
  assert.deepEqual(result.reason, { kind: "owner-startup" });
});
test("I02 others listen for a Master_Down_Interval of their own interval", () => {
  const result = step(machineConfig(), INITIALIZE, { kind: "start" }, T0);
  assert.deepEqual(result.actions, []);
  assert.equal(nextDeadline(result.state), at(3609.375));
});
test("I04 nothing is sent before the start", () => {
  for (const event of [advert(0), advert(50), DEADLINE, STOP, { kind: "link-up" }] as const)
    assert.deepEqual(step(machineConfig(), INITIALIZE, event, T0), { state: INITIALIZE, actions: [] });
});

test("B06 a backup that stops sends nothing", () => {
  const result = step(machineConfig(), backup(machineConfig()), STOP, T0);
  assert.deepEqual(result.state, INITIALIZE);
  assert.deepEqual(result.actions, []);
});
test("B07 when the wait ends: advert first, then addresses, then announcements", () => {
  const config = machineConfig();
  const state = backup(config, advert(150));
  const early = step(config, state, DEADLINE, at(3609.37));
  assert.equal(early.state, state);
  const result = step(config, state, DEADLINE, at(3609.375));
  assert.deepEqual(kinds(result), ["send-advert", "add-addresses", "announce"]);
  assert.deepEqual(result.reason, {
    kind: "master-silent",
    master: PEER,
    master_priority: 150,
    silence_ms: 3609.375,
  });
});
test("B09 a resignation leaves the skew time, and repeated ones do not prolong it", () => {
  const config = machineConfig();
  const state = backup(config, advert(150));
  const resigned = step(config, state, advert(0), at(100)).state as BackupState;
  assert.equal(resigned.masterDownAt, at(100 + 609.375));
  const again = step(config, resigned, advert(0), at(300)).state as BackupState;
  assert.equal(again.masterDownAt, at(100 + 609.375));
  const result = step(config, again, DEADLINE, at(709.375));
  assert.deepEqual(result.reason, { kind: "master-resigned", master: PEER, waited_ms: 409.375 });
});
test("B10 an advert of equal or higher priority restarts the wait", () => {
  for (const priority of [100, 101, 255]) {
    const state = step(machineConfig(), backup(machineConfig()), advert(priority), at(500)).state;
    assert.equal(nextDeadline(state), at(500 + 3609.375));
  }
});
test("B11 without preemption a lower priority restarts the wait too", () => {
  const config = machineConfig({ preempt: false });
  assert.equal(nextDeadline(step(config, backup(config), advert(1), at(500)).state), at(4109.375));
});
test("B12 with preemption a lower priority is discarded, and the wait runs on", () => {
  const config = machineConfig();
  const heard = step(config, backup(config), advert(99), at(500)).state;
  assert.equal(nextDeadline(heard), at(3609.375));
  const result = step(config, heard, DEADLINE, at(3610));
  assert.deepEqual(result.reason, {
    kind: "preempted-lower",
    master: PEER,
    master_priority: 99,
    own_priority: 100,
  });
});
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

test("A06 a master that stops says priority 0, and removes its addresses unless they are to stay", () => {
  const config = machineConfig();
  const result = step(config, master(config), STOP, M);
  assert.deepEqual(sent(result.actions), [0]);
  assert.deepEqual(kinds(result), ["send-advert", "remove-addresses"]);
  const kept = step(config, master(config), { ...STOP, keepAddresses: true }, M);
  assert.deepEqual(kinds(kept), ["send-advert"]);
});
test("A07 every interval an advert, on the eighth of an interval that all instances share", () => {
  const config = machineConfig();
  const state = master(config);
  const due = state.nextAdvertAt;
  assert.equal(due % 125, 0);
  assert.ok(due > M + 875 && due <= M + 1000);
  const result = step(config, state, DEADLINE, after(due, milliseconds(3)));
  assert.deepEqual(result.actions, [{ kind: "send-advert", priority: 100 }]);
  assert.equal((result.state as MasterState).nextAdvertAt, due + 1000, "lateness does not add up");
  const late = step(config, state, DEADLINE, after(due, milliseconds(1500))).state as MasterState;
  assert.equal(late.nextAdvertAt, due + 2000, "missed adverts are not made up for");
});
test("A08 a master that hears a resignation sends an advert at once", () => {
  const config = machineConfig();
  assert.deepEqual(kinds(step(config, master(config), advert(0), at(10_500))), ["send-advert"]);
});
test("A09 a higher priority is yielded to, with its interval", () => {
  const config = machineConfig({ preempt: false });
  const result = step(config, master(config), advert(101, LOWER_PEER, seconds(2)), at(10_100));
  // The advert is ours: it makes the winner announce again.
  assert.deepEqual(result.actions[0], { kind: "send-advert", priority: 100 });
  assert.deepEqual(kinds(result), ["send-advert", "remove-addresses"]);
  assert.equal((result.state as BackupState).masterInterval, 2000);
  assert.deepEqual(result.reason, {
    kind: "higher-priority",
    master: LOWER_PEER,
    master_priority: 101,
    own_priority: 100,
  });
});
test("A10 at equal priority the higher address wins, compared as numbers", () => {
  const config = machineConfig({ sourceAddress: ip("192.168.1.99") });
  const yielded = step(config, master(config), advert(100, ip("192.168.1.100")), M);
  assert.equal(yielded.reason?.kind, "equal-priority-higher-address");
  const held = step(config, master(config), advert(100, ip("192.168.1.98")), M);
  assert.equal(held.state.kind, "master");
});
test("A11 a lower priority is answered at once, reported, and the addresses are announced again, twice", () => {
  const config = machineConfig();
  const result = step(config, master(config), advert(99), at(11_200));
  assert.deepEqual(kinds(result), ["send-advert", "report-second-master", "announce"]);
  const state = result.state as MasterState;
  assert.deepEqual(state.announcement, { at: at(16_200), repeat: 5 });
  const goodbye = step(config, master(config), advert(99), at(10_200));
  assert.deepEqual(kinds(goodbye), ["send-advert"], "of the master that was just preempted");
});
test("A12 our own advert come back changes nothing", () => {
  const config = machineConfig();
  const state = master(config);
  assert.deepEqual(step(config, state, advert(100, config.sourceAddress), M), { state, actions: [] });
});
test("A13 a storm of adverts of lower priority is answered twice an interval at most", () => {
  const config = machineConfig();
  let state: State = master(config);
  let adverts = 0;
  let bursts = 0;
  for (let ms = 10_000; ms < 20_000; ms += 10) {
    const result = step(config, state, advert(99), at(ms));
    state = result.state;
    adverts += sent(result.actions).length;
    bursts += kinds(result).filter((kind) => kind === "announce").length;
  }
  assert.equal(adverts, 20);
  assert.equal(bursts, 9);
});
test("A14 announcements come as a burst, a second burst and refreshes, and change no state", () => {
  const config = machineConfig({
    announce: { repeat: 5, delay: seconds(5), refresh: seconds(60), refreshRepeat: 2 },
  });
  let state: State = master(config);
  const announced: [number, number][] = [];
  for (let now = M; now < at(140_000); now = nextDeadline(state)!) {
    const result = step(config, state, DEADLINE, now);
    assert.equal(result.state.kind, "master");
    state = result.state;
    for (const action of result.actions)
      if (action.kind === "announce") announced.push([now - M, action.repeat]);
  }
  assert.deepEqual(announced, [
    [5000, 5],
    [65_000, 2],
    [125_000, 2],
  ]);
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
