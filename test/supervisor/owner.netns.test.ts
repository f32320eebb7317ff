// An owner (priority 255) with an address of its own and one that vipd adds, on real sockets: whatever becomes of the
// processes, the one stays and the other goes when the instance is master no more.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { startVipd, upgradeVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(40);
const OWN = "10.98.0.100/24";
const ADDED = "10.98.0.101/24";
const config = (priority: number): string => `nodes: { a: { priority: ${priority} } }
vrrp:
  web: { interface: eth0, router-id: 85, advert-interval: 2s, addresses: [${OWN}, ${ADDED}] }
`;

type Scene = {
  readonly lab: Lab;
  readonly a: Host;
  readonly path: string;
  readonly daemon: LabProcess;
  readonly has: (...addresses: readonly string[]) => boolean;
};

async function withOwner(run: (scene: Scene) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.98.0.2/24 dev eth0", `address add ${OWN} dev eth0`);
    const path = lab.file("vipd.yaml", config(255));
    const daemon = startVipd(lab, a, path);
    await daemon.waitFor(/-> MASTER: .*added 10\.98\.0\.101\/24 to eth0/, PATIENCE);
    const has = (...addresses: readonly string[]): boolean => {
      const there = a.run("ip", "-o", "-4", "address", "show", "dev", "eth0");
      return [OWN, ADDED].every((one) => there.includes(` ${one} `) === addresses.includes(one));
    };
    assert.ok(has(OWN, ADDED));
    await run({ lab, a, path, daemon, has });
  } finally {
    lab.close();
  }
}

const statusOf = (lab: Lab, host: Host): Status =>
  JSON.parse(vipdCommand(lab, host, "status", "--json").stdout) as Status;
const pidOf = (lab: Lab, host: Host): number =>
  statusOf(lab, host).processes.find((child) => child.process === "vrrp")?.pid ?? 0;

/** kill -9 of the VRRP process; the next one goes on as master. */
async function killed({ lab, a, has }: Scene): Promise<void> {
  const before = pidOf(lab, a);
  process.kill(before, "SIGKILL");
  await until("the next process, as master", PATIENCE, () => {
    const pid = pidOf(lab, a);
    return pid !== 0 && pid !== before && statusOf(lab, a).vrrp?.instances[0]?.state === "master";
  });
  await until("both addresses", PATIENCE, () => has(OWN, ADDED));
}

/** A cut of the link takes what was added, and only that; with the link it comes back. */
async function faults({ a, has }: Scene): Promise<void> {
  a.ip("link set eth0 down");
  await until("a fault", PATIENCE, () => has(OWN));
  a.ip("link set eth0 up");
  await until("both addresses", PATIENCE, () => has(OWN, ADDED));
}

test("after kill -9 of the VRRP process, once and again, and a fault in between", () =>
  withOwner(async (scene) => {
    await killed(scene);
    await faults(scene);
    await killed(scene);
    await killed(scene);
    assert.equal(vipdCommand(scene.lab, scene.a, "stop").status, 0);
    await scene.daemon.exited();
    assert.ok(scene.has(OWN));
  }));

test("after an upgrade, and after kill -9 of the VRRP process that came with it", () =>
  withOwner(async (scene) => {
    const { lab, a, has } = scene;
    await upgradeVipd(lab, a, PATIENCE);
    await faults(scene);
    await upgradeVipd(lab, a, PATIENCE);
    await killed(scene);
    assert.equal(vipdCommand(lab, a, "stop").status, 0);
    await until("the stop", PATIENCE, () => has(OWN));
  }));

test("after kill -9 a reload that makes it no owner, or an owner again, knows what was added", () =>
  withOwner(async (scene) => {
    const { lab, a, path, has } = scene;
    await killed(scene);
    writeFileSync(path, config(200));
    assert.equal(vipdCommand(lab, a, "reload").status, 0);
    writeFileSync(path, config(255));
    assert.equal(vipdCommand(lab, a, "reload").status, 0);
    await killed(scene);
    await faults(scene);
    // An instance that is gone takes along what it had added.
    writeFileSync(path, "nodes: { a: { priority: 255 } }\n");
    assert.equal(vipdCommand(lab, a, "reload").status, 0);
    await until("its own address alone", PATIENCE, () => has(OWN));
  }));

test("after kill -9 of everything the next start takes along what was added, and `vipd release` does", () =>
  withOwner(async ({ lab, a, path, daemon, has }) => {
    const end = async (one: LabProcess): Promise<void> => {
      const pids = a.pids();
      // Stopped first, so that none of them hears of the end of another.
      for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const pid of pids) process.kill(pid, signal);
      await one.exited();
      await until("no process", PATIENCE, () => a.pids().length === 0);
      assert.ok(has(OWN, ADDED));
    };
    await end(daemon);
    assert.equal(vipdCommand(lab, a, "release").stdout, `removed ${ADDED} from eth0\n`);
    assert.ok(has(OWN));
    const again = startVipd(lab, a, path);
    await again.waitFor(/-> MASTER: .*added 10\.98\.0\.101\/24 to eth0/, PATIENCE);
    await end(again);
    writeFileSync(path, "nodes: { a: { priority: 255 } }\n");
    const last = startVipd(lab, a, path);
    await last.waitFor(/is ready as node/, PATIENCE);
    assert.ok(has(OWN));
    await last.stop();
  }));
