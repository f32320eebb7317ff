// `vipd stop --keep-vip` and the start after it, on real sockets: nothing in the kernel changes in between when the daemon is
// back before the peer misses it; and when the peer has taken over, or nobody has, what was left goes or stays.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { seconds } from "../../src/core/units.js";
import { Capture } from "../lab/capture.js";
import { runtimeDirectory, startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(40);
const VIP = "10.98.0.100";
const config = (interval: string): string => `nodes:
  a: { address: 10.98.0.2, priority: 150 }
  b: { address: 10.98.0.3, priority: 100 }
static: { routes: [{ to: 10.202.0.0/16, via: 10.98.0.9, interface: eth0 }] }
vrrp:
  web:
    interface: eth0
    router-id: 85
    advert-interval: ${interval}
    virtual-mac: true
    addresses: [${VIP}/24, "fe80::98:100/64", "fd00:98::100/64"]
    routes: [{ to: 10.200.0.0/16, via: 10.98.0.9 }]
  quiet:
    interface: eth0
    router-id: 52
    advert-interval: ${interval}
    accept: false
    addresses: [10.98.0.101/24]
`;

type Pair = { readonly lab: Lab; readonly a: Host; readonly b: Host; readonly path: string };

async function withPair(interval: string, run: (pair: Pair) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.98.0.2/24 dev eth0", "address add fd00:98::2/64 dev eth0 nodad");
    b.ip("address add 10.98.0.3/24 dev eth0", "address add fd00:98::3/64 dev eth0 nodad");
    await run({ lab, a, b, path: lab.file("vipd.yaml", config(interval)) });
  } finally {
    lab.close();
  }
}

/** Everything of ours in the kernel of `host`, as text. */
const goods = (host: Host): string =>
  [
    ["-o", "address"],
    ["route", "show", "table", "all", "proto", "112"],
  ]
    .map((words) => host.run("ip", ...words))
    .concat(host.run("nft", "list", "ruleset"))
    .join("");
const OURS = [VIP, "98:100", "10.98.0.101", "10.200.0.0", "10.202.0.0", "table inet vipd"];
const holdsAll = (host: Host): boolean => OURS.every((one) => goods(host).includes(one));
const holds = (host: Host): boolean => host.run("ip", "-o", "address").includes(`${VIP}/24`);

async function master(daemon: LabProcess): Promise<void> {
  for (const name of ["web/ipv4", "web/ipv6", "quiet"])
    await daemon.waitFor(new RegExp(`vrrp ${name}: \\S+ -> MASTER`), PATIENCE);
}

async function keep({ lab, a }: Pair, daemon: LabProcess): Promise<void> {
  const { status, stderr } = vipdCommand(lab, a, "stop", "--keep-vip");
  assert.equal(status, 0, stderr);
  assert.equal(await daemon.exited(), 0);
  assert.match(
    daemon.text,
    /MASTER -> INITIALIZE: vipd is stopping, and its addresses stay here; sent advert$/m,
  );
  assert.ok(holdsAll(a), goods(a));
}

test("back in time: nothing is removed in between, no resignation is sent, and the peer notices nothing", () =>
  withPair("10s", async (pair) => {
    const { lab, a, b, path } = pair;
    const first = startVipd(lab, a, path);
    await master(first);
    const second = startVipd(lab, b, path);
    await second.waitFor(/quiet: INITIALIZE -> BACKUP/, PATIENCE);
    const capture = await Capture.start(b, "eth0");
    const monitor = a.spawn(["ip", "-o", "monitor", "address", "route", "rule"]);
    await keep(pair, first);
    const released = vipdCommand(lab, a, "release", "--unless-kept");
    assert.deepEqual([released.status, released.stdout], [0, ""]);
    const back = startVipd(lab, a, path);
    for (const name of ["web/ipv4", "web/ipv6", "quiet"])
      await back.waitFor(
        new RegExp(`vrrp ${name}: INITIALIZE -> MASTER: vipd was away for .* had left the addresses here`),
        PATIENCE,
      );
    await back.waitFor(/is ready as node a/, PATIENCE);
    assert.ok(holdsAll(a), goods(a));
    assert.doesNotMatch(monitor.text, /[Dd]eleted/);
    assert.doesNotMatch(back.text, /left it behind|removed/);
    assert.ok(capture.adverts().length > 0);
    assert.ok(capture.adverts().every(({ priority, mac }) => priority === 150 && mac !== ""));
    assert.doesNotMatch(second.text, /-> MASTER/);
    assert.ok(!existsSync(join(runtimeDirectory(lab, a), "kept.json")));
    // And an ordinary stop takes all of it away.
    assert.equal(vipdCommand(lab, a, "stop").status, 0);
    await back.exited();
    for (const one of OURS) assert.ok(!goods(a).includes(one), goods(a));
    await second.stop();
  }));

test("the peer has taken over: its first advert takes away what was left, and it is said whose", () =>
  withPair("1s", async (pair) => {
    const { lab, a, b, path } = pair;
    const first = startVipd(lab, a, path);
    await master(first);
    const second = startVipd(lab, b, path);
    await second.waitFor(/quiet: INITIALIZE -> BACKUP/, PATIENCE);
    await keep(pair, first);
    await master(second);
    assert.ok(holds(a) && holds(b), "until it is back");
    const back = startVipd(lab, a, path);
    for (const name of ["web/ipv4", "quiet"])
      await back.waitFor(
        new RegExp(`warning vrrp ${name}: 10\\.98\\.0\\.3 is master \\(priority 100\\): .* are removed`),
        PATIENCE,
      );
    // Then it preempts, as after any start.
    await back.waitFor(/quiet: BACKUP -> MASTER: preempted/, PATIENCE);
    await until("one holder", PATIENCE, () => holds(a) && !holds(b));
    await Promise.all([back.stop(), second.stop()]);
    assert.ok(!holds(a));
  }));

test("nobody has taken over: it is master again without its addresses having gone", () =>
  withPair("200ms", async (pair) => {
    const { lab, a, path } = pair;
    const first = startVipd(lab, a, path);
    await master(first);
    const monitor = a.spawn(["ip", "-o", "monitor", "address", "route", "rule"]);
    await keep(pair, first);
    // Longer than a peer would wait: a start alone may be quicker than that.
    await pause(seconds(1));
    const back = startVipd(lab, a, path);
    await back.waitFor(
      /quiet: INITIALIZE -> BACKUP: vipd was away .*: listening for another master first/,
      PATIENCE,
    );
    await back.waitFor(/quiet: BACKUP -> MASTER: /, PATIENCE);
    await until("master of all", PATIENCE, () => (back.text.match(/BACKUP -> MASTER/g) ?? []).length === 3);
    assert.ok(holdsAll(a), goods(a));
    assert.doesNotMatch(monitor.text, /[Dd]eleted/);
    await back.stop();
    assert.ok(!holds(a));
  }));

test("`vipd release` takes away what was left, and a start after it is like any other", () =>
  withPair("1s", async (pair) => {
    const { lab, a, path } = pair;
    const first = startVipd(lab, a, path);
    await master(first);
    await keep(pair, first);
    const { status, stdout } = vipdCommand(lab, a, "release");
    assert.equal(status, 0);
    assert.match(stdout, /removed 10\.98\.0\.101\/24 from eth0/);
    for (const one of [VIP, "10.98.0.101", "10.200.0.0", "10.202.0.0"])
      assert.ok(!goods(a).includes(one + "/"), goods(a));
    const back = startVipd(lab, a, path);
    await back.waitFor(/quiet: INITIALIZE -> BACKUP: start/, PATIENCE);
    await back.stop();
  }));
