// Maintenance windows and drains of the whole daemon on a kernel with IPVS: windows open and close by the clock, and what
// they and people have taken out stays out over a restart and an upgrade, with its connections.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Status } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { Client, often, servePages } from "../lab/asking.js";
import { request, statusOf } from "../lab/control.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import { procServers } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { buildNat, CLIENT, DIRECTOR, realServer, VIP } from "../lab/nat.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(300);
const MINUTE = 60_000;

/** `short`: disables .7 in that minute of each hour; `long` drains .6, which has no connection, all the time. */
const config = (minute: number, long: boolean): string => `nodes: { d: { address: ${DIRECTOR} } }
maintenance:
  short: { servers: [http/${realServer(7)}], at: "${String(minute)} * * * *", for: 1m, action: disable, timezone: UTC }
${long ? `  long: { servers: [http/${realServer(6)}], at: "* * * * *", for: 1h, timezone: UTC }` : ""}
services:
  http:
    address: ${VIP}:80
    scheduler: rr
    forwarding: nat
    check: { tcp: {}, every: 1s, fall: 5 }
    servers: [${[4, 5, 6, 7].map(realServer).join(", ")}]
`;

test("windows open and close by the clock, and they and drains hold over a restart and an upgrade", async () => {
  const lab = new Lab();
  let watch: NodeJS.Timeout | undefined;
  try {
    const { client, director, servers } = buildNat(lab, [4, 5, 6, 7]);
    const [asking] = await Promise.all([Client.start(client), servePages(servers, "-", "smtp/::/80")]);

    // Far enough ahead for the daemon to be there before; where it is not, the window is open at its start.
    const opens = Math.ceil((Date.now() + 30_000) / MINUTE) * MINUTE;
    const closes = opens + MINUTE;
    const minute = new Date(opens).getUTCMinutes();
    const path = lab.file("vipd.yaml", config(minute, true));
    const words = ["--state-dir", join(lab.directory, "state")];
    const start = async (): Promise<LabProcess> => {
      const daemon = startVipd(lab, director, path, { words });
      await daemon.waitFor(/is ready as node d/, PATIENCE);
      return daemon;
    };
    /** "4=1 5=1": what the kernel has. */
    const table = (): string =>
      procServers(director)
        .map(({ server, weight }) => `${/(\d+):80$/.exec(server)?.[1] ?? "?"}=${String(weight)}`)
        .toSorted()
        .join(" ");
    const becomes = (wanted: RegExp): Promise<unknown> =>
      until(`${String(wanted)} in the table`, PATIENCE, () => wanted.test(table()));
    const active = (last: number): number =>
      procServers(director).find(({ server }) => server === `${realServer(last)}:80`)?.active ?? 0;
    const orderOf = (status: Status | undefined, last: number): string | undefined =>
      status?.checks?.services[0]?.servers.find(({ server }) => server === `${realServer(last)}:80`)?.order
        ?.by;
    const vipd = (...command: string[]): string => {
      const { status, stdout, stderr } = vipdCommand(lab, director, ...command);
      assert.equal(status, 0, stderr);
      return stdout;
    };

    const first = await start();
    assert.match(first.text, /window long is open for .*: http\/10\.96\.1\.6 drained/);
    await becomes(/^4=1 5=1( 7=1)?$/);
    if (Date.now() < opens) assert.match(table(), /7=1/);
    const hold = { kind: "hold", host: VIP, port: 80, from: often(CLIENT, 4) } as const;
    await asking.ask(hold);
    await until("a connection of the server", PATIENCE, () => active(4) > 0);
    const held = active(4);
    vipd("drain", `http/${realServer(4)}`);
    await becomes(/4=0/);
    /** Whenever it is looked at: neither is more than it may be. */
    let looks = 0;
    const more: string[] = [];
    watch = setInterval(() => {
      looks++;
      if (!/4=0/.test(table()) || /6=/.test(table())) more.push(table());
    }, 20);
    const watched = (): void => {
      assert.deepEqual(more, []);
      assert.ok(looks > 10);
    };

    vipd("stop", "--keep-table");
    await first.exited(PATIENCE);
    const second = await start();
    assert.match(table(), /^4=0 5=1( 7=1)?$/);
    await second.waitFor(/window short is open for .*: http\/10\.96\.1\.7 disabled/, PATIENCE);
    await becomes(/^4=0 5=1$/);
    assert.ok(Date.now() >= opens - 1000);
    const before = await statusOf(lab, director);
    assert.deepEqual(
      [6, 7].map((last) => orderOf(before, last)),
      ["maintenance long", "maintenance short"],
    );
    watched();

    vipd("upgrade");
    // The successor's checks begin a moment after its VRRP.
    const after = await until("the successor's checks", PATIENCE, async () => {
      const status = await statusOf(lab, director);
      return status?.checks?.services.length === 1 ? status : undefined;
    });
    assert.notEqual(after.pid, before?.pid);
    assert.deepEqual(
      [4, 6].map((last) => orderOf(after, last)),
      [4, 6].map((last) => orderOf(before, last)),
    );
    // Unless the upgrade took until then, it is open still.
    if (Date.now() < closes - 2000) assert.equal(table(), "4=0 5=1");
    await becomes(/^4=0 5=1 7=1$/);
    assert.ok(Date.now() >= closes - 1000, "it is not closed by the upgrade");
    watched();
    assert.equal(active(4), held, "its connections live");

    clearInterval(watch);
    writeFileSync(path, config(minute, false));
    await request(lab, director, { request: "reload" });
    await becomes(/^4=0 5=1 6=1 7=1$/);
    vipd("undrain", `http/${realServer(4)}`);
    await becomes(/^4=1 5=1 6=1 7=1$/);
    await asking.ask({ ...hold, kind: "release" });
    vipd("stop");
    await until("its end", PATIENCE, () => director.pids().every((pid) => pid === director.anchorPid));
    assert.equal(table(), "");
  } finally {
    clearInterval(watch);
    lab.close();
  }
});
