// What holds in every run of a sweep, whatever happens, one rule a function. Each judges by what the world knows (who
// sent what to whom, which addresses are where) and not by what the machines say of themselves.

import assert from "node:assert/strict";
import type { VipdEvent } from "../../src/control/event.js";
import type { TransitionReason } from "../../src/vrrp/reasons.js";
import { describeReason } from "../../src/control/reason.js";
import type { InstanceStateName } from "../../src/vrrp/instance.js";
import { OWNER_PRIORITY as OWNER } from "../../src/vrrp/state.js";
import { FIRST_ID, type Plan } from "./plan.js";
import { IP_HEADER, type Director, type World } from "./world.js";

export type Transition = Extract<VipdEvent, { kind: "vrrp-transition" }>;

/** What the instances of all directors are that run at this moment. */
export type Snapshot = { readonly states: ReadonlyMap<Director, readonly InstanceStateName[]> };

export const snapshot = ({ directors }: World): Snapshot => {
  const running = directors.filter(({ engine, paused }) => engine !== undefined && !paused);
  return { states: new Map(running.map((director) => [director, director.states])) };
};

/** Since when two directors have been masters of one instance. */
export type Overlaps = Map<string, number>;

/** What can make an instance what it becomes; the compiler knows that every reason is there. */
const LEADS_TO: Readonly<Record<TransitionReason["kind"], readonly InstanceStateName[]>> = {
  startup: ["backup"],
  "owner-startup": ["master"],
  "master-silent": ["master"],
  "no-master-heard": ["master"],
  "master-resigned": ["master"],
  "preempted-lower": ["master"],
  "higher-priority": ["backup"],
  "equal-priority-higher-address": ["backup"],
  "incumbent-held": ["backup"],
  stalled: ["backup"],
  "group-master": ["master"],
  "group-backup": ["backup"],
  "group-fault": ["fault"],
  "group-recovered": ["backup", "master"],
  resumed: ["master"],
  "resume-too-late": ["backup"],
  "interface-down": ["fault"],
  "interface-up": ["backup", "master"],
  "track-failed": ["fault"],
  "track-recovered": ["backup", "master"],
  shutdown: ["initialize"],
  // Nothing in a sweep gives them a reason.
  "interface-missing": [],
  "no-source-address": [],
  "no-multicast": [],
  "cannot-join": [],
  "no-virtual-link": [],
  "cannot-refuse": [],
  "interface-usable": [],
  "action-failed": [],
  retry: [],
  deleted: [],
  reconfigured: [],
};

/** The address of an instance is on a director exactly while it is master there: no owner has it by itself. */
export function checkAddresses(world: World, { states: all }: Snapshot): void {
  for (const director of world.directors) {
    const states = all.get(director);
    if (states === undefined) continue;
    for (const [i, { addresses }] of director.configs.entries())
      for (const { prefix } of addresses) {
        const isThere = director.held.has(prefix.address);
        // A dead process cannot take its own away; one that is deleted again within a second is put back at its end.
        if (states[i] === "master" && !isThere && isDeletedAgain(world, director)) continue;
        assert.equal(
          isThere,
          states[i] === "master",
          `${prefix.address} of ${director.name}, ${states.join()}, at ${world.now}`,
        );
      }
  }
}

function isDeletedAgain(world: World, { deletions: [previous, last], lateness }: Director): boolean {
  const late = world.wakeLateness + lateness + 1;
  return last - previous < 1000 + late && world.now <= last + 1000 + late;
}

/** Of a group no member is master while another one is in fault. */
export function checkGroups({ states: all }: Snapshot): void {
  for (const [{ name }, states] of all)
    assert.ok(!(states.includes("fault") && states.includes("master")), `${name}: ${states.join()}`);
}

/** Where nothing is lost two masters hear of each other, and one of them gives way. */
export function checkOverlaps(world: World, plan: Plan, { states: all }: Snapshot, overlaps: Overlaps): void {
  const now: Overlaps = new Map();
  for (let member = 0; member < plan.members; member++) {
    const masters = [...all].flatMap(([director, states]) =>
      director.linksDown.size === 0 && states[member] === "master" ? [director] : [],
    );
    const late = world.wakeLateness + Math.max(...world.directors.map(({ lateness }) => lateness));
    const most = plan.interval * (1.1 + (plan.preempt ? 0 : HOLD)) + late + 1;
    // Each two of them by themselves: a third one may come while two still settle it.
    for (const [i, { name: one }] of masters.entries())
      for (const { name: other } of masters.slice(i + 1)) {
        const key = `web${member} has the masters ${one} and ${other}`;
        const since = overlaps.get(key) ?? world.now;
        now.set(key, since);
        assert.ok(world.now - since <= most, `${key} for ${world.now - since} ms`);
      }
  }
  overlaps.clear();
  for (const [key, since] of now) overlaps.set(key, since);
}

/** In intervals, how long a master without preemption holds out against a better one. */
const HOLD = 2;

/**
 * Nobody who hears a better master takes its place, and without preemption no master at all: adverts that count came
 * within the last intervals. What a predecessor was is no takeover.
 */
export function checkClaim(world: World, plan: Plan, director: Director, transition: Transition): void {
  const member = director.configs.findIndex(({ name }) => name === transition.instance);
  const own = director.engine?.status(0)[member]?.priority ?? 0;
  if (transition.to !== "master" || transition.reason.kind === "resumed" || own === OWNER) return;
  const alive =
    plan.interval * (plan.members > 1 ? OBJECTED : AWAITED) - world.wakeLateness - director.lateness;
  // In a group a master that one member hears keeps all of them back.
  const heard = [...director.heard].filter(([, { ifindex }]) => plan.members > 1 || ifindex === 2 + member);
  for (const [from, { at, ifindex, priority }] of heard)
    if (at > resignedAt(director, ifindex) && world.now - at < alive)
      assert.ok(
        plan.preempt && priority < own,
        `${director.name} (${own}) became master of web${member} at ${world.now}, "${describeReason(transition.reason)}", and had heard ${from} (${priority}) at ${at}`,
      );
}

/** Whoever resigns ends the wait for all others on its link, until they are heard again. */
const resignedAt = ({ heard }: Director, ifindex: number): number =>
  Math.max(
    ...Array.from(heard.values(), (one) => (one.priority === 0 && one.ifindex === ifindex ? one.at : 0)),
  );

/** In intervals, a little less than what a backup waits, and what a member of a group is kept back by others. */
const AWAITED = 2.9;
const OBJECTED = 1.9;

/**
 * Where nothing is lost nobody takes a master for silent that has just sent an advert; also who was suspended past its
 * deadline listens first. Two that give up on a third one in the same moment are master together for a moment.
 */
export function checkSilence(
  world: World,
  plan: Plan,
  sent: Sent,
  director: Director,
  { instance, reason }: Transition,
): void {
  if (reason.kind !== "master-silent" && reason.kind !== "no-master-heard") return;
  const { interval } = plan;
  const member = director.configs.findIndex(({ name }) => name === instance);
  if (director.configs[member]?.priority === OWNER || cannotKnow(world, plan, director)) return;
  for (const other of world.directors) {
    const { first, last } = sent.get(keyOf(other, member)) ?? { first: Infinity, last: -Infinity };
    const isMaster = other.linksDown.size === 0 && !other.paused && other.states[member] === "master";
    const isSilent = world.now - last > interval || world.now - last < IN_FLIGHT * interval;
    assert.ok(
      other === director || !isMaster || isSilent || world.now - first < 1.2 * interval,
      `${director.name} became master of ${instance} at ${world.now}, "${describeReason(reason)}", while ${other.name} was it since ${first} and sent an advert at ${last}`,
    );
  }
}

/** It was away for so short a time that its deadlines were not late by more than a busy machine makes them. */
const cannotKnow = (world: World, { interval }: Plan, { deafness: { from, to } }: Director): boolean =>
  world.now - to < 4 * interval && to - from < 4.7 * interval;

/** In intervals, more than an advert is on its way. */
const IN_FLIGHT = 0.12;

/** The first and the last advert of each director's mastership of each instance. */
export type Sent = Map<string, { readonly first: number; readonly last: number }>;
const keyOf = ({ name }: Director, member: number): string => `${name} ${member}`;

/** Nobody goes on as master who was silent for so long that another one may be master by now. */
export function checkSilentMaster(
  world: World,
  plan: Plan,
  sent: Sent,
  director: Director,
  packet: Uint8Array,
): void {
  const [, id = 0, priority = 0] = packet.subarray(IP_HEADER);
  const key = keyOf(director, id - FIRST_ID);
  const before = sent.get(key);
  if (priority > 0) sent.set(key, { first: before?.first ?? world.now, last: world.now });
  if (before === undefined || priority === 0 || priority === OWNER) return;
  const silent = world.now - before.last;
  // One that was always late and then died in time is taken up by a successor that cannot know the first half of it.
  const late = world.wakeLateness + director.mostLateness + 1;
  assert.ok(silent <= 3 * plan.interval + late, `${key} went on as master after ${silent} ms`);
}

/** What comes after a change is another mastership. */
export function forgetSent(sent: Sent, director: Director, { instance, from, to }: Transition): void {
  const member = director.configs.findIndex(({ name }) => name === instance);
  if (to !== "master" || from === "initialize") sent.delete(keyOf(director, member));
}

/** Every change is told, with a reason that leads there, and the last one is what the instance is. */
export function checkTransitions(
  transitions: readonly Transition[],
  preempts: boolean,
  state: InstanceStateName | undefined,
): void {
  let last: InstanceStateName = "initialize";
  for (const { from, to, reason } of transitions) {
    assert.notEqual(from, to);
    // A new process begins in "initialize" whatever the old one was in.
    if (from !== "initialize") assert.equal(from, last, "no transition is untold");
    assert.ok(LEADS_TO[reason.kind].includes(to), `${from} -> ${to}: ${reason.kind}`);
    const words = describeReason(reason);
    assert.ok(words !== "" && !/undefined|NaN|null/.test(words), `${from} -> ${to}: ${words}`);
    if (!preempts) assert.notEqual(reason.kind, "preempted-lower");
    last = to;
  }
  assert.equal(state, last, "the last transition is told, too");
}
