// Directors that sign their adverts: what is refused, how HMAC is introduced and keys are changed without a gap, and
// what a recorded advert is worth.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/core/random.js";
import { milliseconds, minutes, seconds } from "../../src/core/units.js";
import type { VipdEvent } from "../../src/control/event.js";
import type { RejectKind } from "../../src/vrrp/reasons.js";
import type { SenderSequences } from "../../src/control/remembered.js";
import type { HmacAuth, InstanceConfig } from "../../src/vrrp/instance.js";
import { hmac, hmacKey, instance } from "../vrrp/ip-packet.js";
import { addressOnLink, World, type Director } from "./world.js";

type Pair = {
  readonly world: World;
  readonly a: Director;
  readonly b: Director;
  readonly events: readonly VipdEvent[];
};

/** `a` has the higher priority. */
function pair(first: Partial<InstanceConfig>, second: Partial<InstanceConfig>): Pair {
  const events: VipdEvent[] = [];
  const world = new World(seededRandom(1), (_, event) => void events.push(event));
  const a = world.add("a", instance({ priority: 150, ...first }));
  const b = world.add("b", instance({ priority: 100, ...second }));
  world.start(a);
  world.start(b);
  return { world, a, b, events };
}
const both = (auth: HmacAuth): Pair => pair({ auth }, { auth });

const refused = ({ events }: Pair): string[] => [
  ...new Set(
    events.flatMap((event) => (event.kind === "vrrp-rejected" ? [`${event.reject}: ${event.detail}`] : [])),
  ),
];
const counted = (director: Director, kind: RejectKind): number =>
  director.engine?.status(0)[0]?.rejected[kind] ?? 0;
const notes = ({ events }: Pair): string[] =>
  events.flatMap((event) => (event.kind === "vrrp-note" ? [event.text] : []));
const masters = ({ a, b }: Pair): boolean[] => [a.isMaster, b.isMaster];
const set = ({ world }: Pair, director: Director, auth: HmacAuth): void =>
  world.reconfigure(director, { ...director.config, auth });

for (const antiReplay of ["time", "monotonic"] as const)
  for (const version of [2, 3] as const)
    test(`VRRPv${version}, ${antiReplay}: a pair with one key elects, resigns and repeats as one without`, () => {
      const auth = hmac({ antiReplay });
      const directors = pair({ auth, version }, { auth, version });
      const { world, a, b } = directors;
      world.runUntil(seconds(30));
      assert.deepEqual(masters(directors), [true, false]);
      assert.match(b.engine?.status(0)[0]?.auth ?? "", /^hmac enforce, key 1, sends with 1, /);
      assert.ok((b.engine?.status(0)[0]?.adverts_received ?? 0) > 20);
      world.stop(a);
      world.runUntil(seconds(31));
      assert.ok(b.isMaster);
      assert.deepEqual(refused(directors), []);
    });

test("another key, an unknown key, none at all: each is refused by its name", () => {
  const wrong = pair({ auth: hmac() }, { auth: hmac({ keys: [{ ...hmacKey(2), id: 1 }] }) });
  wrong.world.runUntil(seconds(10));
  assert.deepEqual(masters(wrong), [true, true], "they do not hear each other, and say so");
  assert.match(refused(wrong).join(), /^auth: the HMAC is wrong/);
  const unknown = pair({ auth: hmac({ keys: [hmacKey(7)], send: 7 }) }, { auth: hmac() });
  unknown.world.runUntil(seconds(10));
  assert.ok(refused(unknown).includes("auth: signed with key 7, and we have 1"));
  const none = pair({}, { auth: hmac() });
  none.world.runUntil(seconds(10));
  assert.deepEqual(refused(none), [
    "auth: without an authenticator (HMAC), and ours are enforced",
    "trailing: 40 bytes, not the 12 that 1 addresses need: with an authenticator (HMAC), and we have none",
  ]);
});

test("HMAC is introduced by receive-only, permissive, enforce, one director after the other, without a gap", () => {
  const directors = pair({}, {});
  const { world, a, b, events } = directors;
  world.runUntil(seconds(10));
  const transitions = events.filter(({ kind }) => kind === "vrrp-transition").length;
  for (const mode of ["receive-only", "permissive", "enforce"] as const)
    for (const director of [b, a]) {
      set(directors, director, hmac({ mode }));
      world.runUntil(world.now + seconds(8));
      assert.deepEqual(masters(directors), [true, false], `${director.name} ${mode}`);
    }
  assert.deepEqual(refused(directors), []);
  assert.equal(events.filter(({ kind }) => kind === "vrrp-transition").length, transitions);
});

test("a key is changed by adding it, sending with it and removing the old one, without a gap", () => {
  const directors = both(hmac());
  const { world, a, b } = directors;
  world.runUntil(seconds(10));
  const keys = [hmacKey(1), hmacKey(2)];
  for (const auth of [hmac({ keys }), hmac({ keys, send: 2 }), hmac({ keys: [hmacKey(2)], send: 2 })])
    for (const director of [b, a]) {
      set(directors, director, auth);
      world.runUntil(world.now + seconds(8));
      assert.deepEqual(masters(directors), [true, false]);
    }
  assert.deepEqual(refused(directors), []);
});

/** Puts what `a` sends from now on aside, too. */
function record(world: World, a: Director): Uint8Array[] {
  const packets: Uint8Array[] = [];
  world.taps.push((from, packet) => {
    if (from === a) packets.push(packet);
  });
  return packets;
}

test("adverts that were recorded and sent again do not keep a dead master alive", () => {
  for (const auth of [undefined, hmac(), hmac({ antiReplay: "monotonic" })]) {
    const directors = pair(auth === undefined ? {} : { auth }, auth === undefined ? {} : { auth });
    const { world, a, b } = directors;
    world.runUntil(seconds(10));
    const packets = record(world, a);
    world.runUntil(seconds(14));
    world.crash(a);
    for (let i = 0; i < 40; i++)
      world.at(world.now + i * 250, () => world.inject(b, packets[i % packets.length]!));
    world.runUntil(seconds(20));
    assert.equal(b.isMaster, auth !== undefined, "without HMAC the replay works");
    if (auth !== undefined) assert.ok(counted(b, "replay") > 10);
  }
});

test("nor after the restart of the process that had heard them, given what its predecessor knew", () => {
  const { world, a, b } = both(hmac({ antiReplay: "monotonic" }));
  world.runUntil(seconds(10));
  const packets = record(world, a);
  world.runUntil(seconds(14));
  const known = JSON.parse(JSON.stringify(b.engine!.sequences())) as SenderSequences[];
  world.crash(a);
  const replay = (): void => {
    for (let i = 0; i < 40; i++)
      world.at(world.now + i * 250, () => world.inject(b, packets[i % packets.length]!));
    world.runUntil(world.now + seconds(6));
  };
  world.killProcess(b);
  world.start(b, [], known);
  replay();
  assert.ok(b.isMaster);
  world.killProcess(b);
  world.start(b);
  world.runUntil(world.now + 1);
  world.inject(b, packets[0]!);
  assert.equal(counted(b, "replay"), 0, "without that knowledge the first one counts");
});

test("a sender that restarts with its clock set back goes on above what it sent, given what its predecessor knew", () => {
  const directors = both(hmac({ antiReplay: "monotonic" }));
  const { world, a, b } = directors;
  world.runUntil(seconds(10));
  const known = a.engine!.sequences();
  const dead_at = world.killProcess(a);
  a.utcOffset = -3_600_000;
  world.start(a, [{ instance: "web", dead_at }], known);
  world.runUntil(seconds(20));
  assert.deepEqual(masters(directors), [true, false]);
  assert.deepEqual(refused(directors), []);
  assert.equal(counted(b, "replay"), 0);
});

test("clocks that drift apart are named before adverts are refused, and then with by how much", () => {
  const directors = both(hmac());
  const { world, a, b } = directors;
  a.utcOffset = 2000;
  world.runUntil(seconds(10));
  assert.deepEqual(notes(directors), []);
  a.utcOffset = 4000;
  world.runUntil(seconds(20));
  assert.deepEqual(notes(directors), [
    "the clock of 192.168.1.2 is more than 2.5 s ahead of ours; beyond 5 s its adverts are refused",
  ]);
  assert.deepEqual(masters(directors), [true, false]);
  a.utcOffset = 60_000;
  world.runUntil(seconds(30));
  assert.ok(b.isMaster, "it cannot tell a wrong clock from a recording");
  assert.match(
    refused(directors).join("\n"),
    /^stale: its time is 1 min ahead of ours, and 5 s is the most/m,
  );
  assert.match(refused(directors).join("\n"), /^stale: its time is 1 min behind ours/m);
  a.utcOffset = 0;
  world.runUntil(seconds(40));
  assert.deepEqual(masters(directors), [true, false], "and recovers when the clock is right again");
});

test("a clock that goes back by less than the window is not noticed at all", () => {
  const directors = both(hmac());
  directors.world.runUntil(seconds(10));
  directors.a.utcOffset = -1500;
  directors.world.runUntil(seconds(30));
  assert.deepEqual(masters(directors), [true, false]);
  assert.deepEqual(refused(directors), []);
});

test("copies to several unicast peers carry one authenticator, in both checksum dialects", () => {
  for (const checksum of ["rfc5798", "rfc9568"] as const) {
    const world = new World(seededRandom(1), (_, event) => assert.notEqual(event.kind, "vrrp-rejected"));
    const directors = [0, 1, 2].map((i) => world.add("abc"[i]!, instance()));
    const peers = directors.map(({ number }) => addressOnLink(number, 2));
    const unicast = { peers, checkSource: true, ttl: { min: 255, max: 255 } };
    for (const [i, director] of directors.entries()) {
      director.configs = [instance({ priority: 200 - i, checksum, unicast, auth: hmac() })];
      world.start(director);
    }
    const trailers = new Set<string>();
    let sent = 0;
    world.taps.push((_, packet) => {
      sent += 1;
      trailers.add(packet.subarray(-28).toString());
    });
    world.runUntil(seconds(20));
    assert.deepEqual(
      directors.map(({ isMaster }) => isMaster),
      [true, false, false],
    );
    assert.ok(sent > 30);
    assert.equal(trailers.size * 2, sent);
  }
});

test("a window of minutes and an interval of 10 ms go together", () => {
  const auth = hmac({ window: minutes(5) });
  const directors = pair(
    { auth, advertInterval: milliseconds(10) },
    { auth, advertInterval: milliseconds(10) },
  );
  directors.world.runUntil(seconds(5));
  assert.deepEqual(masters(directors), [true, false]);
  assert.deepEqual(refused(directors), []);
});
