// The checks process is killed by SIGKILL at a hundred random moments, with real checks of real servers, and a file for
// the kernel's table, in which every single change stands. No healthy server is ever taken out, and the last process
// mends whatever the others have left. Needs no namespace, but a machine that is not busy with other tests. The same on a
// real kernel is in test/vm/faults.vm.test.ts; each possible moment between two writes in kill.test.ts.

import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ServiceConfig } from "../../src/config/model.js";
import { ip } from "../../src/core/address.js";
import { randomInt, seededRandom } from "../../src/core/random.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { Command } from "../../src/ipvs/command.js";
import { serviceId, type ServerId, type ServiceKey } from "../../src/ipvs/model.js";
import { checksOrder, pageCheck } from "../lab/checks-process.js";
import { until } from "../lab/wait.js";
import { FakePlane } from "./fake-plane.js";

const KILLS = 100;
const PATIENCE = seconds(60);
const WELL = ["127.0.0.4", "127.0.0.5"];
const FRAIL = ["127.0.0.6", "127.0.0.7"];
const PORTS = [80, 81, 82];
const FOREIGN: Command = { kind: "add-service", service: { key: keyOf(25), scheduler: "rr" } };

function keyOf(port: number): ServiceKey {
  return { kind: "address", protocol: "tcp", address: ip("10.20.0.1"), port };
}

/** `turn`: schedulers and weights are others each time, so that there is always something to write. */
function services(port: number, turn: number): ServiceConfig[] {
  const timing = { every: milliseconds(50), timeout: seconds(5), rise: 1, fall: 1 };
  return PORTS.map((one) => ({
    name: `s${String(one)}`,
    service: { key: keyOf(one), scheduler: turn % 2 === 0 ? "wlc" : "rr" },
    servers: [...WELL, ...FRAIL].map((address) => ({
      server: { address: ip(address), port, forwarding: "nat", weight: 1 + (turn % 5) },
      checks: [pageCheck("well", timing)],
    })),
  }));
}

test(`a process that is killed at ${String(KILLS)} random moments never takes out a healthy server, and the next one mends the table`, async () => {
  const directory = mkdtempSync(join(tmpdir(), "vipd-kills-"));
  const children = new Set<ChildProcess>();
  const random = seededRandom(100);
  const ill = new Set<string>();
  const web = createServer((request, response) => {
    response.end(ill.has(request.socket.localAddress ?? "") ? "ill" : "well");
  });
  try {
    web.listen(0, "0.0.0.0");
    await once(web, "listening");
    const { port } = web.address() as AddressInfo;
    const path = join(directory, "kernel");
    writeFileSync(path, `${JSON.stringify(FOREIGN)}\n`);

    const kernel = new FakePlane();
    let read = 0;
    /** Carries out what has come, and looks after every single command. */
    const follow = (isComplete: boolean): void => {
      const lines = readFileSync(path, "utf8").split("\n");
      for (const line of lines.slice(read, -1)) {
        kernel.apply([JSON.parse(line) as Command]);
        if (isComplete)
          for (const one of PORTS)
            for (const address of WELL)
              assert.ok((weightOf(one, address) ?? 0) > 0, `${address} of ${String(one)} is gone by ${line}`);
      }
      read = lines.length - 1;
    };
    const weightOf = (one: number, address: string): number | undefined =>
      kernel.table.get(serviceId(keyOf(one)))?.servers.get(`${address}:${String(port)}` as ServerId)?.weight;
    const launch = (): { child: ChildProcess; hello: Promise<unknown> } => {
      const child = fork(join(import.meta.dirname, "kill-child.js"), [path]);
      children.add(child);
      return { child, hello: once(child, "message") };
    };
    const give = (child: ChildProcess, turn: number): void => {
      child.send(checksOrder(directory, services(port, turn), seconds(1)));
    };
    const kill = async (child: ChildProcess): Promise<void> => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      children.delete(child);
    };

    const first = launch();
    await first.hello;
    const began = performance.now();
    give(first.child, 0);
    await once(first.child, "message");
    // The first checks begin at once, and take about as long.
    const most = 2 * (performance.now() - began);
    await kill(first.child);
    follow(false);

    // The next one is loaded while the one before works; what matters begins with its order.
    let next = launch();
    let changed = 0;
    for (let turn = 1; turn <= KILLS; turn++) {
      const { child, hello } = next;
      await hello;
      next = launch();
      for (const address of FRAIL)
        if (random() < 0.5) ill.add(address);
        else ill.delete(address);
      const before = read;
      give(child, turn);
      await pause(randomInt(random, Math.ceil(most)));
      await kill(child);
      follow(true);
      if (read > before) changed++;
    }
    assert.ok(changed > KILLS / 10, `only ${String(changed)} of them had written something`);

    ill.add(FRAIL[0] ?? "").delete(FRAIL[1] ?? "");
    await next.hello;
    give(next.child, KILLS + 1);
    const wanted = [...WELL, FRAIL[1] ?? ""].map((address) => `${address}:${String(port)}`);
    await until("the table to be whole", PATIENCE, () => {
      follow(true);
      return PORTS.every((one) => {
        const entry = kernel.table.get(serviceId(keyOf(one)));
        const servers = [...(entry?.servers ?? [])].filter(
          ([, { weight }]) => weight === 1 + ((KILLS + 1) % 5),
        );
        return (
          servers
            .map(([id]) => id)
            .toSorted()
            .join() === wanted.join() && entry?.servers.size === 3
        );
      });
    });
    assert.ok(kernel.table.has(serviceId(keyOf(25))), "what is others' stays");
    assert.equal(kernel.table.size, 4);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    web.close();
    web.closeAllConnections();
    rmSync(directory, { recursive: true, force: true });
  }
});
