// The virtual MAC address on a real link: with Debian's keepalived in its own mode of that kind as the other
// director, in both roles, while a third host keeps one MAC address for the virtual address all the time.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { Capture } from "../lab/capture.js";
import { runtimeDirectory, startKeepalived, startVipd, vipdCommand } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { until } from "../lab/wait.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { withHosts } from "./hosts.js";
import { VrrpChild } from "./vrrp-child.js";

const VIP = "10.98.0.100";
const MAC = "00:00:5e:00:01:55";
const PATIENCE = seconds(10);

const ours = (priority: number, changes: Partial<InstanceConfig> = {}): InstanceConfig =>
  instance({
    virtualRouterId: 85,
    priority,
    advertInterval: milliseconds(100),
    virtualMac: { name: "vrrp.85", adverts: "virtual" },
    addresses: [vip(`${VIP}/24`, "vrrp.85")],
    announce: { repeat: 5, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
    ...changes,
  });

const theirs = (priority: number): string => `
global_defs {
  vrrp_version 3
}
vrrp_instance web {
  state BACKUP
  interface eth0
  use_vmac vrrp.85
  virtual_router_id 85
  priority ${priority}
  advert_int 0.1
  virtual_ipaddress { ${VIP}/24 }
}
`;

const onLink = (host: Host): boolean =>
  host.try("ip", "-o", "address", "show", "dev", "vrrp.85").stdout.includes(`${VIP}/24`);
const isOn = (host: Host): boolean =>
  /[<,]UP[,>]/.test(host.try("ip", "-o", "link", "show", "dev", "vrrp.85").stdout);
const exists = (host: Host): boolean => host.try("ip", "link", "show", "dev", "vrrp.85").status === 0;
const settings = (host: Host): string =>
  ["arp_ignore", "arp_announce", "rp_filter"]
    .map((key) => host.run("cat", `/proc/sys/net/ipv4/conf/eth0/${key}`).trim())
    .join(" ");
/** What the observer believes; it asks anew when it believes nothing. */
const neighbour = (host: Host): string =>
  /lladdr ([0-9a-f:]+)/.exec(host.run("ip", "neighbour", "show", VIP))?.[1] ?? "";
const pings = (host: Host): boolean => host.try("ping", "-c", "1", "-W", "1", VIP).status === 0;

test("we are master with the virtual MAC address, keepalived takes over with it, and gives back", () =>
  withHosts(async ({ lab, us, them, observer }) => {
    const before = settings(us);
    const capture = await Capture.start(observer, "eth0");
    const child = new VrrpChild(us);
    await child.configure([ours(150)]);
    await child.waitForState("master", PATIENCE);
    await until("an answer", PATIENCE, () => pings(observer));
    assert.equal(neighbour(observer), MAC);
    await until("an advert of ours", PATIENCE, () => capture.adverts("10.98.0.2").length > 0);
    assert.deepEqual([...new Set(capture.adverts("10.98.0.2").map(({ mac }) => mac))], [MAC]);
    assert.deepEqual([...new Set(capture.gratuitousArps(VIP).map(({ mac }) => mac))], [MAC]);
    // What answers to a client asks for its MAC address in no name but its own.
    us.ip("neighbour flush dev eth0");
    assert.ok(pings(observer));
    const keepalived = startKeepalived(lab, them, theirs(100), { vrrpOnly: true });
    await keepalived.waitFor(/Entering BACKUP STATE/, PATIENCE);
    await pause(500);
    assert.doesNotMatch(keepalived.text, /Entering MASTER/, "it hears our adverts");
    await child.stop();
    assert.ok(!exists(us), "the link is gone");
    await keepalived.waitFor(/Entering MASTER STATE/, PATIENCE);
    // Its interface below answers too, with its own MAC address; which answer comes first is a matter of luck.
    await until("an answer of keepalived", PATIENCE, () => pings(observer));
    const again = new VrrpChild(us);
    await again.configure([ours(150)]);
    await again.waitForState("master", PATIENCE);
    await until("one holder", PATIENCE, () => onLink(us) && !onLink(them));
    await until("an answer of ours", PATIENCE, () => pings(observer) && neighbour(observer) === MAC);
    assert.deepEqual([...new Set(capture.gratuitousArps(VIP).map(({ mac }) => mac))], [MAC]);
    await again.stop();
    assert.equal(before, "0 0 0", "the test's own premise");
  }));

test("we are backup to keepalived with our link off, hear it, and take over when it dies", () =>
  withHosts(async ({ lab, us, them, observer }) => {
    const keepalived = startKeepalived(lab, them, theirs(150), { vrrpOnly: true });
    await keepalived.waitFor(/Entering MASTER STATE/, PATIENCE);
    const child = new VrrpChild(us);
    await child.configure([ours(100)]);
    await child.waitForState("backup", PATIENCE);
    await pause(1000);
    assert.equal(child.transitions().length, 1, "we stay backup");
    assert.equal((await child.instance()).master?.address, "10.98.0.3");
    assert.ok(exists(us) && !isOn(us));
    await until("an answer of keepalived", PATIENCE, () => pings(observer));
    them.killAll();
    them.try("ip", "link", "delete", "vrrp.85");
    await child.waitForState("master", PATIENCE);
    assert.ok(isOn(us) && onLink(us));
    await until("an answer of ours", PATIENCE, () => pings(observer) && neighbour(observer) === MAC);
    // The same MAC address on both: what the better one sends reaches the interface below all the same.
    const back = startKeepalived(lab, them, theirs(150), { vrrpOnly: true });
    await back.waitFor(/Entering MASTER STATE/, PATIENCE);
    await child.waitForState("backup", PATIENCE);
    await until("our link off", PATIENCE, () => !isOn(us) && !onLink(us));
    await back.stop();
    await child.stop();
  }));

test("adverts can keep the interface's own MAC address", () =>
  withHosts(async ({ us, observer }) => {
    const capture = await Capture.start(observer, "eth0");
    const child = new VrrpChild(us);
    await child.configure([
      ours(150, {
        virtualMac: { name: "vip0", adverts: "interface" },
        addresses: [vip(`${VIP}/24`, "vip0")],
      }),
    ]);
    await child.waitForState("master", PATIENCE);
    await until("an advert", PATIENCE, () => capture.adverts("10.98.0.2").length > 0);
    const own = us.run("cat", "/sys/class/net/eth0/address").trim();
    assert.deepEqual([...new Set(capture.adverts("10.98.0.2").map(({ mac }) => mac))], [own]);
    await until("an answer", PATIENCE, () => pings(observer));
    assert.equal(neighbour(observer), MAC);
    await child.stop();
  }));

test("an interface of that name that is not ours is a fault, is left alone, and is over when it goes", () =>
  withHosts(async ({ us }) => {
    us.ip("link add vrrp.85 link eth0 type macvlan mode bridge");
    const child = new VrrpChild(us);
    await child.configure([ours(150)]);
    const { reason } = await child.waitForState("fault", PATIENCE);
    assert.deepEqual(reason, {
      kind: "no-virtual-link",
      interface: "eth0",
      error: "there is another interface vrrp.85, which is not vipd's",
    });
    assert.ok(exists(us));
    us.ip("link delete vrrp.85");
    await child.waitForState("master", PATIENCE);
    assert.ok(onLink(us));
    // Somebody deletes ours: it is made again.
    us.ip("link delete vrrp.85");
    await until("it is back", PATIENCE, () => onLink(us) && isOn(us));
    await child.stop();
    assert.ok(!exists(us));
  }));

const CONFIG = `nodes:
  us: { address: 10.98.0.2, priority: 150 }
vrrp:
  web: { interface: eth0, router-id: 85, advert-interval: 100ms, virtual-mac: true, addresses: [${VIP}/24] }
`;

test("a stop puts back what it found; after an end of all processes at once `vipd release` does", () =>
  withHosts(async ({ lab, us, observer }) => {
    us.sysctl({ "net.ipv4.conf.eth0.arp_ignore": 2 });
    const path = lab.file("vipd.yaml", CONFIG);
    const first = startVipd(lab, us, path);
    await first.waitFor(/BACKUP -> MASTER/, seconds(20));
    assert.equal(settings(us), "2 2 0");
    assert.equal(await first.stop(), 0);
    assert.deepEqual([exists(us), settings(us)], [false, "2 0 0"]);

    const second = startVipd(lab, us, path);
    await second.waitFor(/BACKUP -> MASTER/, seconds(20));
    us.killAll();
    await second.exited();
    assert.ok(onLink(us));
    assert.match(readFileSync(`${runtimeDirectory(lab, us)}/virtual-goods.json`, "utf8"), /vrrp\.85/);
    const released = vipdCommand(lab, us, "release");
    assert.equal(released.status, 0, released.stderr);
    assert.match(released.stdout, /^removed the virtual link vrrp\.85$/m);
    assert.deepEqual([exists(us), settings(us)], [false, "2 0 0"]);

    // A killed VRRP process alone: its successor takes the link over, and goes on.
    const third = startVipd(lab, us, path);
    await third.waitFor(/BACKUP -> MASTER/, seconds(20));
    const { processes } = JSON.parse(vipdCommand(lab, us, "status", "--json").stdout) as {
      processes: { process: string; pid: number }[];
    };
    process.kill(processes.find((one) => one.process === "vrrp")?.pid ?? 0, "SIGKILL");
    await third.waitFor(/INITIALIZE -> (MASTER|BACKUP)/);
    await until("an answer", PATIENCE, () => pings(observer));
    assert.equal(neighbour(observer), MAC);
    lab.file("vipd.yaml", CONFIG.replace("virtual-mac: true, ", ""));
    assert.equal(vipdCommand(lab, us, "reload").status, 0);
    await until("the physical mode", PATIENCE, () => !exists(us) && settings(us) === "2 0 0");
    await until(
      "an answer by the other MAC address",
      PATIENCE,
      () => pings(observer) && neighbour(observer) !== MAC,
    );
    assert.equal(await third.stop(), 0);
  }));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
