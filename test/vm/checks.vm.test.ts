// The checks process on a kernel with IPVS: what the checks see is what the kernel's table holds, and what its
// death leaves there.

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import type { FromChecks, ToChecks } from "../../src/control/ipc.js";
import { ip } from "../../src/core/address.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { checksOrder, pageCheck, servePageFiles, spawnChecks } from "../lab/checks-process.js";
import { procServers } from "../lab/ipvs.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const VIP = ip("10.20.0.1");
const SERVERS = ["10.20.0.4", "10.20.0.5", "10.20.0.6"];
const PATIENCE = seconds(90);

type Running = { readonly child: ChildProcess; readonly heard: FromChecks[] };

function start(host: Host): Running {
  const child = spawnChecks(host);
  const heard: FromChecks[] = [];
  child.on("message", (message) => heard.push(message as FromChecks));
  return { child, heard };
}

function order(runtimeDirectory: string, weight = 5): ToChecks {
  const timing = { every: milliseconds(200), timeout: milliseconds(2000), rise: 1, fall: 2 };
  return checksOrder(runtimeDirectory, [
    {
      name: "web",
      service: { key: { kind: "address", protocol: "tcp", address: VIP, port: 80 }, scheduler: "wlc" },
      servers: SERVERS.map((address) => ({
        server: { address: ip(address), port: 80, forwarding: "nat", weight },
        checks: [pageCheck("test page", timing)],
      })),
    },
  ]);
}

const present = (host: Host): string[] => procServers(host).map(({ server }) => server.replace(/:80$/, ""));

test("the table follows the checks, outlives the process, and is taken over", async () => {
  const lab = new Lab();
  const running: ChildProcess[] = [];
  const launch = async (host: Host): Promise<Running> => {
    const process = start(host);
    running.push(process.child);
    await until("hello", PATIENCE, () => process.heard.some(({ kind }) => kind === "hello"));
    process.child.send(order(lab.directory));
    await until("configured", PATIENCE, () => process.heard.some(({ kind }) => kind === "configured"));
    assert.deepEqual(
      process.heard.find(({ kind }) => kind === "configured"),
      { kind: "configured", error: null },
    );
    return process;
  };
  try {
    const director = lab.host("director");
    director.ip(...[VIP, ...SERVERS].map((address) => `address add ${address}/32 dev lo`));
    const page = (address: string, text: string): void => writeFileSync(join(lab.directory, address), text);
    for (const address of SERVERS) page(address, "a test page");
    await servePageFiles(director, lab.directory, SERVERS, PATIENCE);

    const first = await launch(director);
    // All of them serve from the start, before their first check.
    assert.deepEqual(present(director).sort(), SERVERS);
    page(SERVERS[1]!, "out of order");
    await until("the failed server to leave", PATIENCE, () => present(director).length === 2);
    assert.deepEqual(present(director).sort(), [SERVERS[0], SERVERS[2]]);

    const foreign = ["-A", "-t", "10.20.0.9:25", "-s", "rr"];
    director.run("ipvsadm", ...foreign);
    first.child.kill("SIGKILL");
    await until("its end", PATIENCE, () => first.child.signalCode !== null);
    assert.equal(present(director).length, 2);
    // While nobody looks, one server comes back and another one fails.
    page(SERVERS[1]!, "a test page");
    page(SERVERS[0]!, "out of order");
    const second = await launch(director);
    await until("the table to follow", PATIENCE, () => {
      const servers = present(director).sort();
      assert.ok(
        servers.includes(SERVERS[2]!),
        "the server that was healthy all the time was never taken out",
      );
      return servers.join() === [SERVERS[1], SERVERS[2]].join();
    });
    const told = () =>
      second.heard
        .flatMap((message) => (message.kind === "events" ? message.records : []))
        .flatMap(({ event }) => (event.kind === "server-changed" ? [event] : []));
    // What has failed leaves the table before anybody is told.
    await until("two events", PATIENCE, () => told().length >= 2);
    const changes = told();
    assert.deepEqual(changes.map(({ server, up }) => `${server} ${up ? "up" : "down"}`).sort(), [
      `${SERVERS[0]!}:80 down`,
      `${SERVERS[1]!}:80 up`,
    ]);
    assert.match(
      changes.find(({ up }) => !up)!.cause,
      /body-mismatch: GET \/: 200 OK: "test page" is not in the body/,
    );

    second.child.send(order(lab.directory, 7));
    await until("the new weight", PATIENCE, () => procServers(director).every(({ weight }) => weight === 7));
    assert.equal(present(director).length, 2, "a reload keeps what is known of the servers");

    second.child.send({ kind: "stop", table: "remove" } satisfies ToChecks);
    await until("its end", PATIENCE, () => second.child.exitCode !== null);
    assert.equal(director.run("ipvsadm", "-Sn").trim(), "-A -t 10.20.0.9:25 -s rr");
  } finally {
    for (const child of running) child.kill("SIGKILL");
    lab.close();
  }
});
