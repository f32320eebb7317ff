// The policy of services in a kernel with IPVS: quorum and sorry server, servers that failures only inhibit, servers
// that a reload adds, and many failures at once. What is up says a file for each server.

import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import { procServers } from "../lab/ipvs.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(90);

const config = (files: string, added: string): string => `nodes:
  a: { address: 10.97.0.2, priority: 150 }
  b: { address: 10.97.0.3, priority: 100 }
scripts: { security: false }
defaults:
  service: { forwarding: nat, scheduler: wlc }
  check: { every: 1s, timeout: 1s, fall: 1, rise: 1 }
services:
  quorum:
    address: 10.97.0.100:80
    check: &file { script: { command: "test -e ${files}/$VIPD_SERVER", shell: true }, every: 1s, timeout: 1s }
    quorum: 3
    hysteresis: 1
    sorry-server: 10.97.0.9
    servers: [{ address: 10.97.0.4, weight: 2 }, 10.97.0.5, 10.97.0.6]
  inhibit:
    address: 10.97.0.101:80
    check: *file
    inhibit-on-failure: true
    servers: [10.97.0.14, 10.97.0.15${added}]
  hold:
    address: 10.97.0.102:80
    check: *file
    servers: [10.97.0.24, 10.97.0.25, 10.97.0.26, 10.97.0.27]
`;

/** "4=2 5=1": the servers of a service by the last byte of their address, with their weights. */
const table = (host: Host, last: number): string =>
  procServers(host)
    .filter(({ service }) => service === `tcp 10.97.0.${String(last)}:80`)
    .map(({ server, weight }) => `${/\.(\d+):/.exec(server)?.[1] ?? "?"}=${String(weight)}`)
    .toSorted()
    .join(" ");

test("quorum, sorry server, inhibition, servers that wait and servers that are held stand in the kernel's table", async () => {
  const lab = new Lab();
  try {
    const [a, b] = lab.hosts("a", "b");
    lab.cable(a, "eth0", b, "eth0");
    a.ip("address add 10.97.0.2/24 dev eth0");
    const files = join(lab.directory, "up");
    mkdirSync(files);
    const set = (isUp: boolean, ...servers: readonly number[]): void => {
      for (const last of servers)
        if (isUp) writeFileSync(join(files, `10.97.0.${String(last)}`), "");
        else rmSync(join(files, `10.97.0.${String(last)}`));
    };
    set(true, 4, 5, 6, 14, 15, 24, 25, 26, 27);
    const path = lab.file("vipd.yaml", config(files, ""));
    const daemon = startVipd(lab, a, path);
    await daemon.waitFor(/is ready as node a/, PATIENCE);
    const seen: string[] = [];
    const becomes = (last: number, wanted: string): Promise<unknown> =>
      until(`"${wanted}" behind .${String(last)}`, PATIENCE, () => {
        const now = table(a, last);
        seen.push(now);
        return now === wanted;
      });

    await becomes(100, "4=2 5=1 6=1");
    set(false, 4);
    await becomes(100, "5=1 6=1");
    set(false, 5);
    await becomes(100, "9=1");
    const [web] =
      (JSON.parse(vipdCommand(lab, a, "status", "--json").stdout) as Status).checks?.services ?? [];
    assert.deepEqual(web?.quorum, { up: false, weight: 1, quorum: 3, hysteresis: 1 });
    assert.deepEqual(web.sorry, [{ server: "10.97.0.9:80", serves: true }]);
    assert.deepEqual(
      web.servers.map(({ place, up }) => [place, up]),
      [
        ["out", false],
        ["out", false],
        ["stands-down", true],
      ],
    );
    set(true, 4, 5);
    await becomes(100, "4=2 5=1 6=1");
    // Whenever it was looked at, somebody served.
    assert.ok(seen.every((text) => text !== ""));
    await daemon.waitFor(
      /quorum LOST: weight 1 of 4, quorum 3, hysteresis 1; 1 of 3 servers serve; sorry server 10\.97\.0\.9:80 serves/,
      PATIENCE,
    );
    const orders =
      /add server 10\.97\.0\.9:80 \(NAT, weight 1\) to tcp 10\.97\.0\.100:80.*remove server 10\.97\.0\.[56]:80/;
    await daemon.waitFor(orders, PATIENCE);
    await daemon.waitFor(/add server 10\.97\.0\.[45]:80.*remove server 10\.97\.0\.9:80/, PATIENCE);

    set(false, 14);
    await becomes(101, "14=0 15=1");
    set(true, 14);
    await becomes(101, "14=1 15=1");
    writeFileSync(path, config(files, ", 10.97.0.16"));
    assert.equal(vipdCommand(lab, a, "reload").status, 0);
    await until("the first check of the new server", PATIENCE, () => daemon.text.includes("10.97.0.16"));
    assert.equal(table(a, 101).includes("16=1"), false);
    set(true, 16);
    await becomes(101, "14=1 15=1 16=1");

    set(false, 24, 25, 26, 27);
    await daemon.waitFor(/mass failure: [34] of 4 servers failed together/, PATIENCE);
    await until("all four told of as down", PATIENCE, () =>
      /10\.97\.0\.2[4-7]:80 DOWN[^\n]*; 0 of 4 servers up/.test(daemon.text),
    );
    await until("two held", PATIENCE, () => table(a, 102).split(" ").length === 2);
    await daemon.waitFor(/mass failure: .*; [12] servers? that failed last held in the table/, PATIENCE);
    set(true, 24, 25, 26, 27);
    await becomes(102, "24=1 25=1 26=1 27=1");
    await daemon.waitFor(/mass failure over/, PATIENCE);

    assert.equal(vipdCommand(lab, a, "stop").status, 0);
    assert.equal(await daemon.exited(PATIENCE), 0);
    assert.deepEqual(procServers(a), []);
  } finally {
    lab.close();
  }
});
