// What the members of a sync group ask of each other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { after, instant, milliseconds, seconds, type Instant } from "../../src/core/units.js";
import { step } from "../../src/vrrp/machine.js";
import type { Event, State } from "../../src/vrrp/state.js";
import { agreement, objection, type Member } from "../../src/vrrp/sync-group.js";
import { machineConfig } from "./ip-packet.js";

const T0 = instant(1_000_000);
const at = (ms: number): Instant => after(T0, milliseconds(ms));
const config = machineConfig();
const advert = (priority: number): Event => ({
  kind: "advert",
  sender: ip("192.168.1.3"),
  priority,
  interval: seconds(1),
});
const started = step(config, { kind: "initialize" }, { kind: "start" }, T0).state;
const hearing = step(config, started, advert(200), T0).state;
const master = step(config, started, { kind: "group-lead", group: "site", member: "a" }, T0).state;
const down: Event = { kind: "link-down", cause: { kind: "interface-down", interface: "eth0" } };
const fault = step(config, started, down, T0).state;
const member = (name: string, state: State): Member => ({ name, state });

test("a member that hears a better master objects until it has been silent for two intervals", () => {
  assert.equal(objection([member("b", hearing)], at(500)), at(2000));
  assert.equal(objection([member("b", hearing)], at(2000)), undefined);
});

test("one that has only begun to listen objects, one in fault too; a master and one whose wait is over do not", () => {
  assert.equal(objection([member("b", started)], at(100)), at(2000));
  assert.equal(objection([member("b", fault)], at(100)), at(1100));
  assert.equal(objection([member("b", master)], at(100)), undefined);
  assert.equal(objection([member("b", started)], at(5000)), undefined);
});

test("one whose master resigned does not object", () => {
  const resigned = step(config, hearing, advert(0), at(10)).state;
  assert.equal(objection([member("b", resigned)], at(20)), undefined);
});

test("one in fault takes the others with it, and they come back together", () => {
  const orders = agreement("site", [member("a", fault), member("b", master), member("c", started)], T0);
  const cause = { kind: "group-fault", group: "site", member: "a" } as const;
  assert.deepEqual(
    orders.map((order) => [order.member.name, order.event]),
    [
      ["b", { kind: "link-down", cause }],
      ["c", { kind: "link-down", cause }],
    ],
  );
  const followed = step(config, master, { kind: "link-down", cause }, T0);
  assert.deepEqual(
    followed.actions.map(({ kind }) => kind),
    ["send-advert", "remove-addresses"],
    "the link is sound, so the others are told",
  );
  assert.deepEqual(agreement("site", [member("a", fault), member("b", followed.state)], T0), []);
  const [back] = agreement("site", [member("a", started), member("b", followed.state)], T0);
  assert.equal(back?.event.kind, "link-up");
  assert.deepEqual(step(config, followed.state, back.event, T0).reason, {
    kind: "group-recovered",
    group: "site",
  });
});

test("one that obeys another master makes the others yield; one that only listens does not", () => {
  const [order] = agreement("site", [member("a", hearing), member("b", master)], at(100));
  assert.deepEqual(order?.event, { kind: "group-yield", group: "site", member: "a" });
  assert.deepEqual(agreement("site", [member("a", started), member("b", master)], at(100)), []);
});

test("of equal priorities only one member settles who is master", () => {
  const tie = { ...advert(100), sender: ip("192.168.1.9") } as Event;
  assert.equal(step(config, master, tie, at(2000)).state.kind, "backup");
  assert.equal(step({ ...config, leavesTies: true }, master, tie, at(900)).state.kind, "master");
});

test("and only that member yields to an equal one that was there before", () => {
  const sticky = machineConfig({ preempt: false });
  const newcomer = step(sticky, started, { kind: "deadline" }, at(3700)).state;
  const incumbent = (ms: number, leavesTies: boolean, state = newcomer): State =>
    step({ ...sticky, leavesTies }, state, { ...advert(100), sender: ip("192.168.1.1") } as Event, at(ms))
      .state;
  for (const leavesTies of [false, true]) {
    const later = incumbent(4900, leavesTies, incumbent(3900, leavesTies));
    assert.equal(later.kind, leavesTies ? "master" : "backup");
  }
});
