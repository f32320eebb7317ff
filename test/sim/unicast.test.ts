// Directors that send to each other alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { seededRandom } from "../../src/core/random.js";
import { seconds } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { instance } from "../vrrp/ip-packet.js";
import { World, type Director } from "./world.js";

const A = ip("192.168.1.2");
const B = ip("192.168.1.3");
const C = ip("192.168.1.4");
type Rejected = Extract<VipdEvent, { kind: "vrrp-rejected" }>;

const unicast = (
  ...peers: InstanceConfig["addresses"][number]["prefix"]["address"][]
): Partial<InstanceConfig> => ({
  unicast: { peers, checkSource: true, ttl: { min: 255, max: 255 } },
});

/** Directors of falling priority at 192.168.1.2 and so on, and what they refused. */
function pair(...changes: readonly Partial<InstanceConfig>[]): {
  readonly world: World;
  readonly directors: readonly Director[];
  readonly events: readonly VipdEvent[];
} {
  const events: VipdEvent[] = [];
  const world = new World(seededRandom(1), (_, event) => void events.push(event));
  const directors = changes.map((change, i) =>
    world.add("abc"[i]!, instance({ priority: 200 - 50 * i, ...change })),
  );
  for (const director of directors) world.start(director);
  return { world, directors, events };
}

const refusals = (events: readonly VipdEvent[]): readonly Rejected[] =>
  events.filter((event) => event.kind === "vrrp-rejected");

test("directors with the same list of peers elect one master, whose adverts go to each of the others", () => {
  const { world, directors, events } = pair(...Array<Partial<InstanceConfig>>(3).fill(unicast(A, B, C)));
  const [a, b] = directors;
  world.runUntil(seconds(10));
  assert.deepEqual(
    directors.map(({ isMaster }) => isMaster),
    [true, false, false],
  );
  const before = a!.sent;
  world.runUntil(seconds(20));
  assert.equal(a!.sent - before, 20, "ten adverts to two peers, none to itself");
  assert.equal(a!.engine?.status(0)[0]?.adverts_sent, Math.ceil(a!.sent / 2));
  world.stop(a!);
  world.runUntil(seconds(21));
  assert.ok(b!.isMaster, "the resignation was heard");
  assert.deepEqual(refusals(events), []);
});

test("an advert of a director that is no peer is refused and counted, unless sources are not checked", () => {
  const strict = pair(unicast(B), unicast(C));
  strict.world.runUntil(seconds(10));
  assert.ok(strict.directors[1]!.isMaster, "it obeys nobody");
  assert.equal(refusals(strict.events)[0]?.reject, "not-a-peer");
  assert.ok((strict.directors[1]!.engine?.status(0)[0]?.rejected["not-a-peer"] ?? 0) >= 5);
  const anybody = { unicast: { peers: [C], checkSource: false, ttl: { min: 255, max: 255 } } };
  const open = pair(unicast(B), anybody);
  open.world.runUntil(seconds(10));
  assert.ok(!open.directors[1]!.isMaster);
  assert.deepEqual(refusals(open.events), []);
});

test("a pair of which one uses multicast and one unicast says so on the side that hears", () => {
  const { world, events } = pair({}, unicast(A));
  world.runUntil(seconds(10));
  assert.deepEqual(
    [...new Set(refusals(events).map(({ detail }) => detail))],
    [
      "sent by multicast, and we use unicast between peers",
      "sent by unicast to 192.168.1.2, and we use multicast",
    ],
  );
});

test("a reload that changes the peers touches nothing but them", () => {
  const { world, directors, events } = pair(unicast(B), unicast(A), unicast(A, B));
  world.runUntil(seconds(10));
  const [a] = directors;
  const transitions = events.filter(({ kind }) => kind === "vrrp-transition").length;
  world.reconfigure(a!, { ...a!.config, ...unicast(B, C) });
  world.runUntil(seconds(20));
  const later = events.filter((event) => event.kind === "vrrp-transition").slice(transitions);
  assert.deepEqual(
    later.map(({ to, reason }) => `${to} ${reason.kind}`),
    ["backup higher-priority"],
    "the third director, which had heard nobody, hears the master",
  );
  assert.ok(a!.isMaster);
});
