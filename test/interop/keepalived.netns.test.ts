// Debian's keepalived as the other director of our raw-socket transport, ten adverts a second: both roles, takeover both
// ways, and a third host that watches the gratuitous ARPs. Everything else of interop: matrix.netns.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds, seconds, type Milliseconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { Capture } from "../lab/capture.js";
import { startKeepalived } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { until } from "../lab/wait.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { withHosts } from "./hosts.js";
import { VrrpChild } from "./vrrp-child.js";

const VIP = "10.98.0.100";
type Case = {
  readonly version: 2 | 3;
  readonly interval: Milliseconds;
  readonly transport: "native" | "raw-socket";
};
const CASES: readonly Case[] = [{ version: 3, interval: milliseconds(100), transport: "raw-socket" }];

const ours = ({ version, interval }: Case, priority: number): InstanceConfig =>
  instance({
    version,
    priority,
    advertInterval: interval,
    addresses: [vip(`${VIP}/24`)],
    announce: { repeat: 5, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
  });

const theirs = ({ version, interval }: Case, priority: number): string => `
global_defs {
  vrrp_version ${version}
  vrrp_garp_master_delay 1
}
vrrp_instance web {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int ${interval / 1000}
  virtual_ipaddress { ${VIP}/24 }
}
`;

const holds = (host: Host): boolean =>
  host.run("ip", "-o", "address", "show", "dev", "eth0").includes(`${VIP}/24`);
const macOf = (host: Host): string => host.run("cat", "/sys/class/net/eth0/address").trim();

for (const one of CASES) {
  const name = `VRRPv${one.version}, ${one.interval} ms, ${one.transport}`;
  const patience = seconds(5 + (6 * one.interval) / 1000);

  test(`${name}: keepalived obeys us, takes over from us, and gives back to us`, () =>
    withHosts(async ({ lab, us, them, observer }) => {
      const child = new VrrpChild(us, one.transport);
      await child.configure([ours(one, 150)]);
      await child.waitForState("master", patience);
      const keepalived = startKeepalived(lab, them, theirs(one, 100), { vrrpOnly: true });
      await keepalived.waitFor(/Entering BACKUP STATE/, patience);
      // Longer than its Master_Down_Interval: it hears us, or it would become master.
      await pause(5 * one.interval);
      assert.doesNotMatch(keepalived.text, /Entering MASTER/);
      assert.ok(holds(us) && !holds(them));
      const capture = await Capture.start(observer, "eth0");
      await child.stop();
      await keepalived.waitFor(/Entering MASTER STATE/, patience);
      await until("its gratuitous ARP", patience, () => capture.gratuitousArps(VIP).length > 0);
      assert.ok(!holds(us) && holds(them));
      const again = new VrrpChild(us, one.transport);
      await again.configure([ours(one, 150)]);
      const back = await again.waitForState("master", patience);
      assert.equal(back.reason.kind, "preempted-lower");
      await keepalived.waitFor(/Entering BACKUP STATE/, patience, 5);
      await until("our 5 gratuitous ARPs", patience, () => ownArps(capture, us) >= 5);
      await until("one holder", patience, () => holds(us) && !holds(them));
      const { rejected } = await again.instance();
      assert.deepEqual(rejected, {});
      await again.stop();
    }));

  test(`${name}: we obey keepalived, take over when it dies or resigns, and give back to it`, () =>
    withHosts(async ({ lab, us, them, observer }) => {
      const keepalived = startKeepalived(lab, them, theirs(one, 150), { vrrpOnly: true });
      await keepalived.waitFor(/Entering MASTER STATE/, patience);
      const child = new VrrpChild(us, one.transport);
      await child.configure([ours(one, 100)]);
      await child.waitForState("backup");
      await pause(5 * one.interval);
      assert.equal(child.transitions().length, 1, "we stay backup");
      const heard = await child.instance();
      assert.equal(heard.master?.address, "10.98.0.3");
      assert.equal(heard.master.priority, 150);
      assert.deepEqual(heard.rejected, {});
      const capture = await Capture.start(observer, "eth0");
      them.killAll();
      const takeover = await child.waitForState("master", patience);
      assert.equal(takeover.reason.kind, "master-silent");
      await until("our 5 gratuitous ARPs", patience, () => ownArps(capture, us) >= 5);
      them.try("ip", "address", "delete", `${VIP}/24`, "dev", "eth0");
      const back = startKeepalived(lab, them, theirs(one, 150), { vrrpOnly: true });
      await back.waitFor(/Entering MASTER STATE/, patience);
      const yielded = await child.waitForState("backup", patience);
      assert.equal(yielded.reason.kind, "higher-priority");
      await until("one holder", patience, () => holds(them) && !holds(us));
      await back.stop();
      const resigned = await child.waitForState("master", patience);
      assert.equal(resigned.reason.kind, "master-resigned");
      await child.stop();
      assert.ok(!holds(us));
    }));
}

test("a keepalived of another version on our router-id is counted as a version error and named", () =>
  withHosts(async ({ lab, us, them }) => {
    const two: Case = { version: 2, interval: seconds(1), transport: "native" };
    // Longer than its own: a keepalived that is sent an advert it refuses puts its own next one off.
    const three: Case = { version: 3, interval: seconds(3), transport: "native" };
    const keepalived = startKeepalived(lab, them, theirs(two, 150), { vrrpOnly: true });
    await keepalived.waitFor(/Entering MASTER STATE/, seconds(10));
    const child = new VrrpChild(us);
    await child.configure([ours(three, 100)]);
    const rejected = await child.waitForEvent("vrrp-rejected");
    assert.equal(rejected.reject, "version");
    assert.equal(rejected.sender, "10.98.0.3");
    assert.match(rejected.detail, /version 2, not 3/);
    await child.stop();
    await keepalived.stop();
  }));

const ownArps = (capture: Capture, host: Host): number => {
  const mac = macOf(host);
  return capture.gratuitousArps(VIP).filter((seen) => seen.mac === mac).length;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
