// Thousands of seeded runs of two to five directors through troubles of all kinds, against the invariants.
// VIPD_SEEDS: how many (`make nightly` has ten times as many); VIPD_FIRST_SEED: the first of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { randomInt, seededRandom } from "../../src/core/random.js";
import { OVERLOAD_HOLD } from "../../src/vrrp/overload.js";
import {
  checkAddresses,
  checkClaim,
  checkGroups,
  checkOverlaps,
  checkSilence,
  checkSilentMaster,
  checkTransitions,
  forgetSent,
  snapshot,
  type Overlaps,
  type Sent,
  type Transition,
} from "./invariants.js";
import { configsOf, copiesOf, hasBest, planOf, priorityOf, SCRIPT, type Plan } from "./plan.js";
import { disturb, heal } from "./trouble.js";
import { World, type Director } from "./world.js";

const SEEDS = Number(process.env["VIPD_SEEDS"] ?? 1000);
const FIRST_SEED = Number(process.env["VIPD_FIRST_SEED"] ?? 1);
const TROUBLE_INTERVALS = 40;
const MOST_TROUBLES = 10;
const STARTS = 3000;

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

function run(seed: number): void {
  const random = seededRandom(seed);
  const plan = planOf(random);
  const log = new Map<Director, Transition[]>();
  const sent: Sent = new Map();
  const world: World = new World(random, (director, event) => {
    if (event.kind === "vrrp-transition") {
      log.get(director)?.push(event);
      checkClaim(world, plan, director, event);
      if (plan.lossless) checkSilence(world, plan, sent, director, event);
      forgetSent(sent, director, event);
    }
    if (event.kind !== "vrrp-rejected") return;
    // What the network doubles or brings in another order, and what waited during a pause, is no news to HMAC.
    const isOld = event.reject === "replay" || event.reject === "stale";
    if (plan.owner && event.reject === "own-priority-owner") return;
    // Of those that speak both versions everybody hears one.
    if (plan.bilingual.includes(true) && event.reject === "version") return;
    assert.ok(isOld, `${director.name} refused an advert: ${event.detail}`);
  });
  world.taps.push((director, packet) => checkSilentMaster(world, plan, sent, director, packet));
  world.wakeLateness = plan.wakeLateness;
  Object.assign(world.network, plan.network);
  for (let i = plan.directors - 1; i >= 0; i--) {
    const director = world.add("abcde"[i]!, ...configsOf(plan, i));
    director.tracks = { [SCRIPT]: { up: true } };
    log.set(director, []);
    world.at(randomInt(random, STARTS), () => world.start(director));
  }
  const end = STARTS + TROUBLE_INTERVALS * plan.interval;
  for (let i = randomInt(random, MOST_TROUBLES); i > 0; i--)
    world.at(STARTS + random() * (end - STARTS), () => disturb(world, random, plan, end));
  const overlaps: Overlaps = new Map();
  const check = (): void => {
    const seen = snapshot(world);
    checkAddresses(world, seen);
    checkGroups(seen);
    if (plan.lossless) checkOverlaps(world, plan, seen, overlaps);
  };
  world.runUntil(end, check);
  const settled = end + settling(plan, world);
  heal(world);
  world.runUntil(settled, check);
  checkSettled(world, plan, check);
  for (const director of world.directors) {
    for (const [i, { name, preempt }] of director.configs.entries()) {
      const own = log.get(director)!.filter(({ instance }) => instance === name);
      checkTransitions(
        own,
        preempt || priorityOf(plan, "abcde".indexOf(director.name)) === 255,
        director.states[i],
      );
    }
    assert.ok(director.sent < ((world.now / plan.interval) * 3 + 50) * copiesOf(plan), "no storm of adverts");
  }
}

/**
 * How long after the healing there is one master, in ms. In intervals: three and a skew of less than one, then the
 * delays of the network and of the wake-ups. Whoever stalled listens for one and a skew first. An incumbent without
 * preemption holds out for two; the members of a group wait for each other.
 */
function settling(plan: Plan, world: World): number {
  const { interval, preempt, preemptDelay, startDelay, members } = plan;
  const hasStalled = world.directors.some(({ paused, lateness }) => paused || lateness > interval / 2);
  const intervals =
    4.1 +
    (preemptDelay > 0 || startDelay > 0 ? 4 : 0) +
    (hasStalled ? 2 : 0) +
    (preempt ? 0 : 3) +
    (members > 1 ? 4 : 0);
  const isOverloaded = world.directors.some(({ engine }) =>
    (engine?.status(0) ?? []).some(({ sum }) => sum.terms.some(({ label }) => label === "overload")),
  );
  const late = world.directors.reduce((most, { lateness }) => Math.max(most, lateness), 0);
  return intervals * interval + preemptDelay + startDelay + (isOverloaded ? OVERLOAD_HOLD : 0) + late + 4;
}

/** One master of everything, the best where the priorities say so, and it stays. */
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
    if (hasBest(plan)) assert.equal(master?.name, best.name, "the highest priority is master");
  }
}
