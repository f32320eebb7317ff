// The drill: a failover on a real kernel, from start to report. Two directors, two real servers behind direct
// routing, one client; the master loses its power, a real server shows a wrong page and recovers, the master comes
// back. Every figure is taken from outside (packets, the kernel's table, the client), the same way for vipd and,
// with `--with keepalived`, for Debian's keepalived. Exits 1 when anything that must hold did not.

import { parseArgs } from "node:util";
import { CLIENT, DIRECTORS, PRIORITIES, SERVERS, VIP, masterDownSeconds } from "./configs.js";
import { Drill } from "./scene.js";
import type { DirectorKind } from "./scene.js";
import { printReport } from "./report.js";
import { step } from "./tell.js";
import { seconds } from "../src/core/units.js";

const { values } = parseArgs({ options: { with: { type: "string", default: "vipd" } } });
if (values.with !== "vipd" && values.with !== "keepalived") {
  console.error("drill: --with takes vipd or keepalived");
  process.exit(2);
}
const kind: DirectorKind = values.with;

const drill = new Drill(kind);
try {
  step(`two directors (${kind}), two real servers, one client, virtual address ${VIP}`);
  await drill.startServers();
  await drill.startDirector("lb1");
  await drill.startDirector("lb2");
  const lb1Master = await drill.masterIs("lb1", 0);
  step(`lb1 (${DIRECTORS.lb1}, priority ${PRIORITIES.lb1}) is master`);
  await drill.tableComplete("lb1");
  await drill.tableComplete("lb2");
  step("both kernels have the complete table: the backup is a warm standby");
  const roles = (["lb1", "lb2"] as const).map((name) => `${name} ${drill.syncRoles(name).join(" and ")}`);
  step(`the kernels' sync daemons: ${roles.join(", ")}`);
  await drill.startClient();
  const before = await drill.clientReport(lb1Master);
  step(`client ${CLIENT}: ${before.alive} long-lived connections, and short requests, through ${VIP}`);
  await drill.settle(seconds(6), "the kernel tells the backup about the connections");

  step("lb1 loses its power: kill -9 of everything on it, cables dead");
  const failover = await drill.powerLoss();
  step(`lb2 took over; waiting until the client's connections go on`);
  const after = await drill.connectionsGoOn(failover.firstAdvertAt, before.alive);

  step("real server rs1 shows a wrong page");
  const left = await drill.pageTurns("bad");
  step(`rs1 (${SERVERS.rs1}) left the kernel's table; its page is repaired`);
  const entered = await drill.pageTurns("good");

  step("lb1 gets its power back");
  const back = await drill.powerReturns(before.alive);
  step("lb1 is master again");

  const ok = printReport({
    kind,
    masterDown: masterDownSeconds(PRIORITIES.lb2) * 1000,
    failover,
    before,
    after,
    left,
    entered,
    back,
  });
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  step(`THE DRILL FAILED: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await drill.end();
}
