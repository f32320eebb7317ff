// The move from version 2 to 3 as docs/operation.md describes it, with Debian's keepalived as the other director: one
// director after the other changes, by way of "2+3", and the addresses never move.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "node:test";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { startKeepalived } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import type { LabProcess } from "../lab/process.js";
import { Trace } from "../lab/trace.js";
import type { Lab } from "../lab/lab.js";
import { until } from "../lab/wait.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { withHosts } from "./hosts.js";
import { VrrpChild } from "./vrrp-child.js";

const VIP = "10.98.0.100";
const PATIENCE = seconds(15);
/** Longer than any backup waits for a master. */
const WHILE = seconds(5);

const ours = (version: InstanceConfig["version"], priority: number): InstanceConfig =>
  instance({
    version,
    priority,
    addresses: [vip(`${VIP}/24`)],
    announce: { repeat: 1, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
    // Of keepalived's in version 2; version 3 has none.
    ...(version === 3 ? {} : { auth: { kind: "password", password: "s3cret-7" } }),
  });

const theirs = (version: 2 | 3, priority: number): string => `
global_defs {
  vrrp_version ${String(version)}
}
vrrp_instance web {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${String(priority)}
  advert_int 1
  ${version === 2 ? "authentication { auth_type PASS\n auth_pass s3cret-7\n }" : ""}
  virtual_ipaddress { ${VIP}/24 }
}
`;

const holds = (host: Host): boolean =>
  host.run("ip", "-o", "address", "show", "dev", "eth0").includes(`${VIP}/24`);

test("we are master: keepalived obeys us in version 2, then both ours, then version 3", () =>
  withHosts(async ({ lab, us, them, observer }) => {
    const child = new VrrpChild(us);
    await child.configure([ours(2, 150)]);
    await child.waitForState("master", PATIENCE);
    const old = await backup(lab, them, 2);
    const trace = await Trace.start(lab, observer, "ip proto 112");
    await child.configure([ours("2+3", 150)]);
    await pause(WHILE);
    assert.doesNotMatch(old.text, /Entering MASTER/);
    await old.stop();
    const young = await backup(lab, them, 3);
    await pause(WHILE);
    await child.configure([ours(3, 150)]);
    await pause(WHILE);
    assert.doesNotMatch(young.text, /Entering MASTER/);
    assert.deepEqual([holds(us), holds(them)], [true, false]);
    assert.deepEqual(
      child.transitions().map(({ to }) => to),
      ["backup", "master"],
    );
    // The others go on where we stop.
    await child.stop();
    await young.waitFor(/Entering MASTER STATE/, PATIENCE);
    await young.stop();
    await trace.stop();
    const ownMac = us.run("cat", "/sys/class/net/eth0/address").trim();
    const sent = trace
      .rows(observer, `eth.src == ${ownMac}`, "vrrp.version", "vrrp.prio")
      .map((row) => row.join(" "));
    assert.ok(sent.filter((one) => one === "2 150").length >= 8, "version 2 for as long as we spoke both");
    assert.ok(sent.filter((one) => one === "3 150").length >= 12);
    assert.deepEqual(sent.slice(-1), ["3 0"]);
  }));

test("keepalived is master: we obey it in version 2, then 3, by way of both", () =>
  withHosts(async ({ lab, us, them }) => {
    const old = startKeepalived(lab, them, theirs(2, 150), { vrrpOnly: true });
    await old.waitFor(/Entering MASTER STATE/, PATIENCE);
    const child = new VrrpChild(us);
    await child.configure([ours(2, 100)]);
    await child.waitForState("backup");
    await child.configure([ours("2+3", 100)]);
    await pause(WHILE);
    const { state, rejected, oddities, master } = await child.instance();
    assert.deepEqual([state, rejected, master?.address], ["backup", {}, "10.98.0.3"]);
    assert.deepEqual(oddities, ["10.98.0.3 sends version 2 alone"]);
    // It resigns, we take over, and give back to its version 3.
    await old.stop();
    const takeover = await child.waitForState("master", PATIENCE);
    assert.equal(takeover.reason.kind, "master-resigned");
    const young = startKeepalived(lab, them, theirs(3, 150), { vrrpOnly: true });
    await young.waitFor(/Entering MASTER STATE/, PATIENCE);
    const yielded = await child.waitForState("backup", PATIENCE);
    assert.equal(yielded.reason.kind, "higher-priority");
    await child.configure([ours(3, 100)]);
    await pause(WHILE);
    await until("one holder", PATIENCE, () => holds(them) && !holds(us));
    assert.deepEqual(
      child.transitions().map(({ to }) => to),
      ["backup", "master", "backup"],
    );
    assert.deepEqual((await child.instance()).rejected, {});
    await child.stop();
    await young.stop();
  }));

async function backup(lab: Lab, host: Host, version: 2 | 3): Promise<LabProcess> {
  const keepalived = startKeepalived(lab, host, theirs(version, 100), { vrrpOnly: true });
  await keepalived.waitFor(/Entering BACKUP STATE/, PATIENCE);
  return keepalived;
}
