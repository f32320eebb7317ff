// A stop of the whole daemon whose check process is frozen, on a kernel with IPVS: the supervisor leaves nothing there.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import { procServers } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(60);
const CONFIG = `nodes: { a: { priority: 150 } }
services:
  http: { address: "10.97.0.100:80", forwarding: nat, check: none, servers: [10.97.0.4, 10.97.0.5] }
`;

test("a stop removes the table also when the check process is frozen, and says so", async () => {
  const lab = new Lab();
  try {
    const [a] = lab.hosts("a");
    const daemon = startVipd(lab, a, lab.file("vipd.yaml", CONFIG));
    await daemon.waitFor(/is ready as node a/, PATIENCE);
    assert.equal(procServers(a).length, 2);
    const { processes } = JSON.parse(vipdCommand(lab, a, "status", "--json").stdout) as Status;
    const checks = processes.find((child) => child.process === "checks")?.pid;
    assert.ok(checks !== undefined && checks !== null);
    process.kill(checks, "SIGSTOP");
    daemon.kill("SIGTERM");
    assert.equal(await daemon.exited(PATIENCE), 0);
    await until("its last words", PATIENCE, () => /notice vipd: stopped/.test(daemon.text));
    assert.match(
      daemon.text,
      /the supervisor does it\n.*kernel table: 1 change at the stop.*: remove service tcp 10\.97\.0\.100:80/,
    );
    assert.deepEqual(procServers(a), []);
  } finally {
    lab.close();
  }
});
