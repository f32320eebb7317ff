// Debian's keepalived as a unicast peer: versions 2 (with a password) and 3, both roles. Its version has no HMAC; that is shown by keepalived 2.4's packets in test/vrrp/hmac.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip, type Family } from "../../src/core/address.js";
import { milliseconds, seconds, type Milliseconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { startKeepalived } from "../lab/directors.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { hmac, hmacKey, instance, vip } from "../vrrp/ip-packet.js";
import { VrrpChild } from "./vrrp-child.js";

const VIP = "10.98.0.100";
const US = ip("10.98.0.2");
const THEM = ip("10.98.0.3");
/** The same of each family; over IPv6 a link-local address leads the virtual ones. */
const FAMILIES = {
  ipv4: { us: US, them: THEM, vips: [`${VIP}/24`] },
  ipv6: { us: ip("fd00:98::2"), them: ip("fd00:98::3"), vips: ["fe80::98:100/64", "fd00:98::100/64"] },
} as const;
const PASSWORD = "s3cret-7";

type Case = { readonly version: 2 | 3; readonly interval: Milliseconds; readonly family: Family };
const CASES: readonly Case[] = [
  { version: 2, interval: seconds(1), family: "ipv4" },
  { version: 3, interval: milliseconds(100), family: "ipv4" },
  { version: 3, interval: milliseconds(100), family: "ipv6" },
];

const unicast = (family: Family, min = 255): NonNullable<InstanceConfig["unicast"]> => {
  const { us, them } = FAMILIES[family];
  return { peers: [us, them], checkSource: true, ttl: { min, max: 255 } };
};
const ours = ({ version, interval, family }: Case, changes: Partial<InstanceConfig> = {}): InstanceConfig =>
  instance({
    version,
    family,
    advertInterval: interval,
    addresses: FAMILIES[family].vips.map((address) => vip(address)),
    announce: { repeat: 1, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
    unicast: unicast(family),
    ...(version === 2 ? { auth: { kind: "password", password: PASSWORD } } : {}),
    ...changes,
  });

/** Without `unicast_ttl` keepalived 2.2 leaves the hop limit of IPv6 unicast to the kernel, whose default is 64. */
const theirs = ({ version, interval, family }: Case, priority: number, ttl = 255): string => `
global_defs {
  vrrp_version ${version}
}
vrrp_instance web {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int ${interval / 1000}
  unicast_ttl ${ttl}
  unicast_src_ip ${FAMILIES[family].them}
  unicast_peer { ${FAMILIES[family].us} }
  ${version === 2 ? `authentication {\n auth_type PASS\n auth_pass ${PASSWORD}\n }` : ""}
  virtual_ipaddress { ${FAMILIES[family].vips.join("\n")} }
}
`;

for (const one of CASES) {
  const on = one.family === "ipv4" ? "IPv4" : "IPv6";
  const name = `VRRPv${one.version} by unicast over ${on}${one.version === 2 ? " with a password" : ""}`;
  const patience = seconds(5 + (6 * one.interval) / 1000);

  test(`${name}: keepalived obeys us, and takes over when we leave`, () =>
    withHosts(async ({ lab, us, them }) => {
      const child = new VrrpChild(us);
      await child.configure([ours(one, { priority: 150 })]);
      await child.waitForState("master", patience);
      const keepalived = startKeepalived(lab, them, theirs(one, 100), { vrrpOnly: true });
      await keepalived.waitFor(/Entering BACKUP STATE/, patience);
      await pause(5 * one.interval);
      assert.doesNotMatch(keepalived.text, /Entering MASTER/);
      await child.stop();
      await keepalived.waitFor(/Entering MASTER STATE/, patience);
      await keepalived.stop();
    }));

  test(`${name}: we obey keepalived, and take over when it dies`, () =>
    withHosts(async ({ lab, us, them }) => {
      const keepalived = startKeepalived(lab, them, theirs(one, 150), { vrrpOnly: true });
      await keepalived.waitFor(/Entering MASTER STATE/, patience);
      const child = new VrrpChild(us);
      await child.configure([ours(one)]);
      await child.waitForState("backup");
      await pause(5 * one.interval);
      const heard = await child.instance();
      assert.equal(heard.state, "backup");
      assert.equal(heard.master?.address, FAMILIES[one.family].them);
      assert.deepEqual(heard.rejected, {});
      them.killAll();
      const takeover = await child.waitForState("master", patience);
      assert.equal(takeover.reason.kind, "master-silent");
      await child.stop();
    }));
}

test("another password is refused, counted and named; neither of them is in what is said", () =>
  withHosts(async ({ lab, us, them }) => {
    const [one] = CASES as readonly [Case, ...Case[]];
    const keepalived = startKeepalived(lab, them, theirs(one, 150), { vrrpOnly: true });
    await keepalived.waitFor(/Entering MASTER STATE/, seconds(10));
    const child = new VrrpChild(us);
    await child.configure([ours(one, { auth: { kind: "password", password: "0therone" } })]);
    const rejected = await child.waitForEvent("vrrp-rejected");
    assert.equal(rejected.reject, "auth");
    assert.equal(rejected.sender, THEM);
    assert.equal((await child.instance()).auth, "password");
    const said = JSON.stringify([child.events, await child.status(), child.output]);
    assert.ok(!said.includes(PASSWORD) && !said.includes("0therone"));
    await child.stop();
    await keepalived.stop();
  }));

for (const one of CASES.slice(1))
  test(`a peer behind routers is heard when the least TTL allows it: ${one.family}`, () =>
    withHosts(async ({ lab, us, them }) => {
      // As if three routers lay between.
      const keepalived = startKeepalived(lab, them, theirs(one, 150, 252), { vrrpOnly: true });
      await keepalived.waitFor(/Entering MASTER STATE/, seconds(10));
      const child = new VrrpChild(us);
      await child.configure([ours(one)]);
      const rejected = await child.waitForEvent("vrrp-rejected");
      assert.equal(rejected.reject, "ttl");
      const name = one.family === "ipv4" ? "TTL" : "hop limit";
      assert.equal(rejected.detail, `${name} 252, not 255: it may have crossed a router`);
      await child.configure([ours(one, { unicast: unicast(one.family, 252) })]);
      await child.waitForState("backup", seconds(5));
      await pause(1000);
      assert.equal((await child.instance()).master?.address, FAMILIES[one.family].them);
      await child.stop();
      await keepalived.stop();
    }));

test("two of us sign their adverts on the wire, and hear each other alone", () =>
  withHosts(async ({ us, them }) => {
    const [, three] = CASES as readonly [Case, Case, Case];
    const first = new VrrpChild(us);
    const second = new VrrpChild(them);
    await first.configure([ours(three, { priority: 150, auth: hmac() })]);
    await first.waitForState("master", seconds(8));
    await second.configure([ours(three, { auth: hmac() })]);
    await pause(2000);
    const heard = await second.instance();
    assert.equal(heard.state, "backup");
    assert.equal(heard.master?.priority, 150);
    assert.ok(heard.adverts_received > 10);
    assert.deepEqual(heard.rejected, {});
    await second.configure([ours(three, { auth: hmac({ keys: [hmacKey(2)], send: 2 }) })]);
    const rejected = await second.waitForEvent("vrrp-rejected");
    assert.equal(rejected.detail, "signed with key 1, and we have 2");
    const said = JSON.stringify([second.events, await second.status(), second.output]);
    assert.ok(!said.includes(hmacKey(2).hex) && !said.includes(hmacKey(1).hex));
    await first.stop();
    await second.stop();
  }));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Hosts = { readonly lab: Lab; readonly us: Host; readonly them: Host };

async function withHosts(run: (hosts: Hosts) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [us, them] = lab.hosts("us", "them");
    const bridge = lab.bridge("br");
    // Duplicate address detection would keep both away from their addresses for a second or two.
    for (const host of [us, them]) host.sysctl({ "net.ipv6.conf.default.dad_transmits": 0 });
    const { ipv6 } = FAMILIES;
    lab.plug(bridge, [
      { host: us, interface: "eth0", addresses: [`${US}/24`, `${ipv6.us}/64`] },
      { host: them, interface: "eth0", addresses: [`${THEM}/24`, `${ipv6.them}/64`] },
    ]);
    await run({ lab, us, them });
  } finally {
    lab.close();
  }
}
