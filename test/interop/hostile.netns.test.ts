// A third host floods a pair of directors with adverts that nobody may listen to: no state changes, adverts leave in
// time, and the log says it in a few lines. How late they leave is compared with calm windows before and after, and with
// what the machine makes any real-time process wait meanwhile.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import type { VrrpStatus } from "../../src/control/ipc.js";
import { Lab } from "../lab/lab.js";
import { watchMachine, type Witness } from "../lab/machine.js";
import { until } from "../lab/wait.js";
import { hmac, instance, vip } from "../vrrp/ip-packet.js";
import { ROUTERS } from "./hostile-routers.js";
import { VrrpChild } from "./vrrp-child.js";

/** A slow machine sends fewer: what it sent is said, and what is less than `LEAST` is no flood. */
const RATE = 20_000;
const LEAST = 2000;
const SECONDS = 8;
/** A backup grants three of them, and its skew: a twentieth of one is nothing, and a whole one is far from it. */
const INTERVAL = milliseconds(50);
/** Before and after it, in seconds. */
const CALM = 5;
const ENEMY = "10.98.0.9";
/** Before whatever else this machine does, and behind the directors: a flood, also when it is busy. */
const AHEAD = ["chrt", "-f", "10"] as const;
const REALTIME = 50;
/** Kinds of refusal times instances, and a summary of each now and then. */
const MOST_LINES = 60;
const SENDER = join(import.meta.dirname, "hostile-sender.js");

const instances = (priority: number): InstanceConfig[] => {
  const common = { priority, advertInterval: INTERVAL };
  return [
    instance({
      ...common,
      name: "plain",
      virtualRouterId: ROUTERS.plain,
      addresses: [vip("10.98.0.101/24")],
    }),
    instance({
      ...common,
      name: "password",
      version: 2,
      advertInterval: seconds(1),
      virtualRouterId: ROUTERS.password,
      addresses: [vip("10.98.0.102/24")],
      auth: { kind: "password", password: "s3cret-7" },
    }),
    instance({
      ...common,
      name: "hmac",
      virtualRouterId: ROUTERS.hmac,
      addresses: [vip("10.98.0.103/24")],
      auth: hmac(),
    }),
  ];
};

/** How late at most `share` of the wake-ups between two looks were, in ms. */
function lateBetween(
  share: number,
  { lateness_ms: before }: VrrpStatus,
  { lateness_ms: after }: VrrpStatus,
): number {
  const was = new Map(before.histogram);
  const counts = after.histogram.map(([upTo, count]) => [upTo, count - (was.get(upTo) ?? 0)] as const);
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  assert.ok(all > 50, `only ${String(all)} deadlines`);
  let below = 0;
  return counts.find(([, count]) => (below += count) >= share * all)?.[0] ?? NaN;
}

test(`up to ${String(RATE)} hostile adverts a second change no state, delay no advert and fill no log`, async (t) => {
  const lab = new Lab();
  let witness: Witness | undefined;
  try {
    const [a, b, enemy] = lab.hosts("a", "b", "e");
    const bridge = lab.bridge("br");
    lab.plug(bridge, [
      { host: a, interface: "eth0", addresses: ["10.98.0.2/24"] },
      { host: b, interface: "eth0", addresses: ["10.98.0.3/24"] },
      { host: enemy, interface: "eth0", addresses: [`${ENEMY}/24`] },
    ]);
    enemy.ip("route add 224.0.0.0/4 dev eth0");
    const children = [new VrrpChild(a, "native", REALTIME), new VrrpChild(b, "native", REALTIME)] as const;
    for (const [i, child] of children.entries()) {
      await child.configure(instances(i === 0 ? 150 : 100));
      const wanted = i === 0 ? "master" : "backup";
      await until(`all ${wanted}`, seconds(30), async () =>
        (await child.status()).instances.every(({ state }) => state === wanted),
      );
    }
    const look = () => Promise.all(children.map((child) => child.status()));
    await pause(seconds(2));
    const start = await look();
    await pause(seconds(CALM));
    const before = await look();
    const saidBefore = children.map(({ events }) => events.length);

    witness = watchMachine();
    const sender = enemy.spawn([...AHEAD, process.execPath, SENDER, String(RATE), String(SECONDS), ENEMY]);
    const { text } = await sender.waitFor(/^sent \d+$/, seconds(60));
    const sent = Number(text.split(" ")[1]);
    assert.ok(sent > LEAST * SECONDS, `a flood, not ${String(sent)} packets`);
    const after = await look();
    const machine = await witness.waits();
    await pause(seconds(CALM));
    const end = await look();

    for (const [i, child] of children.entries()) {
      const [is, last] = [after[i], end[i]];
      assert.ok(is !== undefined && last !== undefined);
      const states = (one?: VrrpStatus): unknown =>
        one?.instances.map(({ instance, state, transitions }) => [instance, state, transitions]);
      assert.deepEqual(states(last), states(start[i]));
      const lines = child.events.length - (saidBefore[i] ?? 0);
      assert.ok(lines > 0 && lines <= MOST_LINES, `${String(lines)} log lines`);
      const refused = Object.fromEntries(is.instances.map(({ instance, rejected }) => [instance, rejected]));
      for (const kind of ["ttl", "checksum", "type", "truncated"] as const)
        assert.ok((refused["plain"]?.[kind] ?? 0) > 100, `${kind}: ${JSON.stringify(refused)}`);
      assert.ok((refused["password"]?.auth ?? 0) > 100 && (refused["hmac"]?.auth ?? 0) > 100);
    }
    // A backup that hears its master has next to no deadlines: only the master's adverts can be late.
    const [first, was, is, last] = [start[0], before[0], after[0], end[0]];
    assert.ok(first !== undefined && was !== undefined && is !== undefined && last !== undefined);
    // Of some hundred and fifty deadlines the second worst is anybody's: most of them, and the worst of all.
    const p95 = lateBetween(0.95, was, is);
    const most = lateBetween(1, was, is);
    const calm = Math.max(lateBetween(0.95, first, was), lateBetween(0.95, is, last));
    const said = `p95 ${String(p95)} ms, most ${String(most)} ms with ${String(sent)} packets, p95 ${String(calm)} ms without, of the machine p99 ${String(machine.p99)} ms, most ${String(machine.worst)} ms`;
    t.diagnostic(said);
    assert.ok(p95 <= Math.max(INTERVAL / 20, 2 * calm, 2 * machine.p99), said);
    assert.ok(most <= Math.max(INTERVAL, 2 * machine.worst), said);
    for (const child of children) await child.stop();
  } finally {
    await witness?.waits().catch(() => undefined);
    lab.close();
  }
});
