// Thousands of seeded runs of two to five directors through faults of all kinds, against the invariants.

import assert from "node:assert/strict";
import { test } from "node:test";
import { randomInt, seededRandom, type Random } from "../../src/core/random.js";
import { milliseconds } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { InstanceConfig, InstanceStateName, TrackEffect } from "../../src/vrrp/instance.js";
import { hmac, instance, vip } from "../vrrp/ip-packet.js";
import { addressOnLink, pick, World, type Director } from "./world.js";

const SEEDS = Number(process.env["VIPD_SEEDS"] ?? 1000);
const FIRST_SEED = Number(process.env["VIPD_FIRST_SEED"] ?? 1);
const TROUBLE_INTERVALS = 40;
const PRIORITIES = [200, 150, 100, 70, 50];
const SCRIPT = "script:app";

type Transition = Extract<VipdEvent, { kind: "vrrp-transition" }>;

test(`the invariants hold over ${SEEDS} seeds of two to five directors`, () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    try {
      run(seed);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`seed ${seed}: ${what}`, { cause: error });
    }
  }
});

/** What all directors of a run have in common. */
type Plan = {
  readonly version: 2 | 3;
  readonly interval: number;
  readonly preempt: boolean;
  readonly preemptDelay: number;
  readonly equal: boolean;
  /** Instances in one sync group, each on a link of its own; 1: no group. */
  readonly members: number;
  readonly effect: TrackEffect | undefined;
  readonly unicast: boolean;
  readonly signed: boolean;
  readonly unanswered: boolean;
};

function planOf(random: Random): Plan {
  const version = pick(random, [2, 3, 3] as const);
  const interval = version === 2 ? 1000 : pick(random, [1000, 200, 100]);
  const preempt = random() < 0.7;
  const effects: (TrackEffect | undefined)[] = [
    undefined,
    { kind: "fault" },
    { kind: "weight", weight: -pick(random, [50, 60, 120]), reverse: false },
  ];
  return {
    version,
    interval,
    preempt,
    preemptDelay: preempt && random() < 0.2 ? randomInt(random, 5) * interval : 0,
    equal: random() < 0.2,
    members: random() < 0.4 ? 2 : 1,
    effect: pick(random, effects),
    unicast: random() < 0.2,
    signed: random() < 0.1,
    unanswered: random() < 0.2,
  };
}

function unicastOn(ifindex: number): NonNullable<InstanceConfig["unicast"]> {
  const peers = PRIORITIES.map((_, number) => addressOnLink(number, ifindex));
  return { peers, checkSource: true, ttl: { min: 255, max: 255 } };
}

function configsOf(plan: Plan, index: number): InstanceConfig[] {
  return Array.from({ length: plan.members }, (_, member) =>
    instance({
      name: `web${member}`,
      interface: `eth${member}`,
      virtualRouterId: 51 + member,
      version: plan.version,
      priority: plan.equal ? 100 : PRIORITIES[index]!,
      advertInterval: milliseconds(plan.interval),
      preempt: plan.preempt,
      preemptDelay: milliseconds(plan.preemptDelay),
      lowerPrioNoAdvert: plan.unanswered,
      accept: true,
      addresses: [vip(`172.16.${member}.1/24`, `eth${member}`)],
      ...(plan.unicast && { unicast: unicastOn(2 + member) }),
      ...(plan.signed && { auth: hmac() }),
      ...(plan.members > 1 && { group: "site" }),
      // Of a group one member has the track; the others follow it.
      tracks:
        plan.effect !== undefined && member === 0
          ? [{ id: SCRIPT, label: "script app", effect: plan.effect }]
          : [],
    }),
  );
}

function run(seed: number): void {
  const random = seededRandom(seed);
  const plan = planOf(random);
  const { interval, members } = plan;
  const log = new Map<Director, Transition[]>();
  const world = new World(random, (director, event) => {
    if (event.kind === "vrrp-transition") log.get(director)?.push(event);
    if (event.kind !== "vrrp-rejected") return;
    // What the network doubles or brings in another order, and what waited during a pause, is no news to HMAC.
    const isOld = event.reject === "replay" || event.reject === "stale";
    assert.ok(isOld, `${director.name} refused an advert: ${event.detail}`);
  });
  world.wakeLateness = random() * 3;
  for (let i = pick(random, [2, 2, 3, 4, 5]) - 1; i >= 0; i--) {
    const director = world.add("abcde"[i]!, ...configsOf(plan, i));
    director.tracks = { [SCRIPT]: { up: true } };
    log.set(director, []);
    world.at(randomInt(random, 3000), () => world.start(director));
  }
  world.network.loss = random() < 0.5 ? 0 : random() * 0.3;
  world.network.duplication = random() * 0.1;
  world.network.delay = [0.05, 0.05 + random() * 0.1 * interval];
  const trouble = 3000 + TROUBLE_INTERVALS * interval;
  for (let i = randomInt(random, 8); i > 0; i--)
    world.at(3000 + random() * (trouble - 3000), () => disturb(world, random, interval, trouble));
  const check = (): void => checkAddresses(world);
  world.runUntil(trouble, check);
  const stalled = world.directors.some(({ paused }) => paused);
  heal(world);
  world.runUntil(trouble + settling(plan, stalled) * interval + plan.preemptDelay + 4, check);
  checkSettled(world, plan, check);
  for (const director of world.directors) {
    for (const { name } of director.configs) {
      const own = log.get(director)!.filter((transition) => transition.instance === name);
      checkTransitions(own, director.config);
    }
    const copies = members * (plan.unicast ? PRIORITIES.length - 1 : 1);
    assert.ok(director.sent < ((world.now / interval) * 3 + 50) * copies, "no storm of adverts");
  }
}

/**
 * In intervals, how long after the healing there is one master: three and a skew of less than one, then the delays
 * of the network and of the wake-ups. Whoever stalled listens for one and a skew first. An incumbent without
 * preemption holds out for two; the members of a group wait for each other.
 */
const settling = (plan: Plan, stalled: boolean): number =>
  4.1 +
  (plan.preemptDelay > 0 ? 4 : 0) +
  (stalled ? 2 : 0) +
  (plan.preempt ? 0 : 3) +
  (plan.members > 1 ? 4 : 0);

/** One master of everything, the best where preemption says so, and it stays. */
function checkSettled(world: World, plan: Plan, check: () => void): void {
  const mastersOf = (member: number): Director[] =>
    world.directors.filter(({ states }) => states[member] === "master");
  const [master] = mastersOf(0);
  const best = world.directors.reduce((a, b) => (b.config.priority > a.config.priority ? b : a));
  const until = world.now + 6 * plan.interval;
  for (; world.now < until; world.runUntil(world.now + plan.interval / 3, check)) {
    for (let member = 0; member < plan.members; member++)
      assert.deepEqual(
        mastersOf(member).map(({ name }) => name),
        [master?.name],
        `one master of web${member}, and it stays`,
      );
    if (plan.preempt && !plan.equal) assert.equal(master?.name, best.name, "the highest priority is master");
  }
}

function disturb(world: World, random: Random, interval: number, end: number): void {
  const director = pick(random, world.directors);
  const other = pick(random, world.directors);
  const later = (run: () => void): void => world.at(Math.min(end, world.now + random() * 8 * interval), run);
  const link = 2 + randomInt(random, director.configs.length);
  const on = random() < 0.5 ? "" : ` on ${link}`;
  switch (randomInt(random, 9)) {
    case 0:
      if (director.engine === undefined) return;
      world.crash(director);
      return later(() => {
        if (director.engine === undefined) world.start(director);
      });
    case 1:
      if (director.engine === undefined) return;
      director.paused = true;
      return later(() => {
        if (director.engine !== undefined) world.resume(director);
      });
    case 2:
      world.cuts.add(`${director.name}>${other.name}${on}`);
      return later(() => world.cuts.delete(`${director.name}>${other.name}${on}`));
    case 3:
      world.cuts.add(`${director.name}>${other.name}${on}`);
      world.cuts.add(`${other.name}>${director.name}${on}`);
      return;
    case 4:
      if (director.engine === undefined || director.paused) return;
      world.stop(director);
      return later(() => {
        if (director.engine === undefined) world.start(director);
      });
    case 5:
      if (director.paused) return;
      world.setLink(director, false, link);
      return later(() => {
        if (!director.paused) world.setLink(director, true, link);
      });
    case 6:
      return director.paused ? undefined : world.deleteAddress(director);
    case 7:
      if (director.paused) return;
      world.setTracks(director, { [SCRIPT]: { up: false } });
      return later(() => {
        if (!director.paused) world.setTracks(director, { [SCRIPT]: { up: true } });
      });
    default: {
      if (director.engine === undefined || director.paused) return;
      const { states } = director;
      const deadAt = world.killProcess(director);
      const resumed = director.configs.filter((_, i) => states[i] === "master");
      world.at(Math.min(end, world.now + random() * 3 * interval), () => {
        if (director.engine !== undefined) return;
        world.start(
          director,
          resumed.map(({ name }) => ({ instance: name, dead_at: deadAt })),
        );
      });
    }
  }
}

function heal(world: World): void {
  world.cuts.clear();
  world.network.loss = 0;
  for (const director of world.directors) {
    if (director.engine === undefined) world.start(director);
    if (director.paused) world.resume(director);
    for (const link of director.linksDown) world.setLink(director, true, link);
    world.setTracks(director, { [SCRIPT]: { up: true } });
  }
}

/**
 * An address is on a director exactly while it is master; a dead process cannot take its own away. One that is
 * deleted again within a second is put back at the end of that second.
 */
function checkAddresses(world: World): void {
  for (const director of world.directors) {
    if (director.engine === undefined || director.paused) continue;
    const { states } = director;
    // All of them are members of one group.
    assert.ok(
      !(states.includes("fault") && states.includes("master")),
      `${director.name} is ${states.join()}`,
    );
    const wanted = states.filter((state) => state === "master").length;
    const [previous, last] = director.deletions;
    const again = last - previous < 1000 && world.now <= last + 1000 + world.wakeLateness + 1;
    if (again && director.held.size < wanted) continue;
    assert.equal(director.held.size, wanted, `addresses of ${director.name} at ${world.now}`);
  }
}

function checkTransitions(transitions: readonly Transition[], config: InstanceConfig): void {
  let last: InstanceStateName = "initialize";
  for (const transition of transitions) {
    assert.notEqual(transition.from, transition.to);
    // A new process begins in "initialize" whatever the old one was in.
    if (transition.from !== "initialize") assert.equal(transition.from, last, "no transition is unreported");
    if (!config.preempt) assert.notEqual(transition.reason.kind, "preempted-lower");
    last = transition.to;
  }
}
