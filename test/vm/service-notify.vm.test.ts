// Programs and the FIFO beside the whole daemon on a kernel with IPVS: a real server goes and comes, and the quorum with
// it. The same happens to a keepalived, whose FIFO says the same lines.

import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import type { LabProcess } from "../lab/process.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(60);

/** "open" and "shut" open and shut the port of the second of two real servers. */
const REAL = `
const net = require("node:net");
const listen = (address) => net.createServer((socket) => socket.on("error", () => undefined).end())
  .listen(80, address, () => console.log("listens", address));
listen("10.96.0.4");
let second = listen("10.96.0.5");
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "shut") second.close(() => console.log("shut"));
  if (line === "open") second = listen("10.96.0.5");
});
`;

const KEEPALIVED = (fifo: string): string => `global_defs {
  lvs_notify_fifo ${fifo}
}
virtual_server 10.96.0.100 80 {
  delay_loop 1
  lvs_sched wlc
  lvs_method NAT
  protocol TCP
  quorum 2
  real_server 10.96.0.4 80 {
    weight 1
    TCP_CHECK { connect_timeout 3
      retry 0 }
  }
  real_server 10.96.0.5 80 {
    weight 1
    TCP_CHECK { connect_timeout 3
      retry 0 }
  }
}
`;

/** What stands in a FIFO, line by line; keepalived puts a NUL behind each. */
const reader = (host: Host, fifo: string): { readonly lines: () => readonly string[] } => {
  host.run("mkfifo", fifo);
  const process: LabProcess = host.spawn(["cat", fifo]);
  return { lines: () => process.lines.map(({ text }) => text.replaceAll("\0", "")) };
};

test("a server and the quorum that go and come are told to programs in order, and as keepalived says it", async () => {
  const lab = new Lab();
  try {
    const [ours, theirs, real] = lab.hosts("ours", "theirs", "real");
    const bridge = lab.bridge("box");
    lab.plug(bridge, [
      { host: ours, interface: "eth0", addresses: ["10.96.0.2/24", "10.96.0.100/32"] },
      { host: theirs, interface: "eth0", addresses: ["10.96.0.3/24", "10.96.0.100/32"] },
      { host: real, interface: "eth0", addresses: ["10.96.0.4/24", "10.96.0.5/24"] },
    ]);
    const servers = real.spawn([process.execPath, "-e", REAL]);
    await servers.waitFor(/listens 10\.96\.0\.5/, PATIENCE);

    const told = join(lab.directory, "told");
    const tell = lab.file(
      "tell",
      `#!/bin/sh\necho "$VIPD_SEQUENCE: $VIPD_TYPE $VIPD_NAME $VIPD_SERVER $VIPD_FROM-$VIPD_TO $VIPD_ALIVE/$VIPD_TOTAL $*" >>${told}\n`,
    );
    chmodSync(tell, 0o755);
    const [fifo, other] = [join(lab.directory, "fifo"), join(lab.directory, "other")];
    const mine = reader(ours, fifo);
    const path = lab.file(
      "vipd.yaml",
      `nodes: { ours: { priority: 100 } }
notify: { fifo: ${fifo}, any: ${tell} }
vrrp:
  one: { interface: eth0, router-id: 96, addresses: [10.96.0.101/24] }
defaults: { service: { notify: { up: ${tell}, down: ${tell}, quorum-up: ${tell}, quorum-down: [${tell}, lost] } } }
services:
  http:
    address: 10.96.0.100:80
    forwarding: nat
    quorum: 2
    mass-failure: go-on
    down-on-stop: true
    check: { tcp: {}, every: 1s, timeout: 900ms, rise: 1, fall: 1 }
    servers: [10.96.0.4, { address: 10.96.0.5, notify: { down: [${tell}, five] } }]
`,
    );
    const daemon = startVipd(lab, ours, path);
    await daemon.waitFor(/is ready as node ours/, PATIENCE);
    await daemon.waitFor(/BACKUP -> MASTER/, PATIENCE);
    await until("the first quorum", PATIENCE, () => existsSync(told));

    const keepalived = lab.file("keepalived.conf", KEEPALIVED(other));
    const its = reader(theirs, other);
    theirs.spawn([
      ...(["keepalived", "-n", "-l", "-C", "-f", keepalived] as const),
      ...["-p", join(lab.directory, "k.pid"), "-c", join(lab.directory, "c.pid")],
    ]);
    await until("keepalived's first quorum", PATIENCE, () =>
      its.lines().includes("VS [10.96.0.100]:tcp:80 UP"),
    );
    const before = [mine.lines().length, its.lines().length] as const;

    const since = (): readonly [readonly string[], readonly string[]] => [
      mine.lines().slice(before[0]),
      its.lines().slice(before[1]),
    ];
    servers.write("shut\n");
    await until("both say that the quorum is lost", PATIENCE, () =>
      since().every((lines) => lines.some((line) => line.startsWith("VS") && line.endsWith("DOWN"))),
    );
    servers.write("open\n");
    await until("both say that it is back", PATIENCE, () =>
      since().every((lines) => lines.some((line) => line.startsWith("VS") && line.endsWith("UP"))),
    );
    const [ofOurs, ofTheirs] = since();
    assert.deepEqual(ofOurs, [
      "RS [10.96.0.5]:tcp:80 [10.96.0.100]:tcp:80 DOWN",
      "VS [10.96.0.100]:tcp:80 DOWN",
      "RS [10.96.0.5]:tcp:80 [10.96.0.100]:tcp:80 UP",
      "VS [10.96.0.100]:tcp:80 UP",
    ]);
    // keepalived says first what becomes of the quorum, or of the server, as its version likes it.
    assert.deepEqual([...ofTheirs].sort(), [...ofOurs].sort());

    const lines = (): readonly string[] => readFileSync(told, "utf8").trimEnd().split("\n");
    const of = (type: string): readonly string[] =>
      lines().flatMap((line) => (line.includes(`: ${type} `) ? [line.replace(/^\d+: /, "")] : []));
    await until("every program", PATIENCE, () => of("VS").length >= 3 && of("RS").length >= 2);
    // One queue for all of them, from the instance's first state on: each has a number, and none is left out.
    assert.ok(of("INSTANCE").length >= 2);
    const numbers = lines().map((line) => parseInt(line, 10));
    assert.deepEqual(
      numbers.toSorted((one, other) => one - other),
      numbers.map((_, i) => i + 1),
      lines().join("\n"),
    );
    assert.equal(vipdCommand(lab, ours, "stop").status, 0);
    await daemon.exited();
    const [ofServer, ofService] = [of("RS"), of("VS")];
    assert.equal(ofService[0], "VS http  -UP 2/2 ");
    assert.equal(ofServer[0], "RS http 10.96.0.5:80 UP-DOWN 1/2 five");
    assert.equal(ofServer[1], "RS http 10.96.0.5:80 DOWN-UP 2/2 ");
    assert.equal(ofService[1], "VS http  UP-DOWN 1/2 lost");
    // At the stop both servers and the quorum, each once at most: what takes longer than a stop waits is ended.
    const atStop = [...ofServer.slice(2), ...ofService.slice(3)];
    assert.equal(
      new Set(atStop.map((line) => line.replace(/ \d\/2 .*/, ""))).size,
      atStop.length,
      lines().join("\n"),
    );
    assert.ok(atStop.length > 0 && atStop.length <= 3, lines().join("\n"));
  } finally {
    lab.close();
  }
});
