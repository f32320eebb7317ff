// A third host floods a pair of directors with adverts that nobody may listen to: no state changes, adverts leave in
// time, and the log says it in a few lines.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";
import { hmac, instance, vip } from "../vrrp/ip-packet.js";
import { ROUTERS } from "./hostile-routers.js";
import { VrrpChild } from "./vrrp-child.js";

const RATE = 20_000;
const SECONDS = 8;
const REALTIME = 50;
/** Kinds of refusal times instances, and a summary of each now and then. */
const MOST_LINES = 60;
const SENDER = join(import.meta.dirname, "hostile-sender.js");

const instances = (priority: number): InstanceConfig[] => {
  const common = { priority, advertInterval: milliseconds(50) };
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

test(`${String(RATE)} hostile adverts a second change no state, delay no advert and fill no log`, async (t) => {
  const lab = new Lab();
  try {
    const [a, b, enemy] = lab.hosts("a", "b", "e");
    const bridge = lab.bridge("br");
    lab.plug(bridge, [
      { host: a, interface: "eth0", addresses: ["10.98.0.2/24"] },
      { host: b, interface: "eth0", addresses: ["10.98.0.3/24"] },
      { host: enemy, interface: "eth0", addresses: ["10.98.0.9/24"] },
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
    await pause(seconds(2));
    const look = () => Promise.all(children.map((child) => child.status()));
    const before = await look();
    const saidBefore = children.map(({ events }) => events.length);

    const sender = enemy.spawn([process.execPath, SENDER, String(RATE), String(SECONDS)]);
    const { text } = await sender.waitFor(/^sent \d+$/, seconds(60));
    const sent = Number(text.split(" ")[1]);
    assert.ok(sent > 0.5 * RATE * SECONDS, `a flood, not ${String(sent)} packets`);
    await pause(seconds(1));

    const after = await look();
    for (const [i, child] of children.entries()) {
      const [was, is] = [before[i], after[i]];
      assert.ok(was !== undefined && is !== undefined);
      const states = (one: typeof was): unknown =>
        one.instances.map(({ instance, state, transitions }) => [instance, state, transitions]);
      assert.deepEqual(states(is), states(was));
      const [p99, calm] = [is.lateness_ms.p99, was.lateness_ms.p99];
      t.diagnostic(
        `${i === 0 ? "master" : "backup"}: ${String(sent)} packets, p99 ${String(calm)} ms before, ${String(p99)} ms with them`,
      );
      assert.ok(
        p99 <= Math.max(1, 2 * calm),
        `advert lateness p99 of ${String(p99)} ms, ${String(calm)} ms before`,
      );
      const lines = child.events.length - (saidBefore[i] ?? 0);
      assert.ok(lines > 0 && lines <= MOST_LINES, `${String(lines)} log lines`);
      const refused = Object.fromEntries(is.instances.map(({ instance, rejected }) => [instance, rejected]));
      for (const kind of ["ttl", "checksum", "type", "truncated"] as const)
        assert.ok((refused["plain"]?.[kind] ?? 0) > 100, `${kind}: ${JSON.stringify(refused)}`);
      assert.ok((refused["password"]?.auth ?? 0) > 100 && (refused["hmac"]?.auth ?? 0) > 100);
    }
    for (const child of children) await child.stop();
  } finally {
    lab.close();
  }
});
