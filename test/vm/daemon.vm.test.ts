// The whole daemon on a kernel with IPVS: the plan before, the table while it runs, reload and status, and what
// a clean stop, a stop that keeps the table, and a killed supervisor leave there.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import { procServers } from "../lab/ipvs.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(60);
const config = (weight: number): string => `nodes:
  a: { address: 10.97.0.2, priority: 150 }
  b: { address: 10.97.0.3, priority: 100 }
vrrp:
  web: { interface: eth0, router-id: 85, addresses: [10.97.0.100/24] }
services:
  http:
    address: 10.97.0.100:80
    scheduler: wlc
    forwarding: nat
    check: none
    servers: [{ address: 10.97.0.4, weight: ${weight} }, { address: 10.97.0.5, weight: 5 }]
`;
const weights = (host: Host): readonly number[] => procServers(host).map(({ weight }) => weight);
const ready = (daemon: LabProcess): Promise<unknown> => daemon.waitFor(/is ready as node a/, PATIENCE);

test("plan, run, reload, status and stop agree about the kernel's table", async () => {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.97.0.2/24 dev eth0");
    const path = lab.file("vipd.yaml", config(5));
    const plan = (): ReturnType<Host["try"]> => vipdCommand(lab, a, "plan", "--config", path, "--node", "a");

    const before = plan();
    assert.equal(before.status, 4);
    assert.match(
      before.stdout,
      /\+ 10\.97\.0\.100\/24 on eth0 for web\n[^]*\+ add service tcp 10\.97\.0\.100:80/,
    );
    assert.match(before.stdout, /\+ add server 10\.97\.0\.5:80 \(NAT, weight 5\) to tcp 10\.97\.0\.100:80/);
    assert.deepEqual(weights(a), []);

    const daemon = startVipd(lab, a, path);
    await daemon.waitFor(/BACKUP -> MASTER/, PATIENCE);
    assert.deepEqual(weights(a), [5, 5]);
    // The table stands before VRRP begins: no address without its servers.
    assert.match(daemon.text, /ipvs: kernel table: 3 changes at the start[^]*vrrp web: INITIALIZE -> BACKUP/);
    const running = plan();
    assert.deepEqual([running.status, /IPVS: nothing to change/.test(running.stdout)], [0, true]);

    writeFileSync(path, config(7));
    assert.match(
      plan().stdout,
      /~ change server 10\.97\.0\.4:80 of tcp 10\.97\.0\.100:80: weight 5 -> weight 7/,
    );
    const reload = vipdCommand(lab, a, "reload");
    assert.deepEqual(
      [reload.status, reload.stdout],
      [0, "reloaded:\n  service http: server 10.97.0.4:80: weight 5 -> 7\n"],
    );
    assert.deepEqual(weights(a).toSorted(), [5, 7]);
    const status = JSON.parse(vipdCommand(lab, a, "status", "--json").stdout) as Status;
    assert.deepEqual(
      status.checks?.services[0]?.servers.map(({ in_kernel }) => in_kernel),
      [true, true],
    );
    assert.match(vipdCommand(lab, a, "status").stdout, /service http: 2 of 2 servers up/);

    assert.equal(vipdCommand(lab, a, "stop", "--keep-table").status, 0);
    assert.equal(await daemon.exited(PATIENCE), 0);
    assert.deepEqual(weights(a).toSorted(), [5, 7]);

    const killed = startVipd(lab, a, path);
    await ready(killed);
    killed.kill("SIGKILL");
    await until("no process", PATIENCE, () => a.pids().every((pid) => pid === a.anchorPid));
    assert.deepEqual(weights(a).toSorted(), [5, 7]);

    const last = startVipd(lab, a, path);
    await ready(last);
    assert.equal(vipdCommand(lab, a, "stop").status, 0);
    await last.exited(PATIENCE);
    assert.deepEqual(weights(a), []);
  } finally {
    lab.close();
  }
});
