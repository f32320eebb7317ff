// What others and chance do to vipd on a real kernel: somebody flushes the table under it, and its checks process is
// killed at any moment. No healthy server is ever missing longer than that takes to see.

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ServiceConfig } from "../../src/config/model.js";
import type { FromChecks, ToChecks } from "../../src/control/ipc.js";
import { ip } from "../../src/core/address.js";
import { randomInt, seededRandom } from "../../src/core/random.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { checksOrder, isBundled, pageCheck, servePageFiles, spawnChecks } from "../lab/checks-process.js";
import { startVipd } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { ipvsadmTable, procServers } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(90);
/** Each is the start of a process in an emulated machine: of modules that takes ten seconds. */
const KILLS = isBundled ? 100 : 20;
const WELL = ["10.20.0.4", "10.20.0.5"];
const FRAIL = "10.20.0.6";

test("a table that somebody flushed under the daemon is repaired at the next look, and the log says so", async () => {
  const lab = new Lab();
  try {
    const host = lab.host("a");
    host.ip("address add 10.20.0.1/32 dev lo");
    const service = "forwarding: nat, check: none, servers: [10.20.0.4, 10.20.0.5]";
    const path = lab.file(
      "vipd.yaml",
      `nodes: { a: {} }
ipvs: { reconcile-every: 2s }
services:
  web: { address: 10.20.0.1:80, ${service} }
  mail: { address: 10.20.0.1:25, persistence: 5m, ${service} }
`,
    );
    const daemon = startVipd(lab, host, path);
    await daemon.waitFor(/is ready as node a/, PATIENCE);
    const complete = ipvsadmTable(host);
    host.run("ipvsadm", "-A", "-t", "10.20.0.9:80");
    host.run("ipvsadm", "-C");
    const said = daemon.lines.length;
    await daemon.waitFor(/kernel table: \d changes? to undo a change made by somebody else/, PATIENCE, said);
    // A look that came in the middle of the flush needs another one.
    await until("the whole table", PATIENCE, () => ipvsadmTable(host) === complete);
  } finally {
    lab.close();
  }
});

function order(runtimeDirectory: string): ToChecks {
  const timing = { every: milliseconds(300), timeout: seconds(5), rise: 1, fall: 1 };
  const services = [80, 81, 82].map((port): ServiceConfig => ({
    name: `s${String(port)}`,
    service: {
      key: { kind: "address", protocol: "tcp", address: ip("10.20.0.1"), port },
      scheduler: "wlc",
    },
    servers: [...WELL, FRAIL].map((address) => ({
      server: { address: ip(address), port: 80, forwarding: "nat", weight: 5 },
      checks: [pageCheck("well", timing)],
    })),
  }));
  return checksOrder(runtimeDirectory, services);
}

/** Starts the process; the order goes to it as soon as it says that it lives. */
function start(lab: Lab, host: Host): { readonly child: ChildProcess; readonly isConfigured: () => boolean } {
  const child = spawnChecks(host);
  let isConfigured = false;
  child.on("message", (message) => {
    const { kind } = message as FromChecks;
    if (kind === "hello") child.send(order(lab.directory));
    if (kind === "configured") isConfigured = true;
  });
  return { child, isConfigured: () => isConfigured };
}

test(`the checks process is killed at ${String(KILLS)} random moments: no healthy server is ever missing`, async () => {
  const lab = new Lab();
  const random = seededRandom(4);
  const children: ChildProcess[] = [];
  const present = (host: Host, address: string): number =>
    procServers(host).filter(({ server, weight }) => server === `${address}:80` && weight > 0).length;
  try {
    const host = lab.host("a");
    host.ip(...["10.20.0.1", ...WELL, FRAIL].map((address) => `address add ${address}/32 dev lo`));
    const page = (address: string, text: string): void => writeFileSync(join(lab.directory, address), text);
    for (const address of [...WELL, FRAIL]) page(address, "well");
    await servePageFiles(host, lab.directory, [...WELL, FRAIL], PATIENCE);
    const launch = (): ReturnType<typeof start> => {
      const one = start(lab, host);
      children.push(one.child);
      return one;
    };
    const end = async ({ child }: ReturnType<typeof start>): Promise<void> => {
      child.kill("SIGKILL");
      await until("its end", PATIENCE, () => child.signalCode !== null || child.exitCode !== null);
    };

    const began = performance.now();
    const first = launch();
    await until("the first table", PATIENCE, first.isConfigured);
    const startTakes = performance.now() - began;
    await end(first);

    let looks = 0;
    const missing: string[] = [];
    const watch = setInterval(() => {
      looks++;
      for (const address of WELL)
        if (present(host, address) !== 3) missing.push(`${address}, after look ${String(looks)}`);
    }, 5);
    for (let i = 0; i < KILLS; i++) {
      const one = launch();
      page(FRAIL, random() < 0.5 ? "well" : "ill");
      await pause(randomInt(random, startTakes * 1.4));
      await end(one);
    }
    page(FRAIL, "ill");
    const last = launch();
    await until(
      "the frail server to be out",
      PATIENCE,
      () => present(host, FRAIL) === 0 && last.isConfigured(),
    );
    page(FRAIL, "well");
    await until("the frail server to be back", PATIENCE, () => present(host, FRAIL) === 3);
    clearInterval(watch);
    assert.deepEqual(missing, []);
    assert.ok(looks > KILLS);
    assert.equal(ipvsadmTable(host).split("\n").length, 3 + 9);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    lab.close();
  }
});
