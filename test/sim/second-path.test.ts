// Adverts on a second path: who is master when one link of two is cut, what is said of it, and that one advert which
// comes twice counts once. "on 2" is the first link, eth0; "on 3" the second, eth1.

import assert from "node:assert/strict";
import { test } from "node:test";
import { randomInt, seededRandom, type Random } from "../../src/core/random.js";
import { seconds } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { InstanceStatus } from "../../src/control/ipc.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { hmac, instance } from "../vrrp/ip-packet.js";
import { World, type Director } from "./world.js";

type Told = { readonly who: string; readonly event: VipdEvent };
type Pair = {
  readonly world: World;
  readonly a: Director;
  readonly b: Director;
  readonly told: readonly Told[];
};

/** Directors a (priority 150) and b (100), a elected, with a second path. */
function pair(
  changes: Partial<InstanceConfig> = {},
  priorities: readonly [number, number] = [150, 100],
): Pair {
  return pairOf({ secondPath: "eth1", ...changes }, priorities);
}

function pairOf(changes: Partial<InstanceConfig>, priorities: readonly [number, number] = [150, 100]): Pair {
  const told: Told[] = [];
  const world: World = new World(seededRandom(1), ({ name }, event) => void told.push({ who: name, event }));
  const a = world.add("a", instance({ ...changes, priority: priorities[0] }));
  const b = world.add("b", instance({ ...changes, priority: priorities[1] }));
  world.start(a);
  world.start(b);
  world.runUntil(seconds(10));
  return { world, a, b, told };
}

function cut(world: World, ifindex: number): void {
  world.cuts.add(`a>b on ${ifindex}`);
  world.cuts.add(`b>a on ${ifindex}`);
}

const masters = (...directors: readonly Director[]): string =>
  directors.flatMap(({ name, isMaster }) => (isMaster ? [name] : [])).join(" ");
const statusOf = ({ engine }: Director): InstanceStatus =>
  engine?.status(0)[0] ?? assert.fail("it does not run");
const secondOf = (director: Director): NonNullable<InstanceStatus["second_path"]> =>
  statusOf(director).second_path ?? assert.fail("no second path");
const said = (told: readonly Told[]): readonly string[] =>
  told.flatMap(({ who, event }) =>
    event.kind === "vrrp-second-path" ? [`${who} ${event.what} ${event.sender}${event.detail}`] : [],
  );
const transitions = (told: readonly Told[]): number =>
  told.filter(({ event }) => event.kind === "vrrp-transition").length;

for (const auth of [undefined, hmac()]) {
  const how = auth === undefined ? "" : " with signed adverts";
  const signed = auth === undefined ? {} : { auth };

  test(`a cut of the first link makes two masters without the option${how}, and none with it`, () => {
    const bare = pairOf(signed);
    cut(bare.world, 2);
    bare.world.runUntil(seconds(20));
    assert.equal(masters(bare.a, bare.b), "a b");

    const { world, a, b, told } = pair(signed);
    const before = transitions(told);
    cut(world, 2);
    for (let at = 10.1; at < 60; at += 0.1)
      world.runUntil(seconds(at), () => assert.equal(masters(a, b), "a"));
    assert.equal(transitions(told), before);
    assert.deepEqual(said(told), ["b alone 10.0.3.100"]);
    assert.equal(secondOf(b).alone, true);
    assert.equal(statusOf(b).master?.address, "192.168.1.2", "who it is stays known");
    world.cuts.clear();
    world.runUntil(seconds(70));
    assert.deepEqual(said(told), ["b alone 10.0.3.100", "b both 192.168.1.2"]);
    assert.equal(secondOf(b).alone, false);
    assert.equal(transitions(told), before);
    assert.deepEqual(statusOf(b).rejected, {}, "a copy is no repetition");
  });

  test(`an advert that comes by both paths counts once${how}`, () => {
    const { world, a, b, told } = pair(signed);
    const [first, second] = [statusOf(b).adverts_received, secondOf(b).adverts_received];
    const sent = statusOf(a).adverts_sent;
    world.runUntil(seconds(20));
    assert.equal(statusOf(b).adverts_received - first, 10);
    assert.equal(secondOf(b).adverts_received - second, 10);
    assert.equal(statusOf(a).adverts_sent - sent, 10);
    assert.deepEqual(said(told), []);
    assert.deepEqual(statusOf(b).rejected, {});
  });
}

test("a cut of the second link changes nothing, nor does the loss of single adverts on the first", () => {
  const { world, a, b, told } = pair();
  const before = transitions(told);
  cut(world, 3);
  world.runUntil(seconds(20));
  world.cuts.clear();
  world.losses.set("a>b on 2", 0.3);
  world.runUntil(seconds(40));
  assert.equal(masters(a, b), "a");
  assert.equal(transitions(told), before);
});

test("with both links cut there are two masters, and one when the second heals alone", () => {
  const { world, a, b } = pair();
  cut(world, 2);
  cut(world, 3);
  world.runUntil(seconds(20));
  assert.equal(masters(a, b), "a b");
  world.cuts.clear();
  cut(world, 2);
  world.runUntil(seconds(30));
  assert.equal(masters(a, b), "a");
});

test("among equal priorities one is master, whichever link heals first, although the addresses are the other way round", () => {
  for (const left of [2, 3, undefined]) {
    const { world, a, b, told } = pair({}, [100, 100]);
    cut(world, 2);
    cut(world, 3);
    world.runUntil(seconds(20));
    assert.equal(masters(a, b), "a b");
    world.cuts.clear();
    if (left !== undefined) cut(world, left);
    world.runUntil(seconds(30));
    assert.equal(masters(a, b).length, 1, `link ${left ?? "none"} stays cut`);
    const settled = transitions(told);
    world.runUntil(seconds(60));
    assert.equal(transitions(told), settled, "nobody goes to and fro");
  }
});

test("the master whose first link dies resigns by the second, and the backup takes over at once", () => {
  const { world, a, b, told } = pair();
  world.setLink(a, false);
  world.runUntil(seconds(10.7));
  assert.equal(masters(a, b), "b");
  assert.deepEqual(a.states, ["fault"]);
  const resigned = told.find(
    ({ who, event }) => who === "a" && event.kind === "vrrp-transition" && event.to === "fault",
  );
  assert.ok(resigned?.event.kind === "vrrp-transition");
  assert.equal(resigned.event.done[0], "sent advert with priority 0");
  assert.equal(statusOf(a).send_failed, 0);
  world.setLink(a, true);
  world.runUntil(seconds(20));
  assert.equal(masters(a, b), "a");
});

test("both links of the master dead: nothing can be sent, and nothing is said to be", () => {
  const { world, a, b, told } = pair();
  world.setLink(a, false, 3);
  world.setLink(a, false);
  const fault = told.findLast(({ who, event }) => who === "a" && event.kind === "vrrp-transition");
  assert.ok(fault?.event.kind === "vrrp-transition");
  assert.deepEqual([fault.event.to, fault.event.done], ["fault", ["removed 192.168.1.1/24 from eth0"]]);
  world.runUntil(seconds(20));
  assert.equal(masters(a, b), "b");
});

test("a second link that is down is said, is no fault, and is used again when it is back", () => {
  const { world, a, b, told } = pair();
  world.setLink(b, false, 3);
  world.runUntil(seconds(20));
  assert.deepEqual(said(told), ["b unusable eth1 is down"]);
  assert.equal(secondOf(b).trouble, "eth1 is down");
  assert.deepEqual(b.states, ["backup"]);
  world.setLink(b, true, 3);
  world.runUntil(seconds(30));
  assert.deepEqual(said(told), ["b unusable eth1 is down", "b usable "]);
  cut(world, 2);
  world.runUntil(seconds(60));
  assert.equal(masters(a, b), "a");
});

test("a reload takes the option in and out, and the instance goes on", () => {
  const { world, a, b, told } = pairOf({});
  const before = transitions(told);
  for (const director of [a, b]) world.reconfigure(director, { ...director.config, secondPath: "eth1" });
  cut(world, 2);
  world.runUntil(seconds(30));
  assert.equal(masters(a, b), "a");
  assert.equal(transitions(told), before);
  for (const director of [a, b]) {
    world.reconfigure(director, instance({ priority: director.config.priority }));
  }
  world.runUntil(seconds(40));
  assert.equal(statusOf(b).second_path, undefined);
  assert.equal(masters(a, b), "a b");
});

test("a clean stop and a crash of the master are noticed with both links as with one", () => {
  const stopped = pair();
  stopped.world.stop(stopped.a);
  stopped.world.runUntil(seconds(10.7));
  assert.equal(masters(stopped.b), "b");
  const crashed = pair();
  crashed.world.crash(crashed.a);
  crashed.world.runUntil(seconds(12.9));
  assert.equal(masters(crashed.b), "");
  crashed.world.runUntil(seconds(14));
  assert.equal(masters(crashed.b), "b");
});

test("both versions at once go by both paths", () => {
  const { world, a, b, told } = pair({ version: "2+3" });
  cut(world, 2);
  world.runUntil(seconds(60));
  assert.equal(masters(a, b), "a");
  assert.deepEqual(said(told), ["b alone 10.0.3.100"]);
  assert.deepEqual(statusOf(b).oddities, []);
});

const SEEDS = 200;
const TROUBLES = 12;

/** One trouble of one of the two links, at most in one direction, or of one director's interface of the second. */
function disturb({ world, a, b }: Pair, random: Random, link: number): void {
  const ways = [`a>b on ${link}`, `b>a on ${link}`];
  const way = ways[randomInt(random, 2)]!;
  const trouble = randomInt(random, link === 2 ? 3 : 4);
  if (trouble === 0) world.cuts.add(way);
  else if (trouble === 1) for (const one of ways) world.cuts.add(one);
  else if (trouble === 2) world.losses.set(way, 0.3 + 0.7 * random());
  else world.setLink(random() < 0.5 ? a : b, false, link);
}

function heal({ world, a, b }: Pair): void {
  world.cuts.clear();
  world.losses.clear();
  for (const director of [a, b]) if (director.linksDown.has(3)) world.setLink(director, true, 3);
}

for (const [how, changes] of [
  ["", {}],
  [" with signed adverts", { auth: hmac() }],
  [" without preemption", { preempt: false }],
  [" and both versions", { version: "2+3" }],
] as const)
  test(`while one of both links works${how} there is one master, the same one, over ${SEEDS} seeds of troubles of the other`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seededRandom(seed);
      const played = pair(changes);
      const { world, a, b, told } = played;
      const before = transitions(told);
      let at = 10;
      for (let i = 0; i < TROUBLES; i++) {
        disturb(played, random, 2 + randomInt(random, 2));
        at += 0.5 + 10 * random();
        world.runUntil(seconds(at), () => assert.equal(masters(a, b), "a", `seed ${seed}`));
        heal(played);
        // An advert that comes by the link that works now, before the other one fails.
        at += 1.1;
        world.runUntil(seconds(at), () => assert.equal(masters(a, b), "a", `seed ${seed}`));
      }
      assert.equal(transitions(told), before, `seed ${seed}`);
    }
  });
