// A drain with real connections through the kernel: it waits for them, outlives the check process and the daemon, and
// ends them at its deadline.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { runtimeDirectory, startVipd, upgradeVipd, VIPD, vipdCommand } from "../lab/directors.js";
import { procServers } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { buildNat, DIRECTOR, realServer, VIP } from "../lab/nat.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(90);
const CONFIG = `nodes:
  d: { address: ${DIRECTOR} }
services:
  http:
    address: ${VIP}:80
    scheduler: rr
    forwarding: nat
    check: { tcp: {}, every: 500ms, fall: 5 }
    servers: [${realServer(4)}, ${realServer(5)}]
`;

/** Answers with what it gets; says when it listens at both addresses. */
const ECHO = `let left = 2;
for (const host of ["${realServer(4)}", "${realServer(5)}"])
  require("net").createServer((s) => { s.on("error", () => {}); s.pipe(s); }).listen(80, host, () => --left || console.log("serving"));`;
/** One connection: writes each line of its input, says what comes back, and resets it at "close". */
const TALK = `const s = require("net").connect(80, "${VIP}", () => console.log("open"));
s.on("data", (d) => console.log("got " + d.toString().trim()));
s.on("error", (e) => console.log("error " + e.code));
process.stdin.on("data", (d) => d.toString().trim() === "close" ? s.resetAndDestroy() : s.write(d));`;

test("a drain waits for its connections, outlives every process of vipd, and ends them at its deadline", async () => {
  const lab = new Lab();
  try {
    const { client, director, servers } = buildNat(lab, [4, 5]);
    const echo = servers.spawn([process.execPath, "-e", ECHO]);
    await echo.waitFor(/serving/, PATIENCE);
    const path = lab.file("vipd.yaml", CONFIG);
    const words = ["--state-dir", join(lab.directory, "state")];
    const start = async (): Promise<LabProcess> => {
      const daemon = startVipd(lab, director, path, { words });
      await daemon.waitFor(/is ready as node d/, PATIENCE);
      return daemon;
    };
    const connect = async (): Promise<LabProcess> => {
      const talk = client.spawn([process.execPath, "-e", TALK]);
      await talk.waitFor(/open/, PATIENCE);
      return talk;
    };
    const table = (): Record<string, number> =>
      Object.fromEntries(procServers(director).map(({ server, weight }) => [server, weight]));
    const busy = (): string => procServers(director).find(({ active }) => active > 0)?.server ?? "";
    const vipd = (...command: string[]): string => {
      const { status, stdout, stderr } = vipdCommand(lab, director, ...command);
      assert.equal(status, 0, stderr);
      return stdout;
    };
    const isHeld = (server: string): void => assert.equal(table()[server], 0, JSON.stringify(table()));

    let daemon = await start();
    const first = await connect();
    await until("the connection", PATIENCE, () => busy() !== "");
    const drained = busy();
    assert.match(vipd("drain", `http/${drained}`), /: 1 connection left \(1 active\)/);
    await until("weight 0", PATIENCE, () => table()[drained] === 0);

    const status = (): Status => JSON.parse(vipd("status", "--json")) as Status;
    const checks = status().processes.find(({ process: name }) => name === "checks")?.pid ?? 0;
    process.kill(checks, "SIGKILL");
    await until("another check process", PATIENCE, () => {
      isHeld(drained);
      const { checks: answer } = status();
      return answer !== null && answer.pid !== checks;
    });
    isHeld(drained);

    vipd("stop", "--keep-table");
    await daemon.exited(PATIENCE);
    daemon = await start();
    isHeld(drained);
    assert.match(vipd("status"), /weight 0 .*drained by \S+ since .*1 connection left \(1 active\)/);

    // The same while another program takes over: it is held all the time, and the next one knows why.
    const held = setInterval(() => isHeld(drained), 20);
    try {
      await upgradeVipd(lab, director, PATIENCE);
      await daemon.exited(PATIENCE);
      await until("its successor's checks", PATIENCE, () => status().checks !== null);
    } finally {
      clearInterval(held);
    }
    isHeld(drained);
    assert.match(vipd("status"), /weight 0 .*drained by \S+ since .*1 connection left \(1 active\)/);
    const successor = status().pid;

    first.write("still here\n");
    await first.waitFor(/got still here/, PATIENCE);
    const second = await connect();
    await until("the second connection elsewhere", PATIENCE, () =>
      procServers(director).some(({ server, active }) => server !== drained && active === 1),
    );
    first.write("close\n");
    await until("the drained server to leave", PATIENCE, () => !(drained in table()));
    assert.match(vipd("events", "--last", "50"), /is drained: no connection was left/);

    assert.match(vipd("undrain", "http"), /serves again/);
    await until("its return", PATIENCE, () => table()[drained] === 1);

    const other = busy();
    assert.notEqual(other, drained);
    const output = vipd("drain", other, "--deadline", "3s", "--wait");
    assert.match(output, /out of the table at its deadline, 1 connection ended/);
    assert.deepEqual(Object.keys(table()), [drained]);
    const refused = vipdCommand(lab, director, "disable", "http");
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /would be left without a server that serves: http\. Say --force/);

    // Connections that end by themselves are waited for, and it is shown how it goes.
    vipd("undrain", other);
    await until("both", PATIENCE, () => table()[other] === 1);
    // One for each of them.
    const [third, fourth] = [await connect(), await connect()];
    const isBusy = (): boolean => procServers(director).every(({ active }) => active > 0);
    await until("a connection of each", PATIENCE, isBusy);
    const waiting = director.spawn([
      ...[process.execPath, VIPD, "drain", `http/${drained}`, "--wait"],
      ...["--runtime-dir", runtimeDirectory(lab, director)],
    ] as [string, ...string[]]);
    await waiting.waitFor(/: \d connections? left \(\d active/, PATIENCE);
    for (const talk of [third, fourth]) talk.write("close\n");
    assert.equal(await waiting.exited(PATIENCE), 0, waiting.text);
    assert.match(waiting.text, /no connection left, out of the table/);
    assert.equal(table()[drained], undefined);

    // One that is for a time ends by itself, done or not; an order stands in the place of the one before.
    const names = (): readonly string[] => Object.keys(table()).toSorted();
    const both = [drained, other].toSorted();
    assert.match(vipd("disable", `http/${drained}`, "--for", "20s"), /out of the table/);
    assert.deepEqual(names(), [other]);
    assert.match(vipd("status"), /disabled by \S+ since .*, until /);
    await until("its return", PATIENCE, () => names().length === 2);
    assert.match(vipd("events", "--last", "50"), /no longer disabled, after .*: the time is over/);
    const last = [await connect(), await connect()];
    await until("a connection of each", PATIENCE, isBusy);
    const late = vipdCommand(lab, director, "drain", `http/${drained}`, "--for", "5s", "--wait");
    assert.equal(late.status, 1, late.stdout);
    assert.match(late.stderr, /the drain was taken back, or ended by its --for, before it was done/);
    await until("its weight", PATIENCE, () => table()[drained] === 1);
    assert.deepEqual(names(), both);
    for (const talk of [second, ...last]) talk.kill();
    vipd("stop");
    await until("the end of all", PATIENCE, () => !director.pids().includes(successor));
  } finally {
    lab.close();
  }
});
