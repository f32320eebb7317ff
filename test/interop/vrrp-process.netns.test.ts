// The VRRP process on real sockets, against itself: takeover, clean stop, links that go, addresses that are
// deleted, other holders, and what a supervisor can do to it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { native } from "../../src/linux/native.js";
import { Capture } from "../lab/capture.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { VrrpChild } from "./vrrp-child.js";

const VIP = "10.99.0.100";
/** Longer than anything here takes on a busy machine: no test depends on it. */
const PATIENCE = seconds(30);

const web = (changes: Partial<InstanceConfig> = {}): InstanceConfig =>
  instance({
    advertInterval: milliseconds(100),
    addresses: [vip(`${VIP}/24`)],
    announce: { repeat: 5, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
    ...changes,
  });

type Pair = {
  readonly lab: Lab;
  readonly a: Host;
  readonly b: Host;
  readonly observer: Host;
  readonly bridge: Host;
};

async function withPair(run: (pair: Pair) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b, observer] = lab.hosts("a", "b", "o");
    const bridge = lab.bridge("br");
    lab.plug(bridge, [
      { host: a, interface: "eth0", addresses: ["10.99.0.2/24"] },
      { host: b, interface: "eth0", addresses: ["10.99.0.3/24"] },
      { host: observer, interface: "eth0", addresses: ["10.99.0.9/24"] },
    ]);
    await run({ lab, a, b, observer, bridge });
  } finally {
    lab.close();
  }
}

const holds = (host: Host): boolean =>
  host.run("ip", "-o", "address", "show", "dev", "eth0").includes(`${VIP}/24`);
const neighbourMac = (host: Host): string | undefined =>
  /lladdr (\S+)/.exec(host.run("ip", "neigh", "show", VIP))?.[1];
const macOf = (host: Host): string => host.run("cat", "/sys/class/net/eth0/address").trim();

test("a master that is killed is replaced, and a third host learns where the address went", () =>
  withPair(async ({ a, b, observer }) => {
    const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
    await first.configure([web({ priority: 150 })]);
    await first.waitForState("master");
    await second.configure([web({ priority: 100 })]);
    await second.waitForState("backup");
    await until(
      "the backup hears the master",
      PATIENCE,
      async () => (await second.instance()).master !== null,
    );
    assert.ok(holds(a) && !holds(b));
    observer.run("ping", "-c", "1", "-W", "2", VIP);
    assert.equal(neighbourMac(observer), macOf(a));
    const capture = await Capture.start(observer, "eth0");
    first.signal("SIGKILL");
    const takeover = await second.waitForState("master", PATIENCE);
    const { reason } = takeover;
    assert.ok(
      reason.kind === "master-silent" && reason.master === "10.99.0.2" && reason.master_priority === 150,
    );
    // 3 x 100 ms + (256 - 100) / 256 x 100 ms = 360.9 ms.
    assert.ok(reason.silence_ms >= 360.9 && reason.silence_ms < 1000, String(reason.silence_ms));
    assert.deepEqual(takeover.done, ["sent advert", `added ${VIP}/24 to eth0`, `announced ${VIP} 5 times`]);
    await until("5 gratuitous ARPs", PATIENCE, () => capture.gratuitousArps(VIP).length >= 5);
    assert.ok(capture.gratuitousArps(VIP).every(({ mac }) => mac === macOf(b)));
    const [advert] = capture.adverts("10.99.0.3");
    const [announced] = capture.gratuitousArps(VIP);
    assert.ok(advert !== undefined && announced !== undefined && advert.at <= announced.at, "advert first");
    assert.equal(neighbourMac(observer), macOf(b), "the observer's neighbour entry moved");
    // The dead process left its address behind; the new one finds and removes it.
    assert.ok(holds(a));
    const restarted = new VrrpChild(a);
    await restarted.configure([web({ priority: 90 })]);
    const stale = await restarted.waitForEvent("vrrp-stale-address-removed");
    assert.equal(stale.address, `${VIP}/24`);
    assert.ok(!holds(a));
    await restarted.stop();
    await second.stop();
    assert.ok(!holds(b));
  }));

test("a clean stop hands over within the skew time, and the better priority takes over again", () =>
  withPair(async ({ a, b, observer }) => {
    const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
    await first.configure([web({ priority: 150, advertInterval: seconds(1) })]);
    await second.configure([web({ priority: 100, advertInterval: seconds(1) })]);
    await first.waitForState("master");
    const capture = await Capture.start(observer, "eth0");
    await first.stop();
    const takeover = await second.waitForState("master", PATIENCE);
    const { reason } = takeover;
    // (256 - 100) / 256 s.
    assert.ok(reason.kind === "master-resigned" && reason.waited_ms >= 609 && reason.waited_ms < 1500);
    await until("the resignation", PATIENCE, () => capture.adverts().some(({ priority }) => priority === 0));
    const back = new VrrpChild(a);
    await back.configure([web({ priority: 150, advertInterval: seconds(1) })]);
    const preempted = await back.waitForState("master", PATIENCE);
    assert.equal(preempted.reason.kind, "preempted-lower");
    const yielded = await second.waitForState("backup", PATIENCE);
    assert.equal(yielded.reason.kind, "higher-priority");
    assert.ok(holds(a) && !holds(b));
    // Stopped by a supervisor's death.
    back.disconnect();
    await back.exited();
    assert.ok(!holds(a));
    await second.waitForState("master");
    await second.stop();
  }));

test("a signal to the whole group leaves the stop to the supervisor; without one it resigns", () =>
  withPair(async ({ a }) => {
    const child = new VrrpChild(a);
    await child.configure([web()]);
    await child.waitForState("master");
    child.signal("SIGTERM");
    child.signal("SIGINT");
    // Two of its answers later it has had its signals.
    for (let i = 0; i < 2; i++) assert.equal((await child.instance()).state, "master");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal((await child.instance()).state, "master");
    assert.ok(holds(a));
    child.disconnect();
    await child.exited();
    assert.ok(!holds(a));
  }));

test("a link that goes down is a fault, and the instance comes back with it", () =>
  withPair(async ({ lab, a, b, bridge }) => {
    const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
    await first.configure([web({ priority: 150 })]);
    await second.configure([web({ priority: 100 })]);
    await first.waitForState("master");
    lab.setPort(bridge, a, "eth0", "down");
    const fault = await first.waitForState("fault");
    assert.equal(fault.reason.kind, "interface-down");
    await second.waitForState("master");
    assert.ok(!holds(a) && holds(b));
    lab.setPort(bridge, a, "eth0", "up");
    await first.waitForState("master");
    await second.waitForState("backup");
    assert.ok(holds(a) && !holds(b));
    // Deleted for good: the same, and the process stays alive.
    a.ip("link delete eth0");
    await first.waitForState("fault");
    await until(
      "that it is missing",
      PATIENCE,
      async () => (await first.instance()).reason.kind === "interface-missing",
    );
    await second.waitForState("master");
    lab.plug(bridge, [{ host: a, interface: "eth0", addresses: ["10.99.0.2/24"] }]);
    await first.waitForState("master");
    await second.waitForState("backup");
    await first.stop();
    await second.stop();
  }));

test("a master whose interface is renamed lets its address go there, and comes back with the name", (t) =>
  withPair(async ({ a }) => {
    const child = new VrrpChild(a);
    await child.configure([web()]);
    await child.waitForState("master");
    const renamed = a.try("ip", "link", "set", "eth0", "name", "lan0").status === 0;
    if (renamed) {
      const fault = await child.waitForState("fault");
      assert.deepEqual(fault.reason, { kind: "interface-missing", interface: "eth0" });
      assert.ok(!a.run("ip", "-o", "address").includes(`${VIP}/24`));
      a.ip("link set lan0 name eth0");
      await child.waitForState("master");
      assert.ok(holds(a));
    } else t.skip("this kernel renames no interface that is up");
    await child.stop();
  }));

test("an address that somebody deletes is put back while the mastership stays", () =>
  withPair(async ({ a }) => {
    const child = new VrrpChild(a);
    await child.configure([web()]);
    await child.waitForState("master");
    const before = child.transitions().length;
    a.ip(`address delete ${VIP}/24 dev eth0`);
    const restored = await child.waitForEvent("vrrp-address-restored");
    assert.equal(restored.address, `${VIP}/24`);
    assert.ok(holds(a));
    assert.equal(child.transitions().length, before);
    await child.stop();
  }));

test("another host that answers for a virtual address is named with its MAC, and the takeover does not wait", () =>
  withPair(async ({ a, observer }) => {
    observer.ip(`address add ${VIP}/32 dev eth0`);
    const child = new VrrpChild(a);
    await child.configure([web()]);
    await child.waitForState("master");
    const conflict = await child.waitForEvent("vrrp-address-conflict");
    assert.equal(conflict.mac, macOf(observer));
    assert.equal(conflict.address, VIP);
    await child.stop();
  }));

test("a successor resumes in time without a word of the backup, and gives up when it is late", () =>
  withPair(async ({ a, b }) => {
    const interval = { advertInterval: seconds(1) };
    const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
    await first.configure([web({ priority: 150, ...interval })]);
    await first.waitForState("master");
    await second.configure([web({ priority: 100, ...interval })]);
    await second.waitForState("backup");
    first.signal("SIGKILL");
    await first.exited();
    const order = { instance: "web", dead_at: native.now() };
    const next = new VrrpChild(a);
    await next.configure([web({ priority: 150, ...interval })], [order]);
    const resumed = await next.waitForState("master", milliseconds(500));
    assert.equal(resumed.reason.kind, "resumed");
    await new Promise((resolve) => setTimeout(resolve, 4500));
    assert.deepEqual(
      second.transitions().map(({ to }) => to),
      ["backup"],
      "the backup noticed nothing",
    );
    next.signal("SIGKILL");
    await next.exited();
    const tooLate = { instance: "web", dead_at: native.now() - 1800 };
    const late = new VrrpChild(a);
    await late.configure([web({ priority: 150, ...interval })], [tooLate]);
    const backup = await late.waitForState("backup", milliseconds(500));
    assert.equal(backup.reason.kind, "resume-too-late");
    assert.ok(!holds(a));
    await late.stop();
    await second.stop();
  }));

test("the takeovers that are rehearsed at the start put nothing on any link", () =>
  withPair(async ({ a, observer }) => {
    const capture = await Capture.start(observer, "eth0");
    const own = await Capture.start(a, "eth0");
    const child = new VrrpChild(a);
    await child.configure([web({ priority: 150 })]);
    await child.waitForState("master");
    await until("adverts", seconds(20), () => capture.adverts().length >= 5);
    for (const { seen } of [capture, own])
      assert.deepEqual(
        seen.filter((one) => (one.kind === "advert" ? one.vrid !== 51 : one.address !== VIP)),
        [],
      );
    assert.deepEqual((await child.instance()).send_failed, 0);
    await child.stop();
  }));

test("a VRRP process says by itself that it lives when adverts wake it up, and no more often than it is listened to", () =>
  withPair(async ({ a, b }) => {
    const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
    await first.configure([web({ priority: 150 })]);
    await first.waitForState("master");
    await second.configure([web({ priority: 100 })]);
    await second.waitForState("backup");
    const before = [first.beats, second.beats];
    await new Promise((resolve) => setTimeout(resolve, 3000));
    for (const [i, { beats }] of [first, second].entries()) {
      const said = beats - before[i]!;
      // At most one in 250 ms, and on a busy machine fewer.
      assert.ok(said >= 3 && said <= 13, `${said} times in 3 s`);
    }
    await Promise.all([first.stop(), second.stop()]);
  }));

test("a reload touches only what changed, and adverts go on", () =>
  withPair(async ({ a, observer }) => {
    const child = new VrrpChild(a);
    const other = web({ name: "other", virtualRouterId: 52, addresses: [vip("10.99.0.101/24")] });
    await child.configure([web(), other]);
    await until(
      "both are master",
      seconds(5),
      () => child.transitions().filter(({ to }) => to === "master").length === 2,
    );
    const capture = await Capture.start(observer, "eth0");
    await child.configure([
      web({ priority: 120, addresses: [vip(`${VIP}/24`), vip("10.99.0.102/24")] }),
      other,
    ]);
    await until("the new address", PATIENCE, () => a.run("ip", "-o", "address").includes("10.99.0.102/24"));
    await until("the new priority", PATIENCE, () =>
      capture.adverts().some(({ priority }) => priority === 120),
    );
    await child.configure([other]);
    await until("its resignation", PATIENCE, () => capture.adverts().some(({ priority }) => priority === 0));
    assert.ok(!holds(a));
    const { instances } = await child.status();
    assert.deepEqual(
      instances.map(({ instance: name, state, transitions }) => ({ name, state, transitions })),
      [{ name: "other", state: "master", transitions: 2 }],
    );
    await child.stop();
  }));

test("a backup that was stopped past its deadline does not become a second master", () =>
  withPair(async ({ a, b, observer }) => {
    const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
    await first.configure([web({ priority: 150 })]);
    await first.waitForState("master");
    await second.configure([web({ priority: 100 })]);
    await until("it hears the master", PATIENCE, async () => (await second.instance()).master !== null);
    const capture = await Capture.start(observer, "eth0");
    second.signal("SIGSTOP");
    await delay(5000);
    second.signal("SIGCONT");
    await delay(1000);
    assert.equal((await second.instance()).state, "backup");
    assert.ok(capture.adverts("10.99.0.2").length > 20, "the master was heard all the time");
    assert.deepEqual(capture.adverts("10.99.0.3"), []);
    assert.deepEqual(second.transitions().length, 1);
    await second.stop();
    await first.stop();
  }));

test("a master that was stopped is replaced, and yields without an announcement when it goes on", () =>
  withPair(async ({ a, b, observer }) => {
    const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
    await first.configure([web({ priority: 150, preempt: false })]);
    await first.waitForState("master");
    await second.configure([web({ priority: 100, preempt: false })]);
    await until("it hears the master", PATIENCE, async () => (await second.instance()).master !== null);
    first.signal("SIGSTOP");
    await second.waitForState("master", PATIENCE);
    const capture = await Capture.start(observer, "eth0");
    first.signal("SIGCONT");
    const yielded = await first.waitForState("backup", PATIENCE);
    assert.ok(yielded.reason.kind === "stalled" && yielded.reason.silent_ms > yielded.reason.limit_ms);
    assert.deepEqual(yielded.done, [`removed ${VIP}/24 from eth0`]);
    await delay(1000);
    assert.ok(!holds(a) && holds(b));
    assert.ok(capture.adverts("10.99.0.3").length > 3);
    assert.deepEqual(capture.adverts("10.99.0.2"), []);
    assert.deepEqual(
      capture.gratuitousArps(VIP).filter(({ mac }) => mac === macOf(a)),
      [],
    );
    await first.stop();
    await second.stop();
  }));
