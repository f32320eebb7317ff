// `check-when: master` with two directors: real servers see no connection of the backup until it becomes master, and none
// again once it is backup. Connections are counted where they arrive, by the kernel of the real servers.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceStatus } from "../../src/control/ipc.js";
import { seconds } from "../../src/core/units.js";
import { statusOf } from "../lab/control.js";
import { startVipd } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { procServers } from "../lab/ipvs.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(300);
const CONFIG = `nodes:
  a: { address: 10.94.0.2, priority: 150 }
  b: { address: 10.94.0.3, priority: 100 }
vrrp:
  web: { interface: eth0, router-id: 94, advert-interval: 3s, addresses: [10.94.0.100/24] }
services:
  http:
    address: 10.94.0.100:80
    forwarding: direct-routing
    check-when: master
    mass-failure: go-on
    check: { tcp: {}, every: 1s, timeout: 900ms, fall: 3 }
    servers: [10.94.0.4, 10.94.0.5]
`;
/** "shut" shuts the port of the second of two real servers. */
const REAL = `
const net = require("node:net");
let left = 2;
const listen = (address) => net.createServer((socket) => socket.on("error", () => undefined).end())
  .listen(80, address, () => --left === 0 && console.log("listening"));
listen("10.94.0.4");
const second = listen("10.94.0.5");
process.stdin.once("data", () => second.close(() => console.log("shut")));
`;
const COUNTERS = `table inet seen {
counter a { packets 0 bytes 0 }
counter b { packets 0 bytes 0 }
chain in {
type filter hook input priority 0
ip saddr 10.94.0.2 tcp dport 80 tcp flags & (syn | ack) == syn counter name "a"
ip saddr 10.94.0.3 tcp dport 80 tcp flags & (syn | ack) == syn counter name "b"
}
}
`;

test("a director with `check-when: master` asks the real servers while it is master, and at no other time", async () => {
  const lab = new Lab();
  try {
    const [a, b, real] = lab.hosts("a", "b", "real");
    lab.plug(lab.bridge("box"), [
      { host: a, interface: "eth0", addresses: ["10.94.0.2/24"] },
      { host: b, interface: "eth0", addresses: ["10.94.0.3/24"] },
      { host: real, interface: "eth0", addresses: ["10.94.0.4/24", "10.94.0.5/24"] },
    ]);
    real.run("nft", COUNTERS);
    /** Connections that have come from a director. */
    const seen = (name: "a" | "b"): number =>
      Number(/packets (\d+)/.exec(real.run("nft", "list", "counter", "inet", "seen", name))?.[1]);
    const table = (host: Host): string =>
      procServers(host)
        .map(({ server }) => server)
        .toSorted()
        .join(" ");
    const serviceOf = async (host: Host): Promise<ServiceStatus | undefined> =>
      (await statusOf(lab, host))?.checks?.services[0];
    const [FIRST, ALL] = ["10.94.0.4:80", "10.94.0.4:80 10.94.0.5:80"];

    const servers = real.spawn([process.execPath, "-e", REAL]);
    await servers.waitFor(/listening/, PATIENCE);
    const path = lab.file("vipd.yaml", CONFIG);
    const daemons = [a, b].map((host) => startVipd(lab, host, path));
    for (const daemon of daemons) await daemon.waitFor(/is ready as node/, PATIENCE);
    await daemons[0]?.waitFor(/BACKUP -> MASTER/, PATIENCE);
    // It may have been master before the other one was there.
    await until("b to be backup", PATIENCE, async () => (await serviceOf(b))?.checked === false);
    const rests = seen("b");
    const goesOn = async (name: "a" | "b", times: number): Promise<void> => {
      const before = seen(name);
      await until(`checks by ${name}`, PATIENCE, () => seen(name) >= before + times, seconds(0.5));
    };
    await goesOn("a", 8);
    assert.equal(seen("b"), rests);
    assert.deepEqual([table(a), table(b)], [ALL, ALL]);

    servers.write("shut\n");
    await until("the master to take the server out", PATIENCE, () => table(a) === FIRST);
    await goesOn("a", 2);
    assert.equal(seen("b"), rests);
    assert.equal(table(b), ALL, "who does not ask has no news");

    a.killAll();
    await daemons[1]?.waitFor(/no advert from 10\.94\.0\.2/, PATIENCE);
    await until("the new master to take it out as well", PATIENCE, () => table(b) === FIRST);
    assert.ok(seen("b") >= rests + 2);

    // What its clients lost is remembered, whatever becomes of the process that has looked at the table.
    const found = async () => (await statusOf(lab, b))?.checks;
    const { pid, takeovers } = await until("what was found", PATIENCE, async () => {
      const checks = await found();
      return checks?.takeovers === undefined ? undefined : checks;
    });
    assert.equal(takeovers?.[0]?.instance, "web");
    process.kill(pid, "SIGKILL");
    const other = await until("another check process", PATIENCE, async () => {
      const checks = await found();
      return checks == null || checks.pid === pid ? undefined : checks;
    });
    assert.deepEqual(other.takeovers, takeovers);

    const again = startVipd(lab, a, path);
    await again.waitFor(/BACKUP -> MASTER/, PATIENCE);
    await until("b to be backup again", PATIENCE, async () => (await serviceOf(b))?.checked === false);
    const atLast = seen("b");
    await goesOn("a", 8);
    assert.equal(seen("b"), atLast);
    assert.equal(table(b), FIRST, "what it knows it keeps");
  } finally {
    lab.close();
  }
});
