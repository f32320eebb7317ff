// Thousands of seeded runs of two and three directors through faults of all kinds, against the invariants.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { randomInt, seededRandom, type Random } from "../../src/core/random.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { InstanceConfig, InstanceStateName } from "../../src/vrrp/instance.js";
import { instance } from "../vrrp/ip-packet.js";
import { pick, World, type Director } from "./world.js";

const SEEDS = Number(process.env["VIPD_SEEDS"] ?? 2000);
const FIRST_SEED = Number(process.env["VIPD_FIRST_SEED"] ?? 1);
const TROUBLE_INTERVALS = 40;

type Transition = Extract<VipdEvent, { kind: "vrrp-transition" }>;

test(`the invariants hold over ${SEEDS} seeds of two and three directors`, () => {
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
  const version = pick(random, [2, 3, 3] as const);
  const interval = version === 2 ? seconds(1) : milliseconds(pick(random, [1000, 200, 100]));
  const preempt = random() < 0.7;
  const preemptDelay = milliseconds(preempt && random() < 0.2 ? randomInt(random, 5) * interval : 0);
  const log = new Map<Director, Transition[]>();
  const world = new World(random, (director, event) => {
    if (event.kind === "vrrp-transition") log.get(director)?.push(event);
    assert.notEqual(event.kind, "vrrp-rejected", `${director.name} refused an advert`);
  });
  world.wakeLateness = random() * 3;
  const count = pick(random, [2, 2, 3]);
  const peers = Array.from({ length: count }, (_, i) => ip(`192.168.1.${i + 2}`));
  const unicast = { peers, checkSource: true, ttl: { min: 255, max: 255 } };
  const cast = random() < 0.2 ? { unicast } : {};
  const priorities = random() < 0.2 ? [100, 100, 100] : [200, 150, 100];
  for (let i = 0; i < count; i++) {
    const config = instance({
      version,
      priority: priorities[i]!,
      advertInterval: interval,
      preempt,
      preemptDelay,
      ...cast,
    });
    const director = world.add("abc"[i]!, config);
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
  heal(world);
  // Three intervals and a skew of less than one; then the delays of the network and of the wake-ups.
  world.runUntil(trouble + 4 * interval + 0.1 * interval + 4, check);
  const until = world.now + 6 * interval;
  const masters = (): Director[] => world.directors.filter((director) => director.isMaster);
  if (preemptDelay === 0) assert.equal(masters().length, 1, "one master four intervals after the healing");
  else world.runUntil(world.now + preemptDelay + 4 * interval, check);
  const [master] = masters();
  if (preempt) {
    const best = world.directors.reduce((a, b) => (b.config.priority > a.config.priority ? b : a));
    if (priorities[0] !== priorities[1]) assert.equal(master, best, "the highest priority is master");
  }
  while (world.now < until) {
    world.runUntil(world.now + interval / 3, check);
    assert.deepEqual(masters(), [master], "it stays the only one");
  }
  for (const director of world.directors) checkTransitions(log.get(director)!, director.config);
  const most = (world.now / interval) * 3 + 50;
  for (const director of world.directors) assert.ok(director.sent < most, "no storm of adverts");
}

function disturb(world: World, random: Random, interval: number, end: number): void {
  const director = pick(random, world.directors);
  const other = pick(random, world.directors);
  const later = (run: () => void): void => world.at(Math.min(end, world.now + random() * 8 * interval), run);
  switch (randomInt(random, 8)) {
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
      world.cuts.add(`${director.name}>${other.name}`);
      return later(() => world.cuts.delete(`${director.name}>${other.name}`));
    case 3:
      world.cuts.add(`${director.name}>${other.name}`);
      world.cuts.add(`${other.name}>${director.name}`);
      return;
    case 4:
      if (director.engine === undefined || director.paused) return;
      world.stop(director);
      return later(() => {
        if (director.engine === undefined) world.start(director);
      });
    case 5:
      if (director.paused) return;
      world.setLink(director, false);
      return later(() => {
        if (!director.paused) world.setLink(director, true);
      });
    case 6:
      return director.paused ? undefined : world.deleteAddress(director);
    default: {
      if (director.engine === undefined || director.paused) return;
      const wasMaster = director.isMaster;
      const deadAt = world.killProcess(director);
      world.at(Math.min(end, world.now + random() * 3 * interval), () => {
        if (director.engine !== undefined) return;
        world.start(director, wasMaster ? [{ instance: director.config.name, dead_at: deadAt }] : []);
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
    if (!director.linkUp) world.setLink(director, true);
  }
}

/**
 * An address is on a director exactly while it is master; a dead process cannot take its own away. One that is
 * deleted again within a second is put back at the end of that second.
 */
function checkAddresses(world: World): void {
  for (const director of world.directors) {
    if (director.engine === undefined || director.paused) continue;
    const wanted = director.isMaster ? director.config.addresses.length : 0;
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
