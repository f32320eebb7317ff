// A process that did not run for a while: what it may still believe, and what it does about it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { after, instant, milliseconds, seconds, type Instant } from "../../src/core/units.js";
import { nextDeadline, step } from "../../src/vrrp/machine.js";
import { countLate, lowered, OVERLOAD_ADVERTS } from "../../src/vrrp/overload.js";
import type { Event, MachineConfig, State, Step } from "../../src/vrrp/state.js";
import { machineConfig } from "./ip-packet.js";

const T0 = instant(1_000_000);
const at = (ms: number): Instant => after(T0, milliseconds(ms));
const DEADLINE: Event = { kind: "deadline" };
const advert = (priority: number): Event => ({
  kind: "advert",
  sender: ip("192.168.1.3"),
  priority,
  interval: seconds(1),
});
const config = machineConfig({ priority: 150 });
const kinds = ({ actions }: Step): string[] => actions.map(({ kind }) => kind);

const started = (of: MachineConfig): State => step(of, { kind: "initialize" }, { kind: "start" }, T0).state;

/** Master since its first deadline. */
function master(of: MachineConfig): { state: State; due: number } {
  const waiting = started(of);
  const { state } = step(of, waiting, DEADLINE, nextDeadline(waiting)!);
  assert.equal(state.kind, "master");
  return { state, due: state.nextAdvertAt - T0 };
}

test("a backup that was stopped past its deadline listens for one interval, and says so", () => {
  const waiting = step(config, started(config), advert(200), T0).state;
  const due = nextDeadline(waiting)! - T0;
  const woken = step(config, waiting, DEADLINE, at(due + 5000));
  assert.deepEqual(woken.actions, [{ kind: "report-stall", stall: 5000, listen: 1414.0625 }]);
  assert.equal(woken.state.kind, "backup");
  assert.equal(nextDeadline(woken.state), at(due + 6414.0625));
  assert.equal(step(config, woken.state, DEADLINE, at(due + 6414.0625)).state.kind, "master");
  const heard = step(config, woken.state, advert(200), at(due + 5500)).state;
  assert.equal(nextDeadline(heard), at(due + 5500 + 3414.0625));
});

test("a backup that is only a little late takes over, and one that is always late does in the end", () => {
  const waiting = started(config);
  const due = nextDeadline(waiting)! - T0;
  assert.equal(step(config, waiting, DEADLINE, at(due + 500)).state.kind, "master");
  const woken = step(config, waiting, DEADLINE, at(due + 600)).state;
  assert.equal(step(config, woken, DEADLINE, at(due + 3000)).state.kind, "master");
});

test("one that only listens after its start notices all the same that it was stopped, and listens for longer then", () => {
  const delayed = machineConfig({ priority: 150, startDelay: seconds(10) });
  const waiting = started(delayed);
  const due = nextDeadline(waiting)! - T0;
  assert.equal(due, 3414.0625);
  const unhurt = step(delayed, waiting, DEADLINE, at(due));
  assert.deepEqual([unhurt.state.kind, unhurt.actions], ["backup", []]);
  assert.equal(nextDeadline(unhurt.state), at(2 * due));
  // The third one would be at 10,242: the delay ends before.
  const third = step(delayed, unhurt.state, DEADLINE, at(2 * due)).state;
  const last = step(delayed, third, DEADLINE, at(3 * due)).state;
  assert.equal(nextDeadline(last), at(10_414.0625));
  assert.equal(step(delayed, last, DEADLINE, at(10_414.0625)).state.kind, "master");
  // A stall in the middle, of which nothing is to be seen at the end of the delay.
  const woken = step(delayed, unhurt.state, DEADLINE, at(10_400));
  assert.deepEqual(
    woken.actions.map(({ kind }) => kind),
    ["report-stall"],
  );
  assert.equal(nextDeadline(woken.state), at(10_400 + 1414.0625));
});

test("a master that was stopped for longer than the others wait yields without an advert or an announcement", () => {
  const { state, due } = master(config);
  const woken = step(config, state, DEADLINE, at(due + 2001));
  assert.deepEqual(kinds(woken), ["remove-addresses"]);
  assert.deepEqual(woken.reason, { kind: "stalled", silent_ms: 3001, limit_ms: 3000 });
  assert.equal(nextDeadline(woken.state), at(due + 2001 + 1000 + 414.0625), "and listens for an interval");
  assert.deepEqual(kinds(step(config, state, DEADLINE, at(due + 2000))), ["send-advert"]);
});

test("whatever a stalled master is told first, it yields before it acts on it", () => {
  const { state, due } = master(config);
  const address = config.addresses[0]!;
  const events: Event[] = [
    advert(100),
    advert(200),
    { kind: "link-up" },
    { kind: "address-lost", address },
    { kind: "reconfigure", previous: config },
  ];
  for (const event of events) {
    const woken = step(config, state, event, at(due + 9000));
    assert.deepEqual(kinds(woken), ["remove-addresses"], event.kind);
    assert.equal(woken.reason?.kind, "stalled");
  }
  const heard = step(config, state, advert(200), at(due + 9000)).state;
  assert.ok(heard.kind === "backup" && heard.master?.priority === 200);
});

test("an owner goes on, and a stop or a fault of a stalled master is carried out as ever", () => {
  const owner = machineConfig({ priority: 255 });
  const owning = started(owner);
  assert.ok(owning.kind === "master");
  assert.equal(step(owner, owning, DEADLINE, after(owning.nextAdvertAt, seconds(9))).state.kind, "master");
  const { state, due } = master(config);
  const stop: Event = { kind: "stop", keepAddresses: false, why: { kind: "shutdown" } };
  assert.deepEqual(kinds(step(config, state, stop, at(due + 9000))), ["send-advert", "remove-addresses"]);
});

test("a start delay is listened through, whoever is heard, and then nobody else is waited for", () => {
  const slow = machineConfig({ startDelay: seconds(30), preempt: true, priority: 255 });
  const waiting = started(slow);
  assert.equal(claimedAt(slow, waiting), at(30_003.90625));
  const heard = step(slow, waiting, advert(100), at(2000)).state;
  assert.equal(claimedAt(slow, heard), at(30_003.90625));
  assert.equal(step(slow, heard, DEADLINE, at(2500)).state.kind, "backup");
});

/** When a backup that is never late and hears nobody becomes master. */
function claimedAt(of: MachineConfig, backup: State): Instant {
  let state = backup;
  let now = T0;
  for (let rounds = 0; state.kind === "backup"; rounds++) {
    assert.ok(rounds < 100, "it waits for ever");
    now = nextDeadline(state)!;
    state = step(of, state, DEADLINE, now).state;
  }
  return now;
}

test("five late adverts in a row are overload; one in time begins the count anew", () => {
  let late = 0;
  for (let i = 1; i < OVERLOAD_ADVERTS; i++) late = countLate(late, 51, milliseconds(100));
  assert.equal(late, OVERLOAD_ADVERTS - 1);
  assert.equal(countLate(late, 50, milliseconds(100)), 0);
});

test("the overloaded have priority 1, explained; the owner keeps 255", () => {
  const terms = [{ label: "script a", amount: -20 }];
  assert.deepEqual(lowered({ effective: 130, base: 150, terms }), {
    effective: 1,
    base: 150,
    terms: [...terms, { label: "overload", amount: -129 }],
  });
  assert.equal(lowered({ effective: 255, base: 255, terms: [] }).effective, 255);
});
