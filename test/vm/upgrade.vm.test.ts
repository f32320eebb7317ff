// An upgrade of a director with services: the operators' orders, an open maintenance window and what the checks know go over
// it, and the kernel's table is never another one meanwhile.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { startVipd, upgradeVipd, vipdCommand } from "../lab/directors.js";
import { procServers } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(90);
const CONFIG = `nodes:
  d: { address: 10.96.0.1, priority: 100 }
vrrp:
  web: { interface: eth0, router-id: 51, addresses: [10.96.0.100/24] }
services:
  http:
    address: 10.96.0.100:80
    scheduler: rr
    forwarding: nat
    check: { tcp: {}, every: 500ms, fall: 2 }
    servers: [10.96.1.4, 10.96.1.5, 10.96.1.6, 10.96.1.7]
maintenance:
  always: { servers: [http/10.96.1.5], at: "* * * * *", for: 2m, action: disable }
`;
const SERVE = `let left = 3;
for (const host of ["10.96.1.4", "10.96.1.5", "10.96.1.6"])
  require("net").createServer((s) => s.end()).listen(80, host, () => --left || console.log("serving"));`;

test("orders, an open window and servers that are down go over an upgrade, and the table stays as it is", async () => {
  const lab = new Lab();
  try {
    const [director, servers] = lab.hosts("d", "servers");
    lab.cable(director, "eth0", servers, "eth1");
    lab.cable(director, "eth1", servers, "eth0");
    director.ip("address add 10.96.0.1/24 dev eth0", "address add 10.96.1.1/24 dev eth1");
    servers.ip(...[4, 5, 6].map((last) => `address add 10.96.1.${last}/24 dev eth0`));
    const serving = servers.spawn([process.execPath, "-e", SERVE]);
    await serving.waitFor(/serving/, PATIENCE);
    const path = lab.file("vipd.yaml", CONFIG);
    const daemon = startVipd(lab, director, path, { words: ["--state-dir", join(lab.directory, "state")] });
    await daemon.waitFor(/is ready as node d/, PATIENCE);
    const vipd = (...command: string[]): string => {
      const { status, stdout, stderr } = vipdCommand(lab, director, ...command);
      assert.equal(status, 0, stderr);
      return stdout;
    };
    const status = (): Status => JSON.parse(vipd("status", "--json")) as Status;
    const table = (): string =>
      procServers(director)
        .map(({ server, weight }) => `${server} ${String(weight)}`)
        .sort()
        .join(", ");
    vipd("disable", "http/10.96.1.6");
    await until("one server left", PATIENCE, () => table() === "10.96.1.4:80 1");
    await daemon.waitFor(/BACKUP -> MASTER/, PATIENCE);
    const orders = (): unknown =>
      (status().checks?.services ?? []).flatMap(({ servers: all }) =>
        all.map(({ server, up, order }) => ({
          server,
          up,
          by: order?.by,
          since: order?.from === "operator" ? order.since : undefined,
        })),
      );
    await until("each check's result", PATIENCE, () =>
      status().checks?.services.every(({ servers: all }) =>
        all.every(({ checks }) => checks.every(({ up }) => up !== null)),
      ),
    );
    const before = orders();
    const seen = new Set<string>();
    const watch = setInterval(() => seen.add(table()), 20);
    try {
      await upgradeVipd(lab, director, PATIENCE);
      await daemon.exited(PATIENCE);
      const isSame = () => JSON.stringify(orders()) === JSON.stringify(before);
      await until("what was known", PATIENCE, isSame).catch(() => assert.deepEqual(orders(), before));
    } finally {
      clearInterval(watch);
    }
    const { pid } = status();
    assert.notEqual(pid, daemon.pid);
    seen.add(table());
    assert.deepEqual([...seen], ["10.96.1.4:80 1"]);
    const [instance] = status().vrrp?.instances ?? [];
    assert.deepEqual([instance?.state, instance?.transitions], ["master", 2]);
    assert.match(vipd("undrain", "http/10.96.1.6"), /serves again/);
    await until("its return", PATIENCE, () => table() === "10.96.1.4:80 1, 10.96.1.6:80 1");
    vipd("stop");
    await until("the end of all", PATIENCE, () => !director.pids().includes(pid));
  } finally {
    lab.close();
  }
});
