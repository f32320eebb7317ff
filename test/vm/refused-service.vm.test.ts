// `accept: false` and IPVS on one address: a service of it works, by the real hooks of the kernel and their order, also when
// its real server is the director itself; and nothing else that is sent to the address is accepted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(90);
const VIP = "10.96.0.100";
const OWN = "10.96.0.1";
const config = (accept: boolean): string => `nodes:
  d: { address: ${OWN}, priority: 100 }
vrrp:
  web: { interface: eth0, router-id: 51, accept: ${String(accept)}, addresses: [${VIP}/24] }
services:
  far: { address: "${VIP}:80", forwarding: nat, check: none, servers: ["10.96.1.4:80"] }
  near: { address: "${VIP}:81", forwarding: nat, check: none, servers: ["10.96.1.1:8081"] }
`;
/** Says its name to everybody who connects; "serving" when it can. */
const serve = (name: string, port: number): string =>
  `require("net").createServer((s) => s.end("${name}")).listen(${String(port)}, () => console.log("serving"))`;
/** Says what it is told; "nothing" when it is not answered. */
const ask = (to: string, port: number): string =>
  `const s = require("net").connect({ host: "${to}", port: ${String(port)} });
s.on("data", (d) => console.log(String(d)));
s.on("error", (e) => console.log(e.code));
setTimeout(() => { console.log("nothing"); process.exit(); }, 5000).unref();
s.on("close", () => process.exit());
setInterval(() => 0, 1000);`;

test("a service on an address that is refused works; whatever else is sent to it is dropped", async () => {
  const lab = new Lab();
  try {
    const [client, director, server] = lab.hosts("c", "d", "s");
    lab.cable(client, "eth0", director, "eth0");
    lab.cable(director, "eth1", server, "eth0");
    client.ip("address add 10.96.0.9/24 dev eth0");
    director.ip(`address add ${OWN}/24 dev eth0`, "address add 10.96.1.1/24 dev eth1");
    director.sysctl({ "net.ipv4.ip_forward": 1 });
    server.ip("address add 10.96.1.4/24 dev eth0", "route add default via 10.96.1.1");
    const listen = async (host: Host, name: string, port: number): Promise<void> => {
      const process_ = host.spawn([process.execPath, "-e", serve(name, port)]);
      await process_.waitFor(/serving/, PATIENCE);
    };
    await listen(server, "far", 80);
    await listen(director, "near", 8081);
    await listen(director, "private", 22);
    const answer = (to: string, port: number): string =>
      client.run(process.execPath, "-e", ask(to, port)).split("\n")[0] ?? "";
    const pings = (to: string): boolean => client.try("ping", "-c", "2", "-W", "3", to).status === 0;

    const path = lab.file("vipd.yaml", config(false));
    const daemon = startVipd(lab, director, path);
    await daemon.waitFor(/BACKUP -> MASTER/, PATIENCE);
    await until("the service's first answer", PATIENCE, () => answer(VIP, 80) === "far");
    assert.equal(answer(VIP, 81), "near");
    assert.deepEqual([answer(VIP, 22), pings(VIP)], ["nothing", false]);
    assert.deepEqual([answer(OWN, 22), pings(OWN)], ["private", true]);
    lab.file("vipd.yaml", config(true));
    assert.equal(vipdCommand(lab, director, "reload").status, 0);
    assert.deepEqual([answer(VIP, 22), pings(VIP)], ["private", true]);
    assert.deepEqual([answer(VIP, 80), answer(VIP, 81)], ["far", "near"]);
    assert.equal(vipdCommand(lab, director, "stop").status, 0);
    await daemon.exited(PATIENCE);
  } finally {
    lab.close();
  }
});
