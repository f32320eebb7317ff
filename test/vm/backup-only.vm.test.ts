// Two directors that are each other's real server: the backup serves what the master sends it, and does not balance it
// again; and whoever is master balances, although a backup daemon runs on both.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { Client, often, servePages } from "../lab/asking.js";
import { startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { inNamespace } from "../lab/plane.js";
import { until } from "../lab/wait.js";

const PATIENCE = seconds(200);
const VIP = "10.98.0.100";
const OWN = ["10.98.0.1", "10.98.0.2"] as const;
const CLIENT = "10.98.0.9";

const CONFIG = `nodes:
  d1: { address: ${OWN[0]}, priority: 150 }
  d2: { address: ${OWN[1]}, priority: 100 }
vrrp:
  web: { interface: eth0, router-id: 98, addresses: [${VIP}/24] }
sync: { interface: eth0, id: 98 }
ipvs: { sysctl: { backup-only: true } }
services:
  http: { address: "${VIP}:80", scheduler: rr, forwarding: direct-routing, check: none, servers: [${OWN.join(", ")}] }
`;

test("with backup-only, directors that are real servers too serve as both, before a takeover and after", async () => {
  const lab = new Lab();
  try {
    const [d1, d2, user] = lab.hosts("d1", "d2", "user");
    const box = lab.bridge("box", "br0");
    const directors = [d1, d2] as const;
    lab.plug(
      box,
      [
        ...directors.map((host, i) => ({ host, interface: "eth0", addresses: [`${OWN[i] ?? ""}/24`] })),
        { host: user, interface: "eth0", addresses: [`${CLIENT}/24`] },
      ],
      "br0",
    );
    for (const host of directors) {
      host.sysctl({ "net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2 });
      host.ip(`address add ${VIP}/32 dev lo`);
    }
    const setting = (host: Host): string =>
      inNamespace(host, () => readFileSync("/proc/sys/net/ipv4/vs/backup_only", "utf8").trim());
    const path = lab.file("vipd.yaml", CONFIG);
    const client = await Client.start(user);
    await Promise.all(directors.map((host) => servePages(host, host.name, "http/::/80")));
    const serves = async (): Promise<void> => {
      const question = { kind: "http", host: VIP, port: 80, from: often(CLIENT, 8) } as const;
      let answers: readonly string[] = [];
      const what = (): string => `both to serve, instead of ${answers.join(", ")}`;
      await until(what, PATIENCE, async () => {
        answers = await client.ask(question);
        return answers.filter((text) => text === "page of d1").length === 4 && new Set(answers).size === 2;
      });
    };

    const first = startVipd(lab, d1, path);
    await first.waitFor(/BACKUP -> MASTER/, PATIENCE);
    const second = startVipd(lab, d2, path);
    await second.waitFor(/is ready as node d2/, PATIENCE);
    const told = (what: string) => (): string =>
      `${what}; they are ${directors.map(setting).join()}\n${first.text}\n${second.text}`;
    await until(told("the settings"), PATIENCE, () => setting(d1) === "0" && setting(d2) === "1");
    assert.match(d1.run("ipvsadm", "-L", "--daemon"), /backup sync daemon/);
    await serves();
    // That the setting is another one than is written is no change to come.
    const plan = vipdCommand(lab, d1, "plan", "--config", path, "--node", "d1");
    assert.doesNotMatch(plan.stdout, /backup_only/);

    // It is a real server still.
    first.kill("SIGTERM");
    await first.exited(PATIENCE);
    await until(
      told("the settings after the takeover"),
      PATIENCE,
      () => setting(d1) === "0" && setting(d2) === "0",
    );
    await serves();
    assert.equal(vipdCommand(lab, d2, "stop").status, 0);
    await second.exited(PATIENCE);
    assert.deepEqual(directors.map(setting), ["0", "0"]);
  } finally {
    lab.close();
  }
});
