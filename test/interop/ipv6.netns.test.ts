// IPv6 on real sockets, vipd against itself: a third host whose neighbour table is led to the new master, what tshark
// says of the packets, and what is refused. Other implementations: matrix.netns.test.ts.

import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { AF, IPPROTO, IPV6, SOCK, SOL } from "../../src/linux/constants.js";
import { native } from "../../src/linux/native.js";
import { sockaddrIp } from "../../src/linux/sockaddr.js";
import { encodeAdvert, VRRP_GROUPS } from "../../src/vrrp/packet.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { Trace } from "../lab/trace.js";
import { until } from "../lab/wait.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { VrrpChild } from "./vrrp-child.js";

const VIP = "fd00:98::100";
const LINK_LOCAL_VIP = "fe80::98:100";
const INTERVAL = milliseconds(100);
/** Longer than anything here takes on a busy machine: no test depends on it. */
const PATIENCE = seconds(30);

const ours = (priority: number, addresses = [`${LINK_LOCAL_VIP}/64`, `${VIP}/64`]): InstanceConfig =>
  instance({
    name: "web",
    family: "ipv6",
    priority,
    advertInterval: INTERVAL,
    addresses: addresses.map((address) => vip(address)),
    announce: { repeat: 3, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
  });

type Hosts = { readonly lab: Lab; readonly a: Host; readonly b: Host; readonly observer: Host };

async function withHosts(
  run: (hosts: Hosts) => Promise<void>,
  { checkAddresses = false }: { readonly checkAddresses?: boolean } = {},
): Promise<void> {
  const lab = new Lab();
  try {
    const [a, b, observer] = lab.hosts("a", "b", "o");
    const bridge = lab.bridge("br");
    // Duplicate address detection of the hosts' own addresses takes a second or two; one test waits for it.
    if (!checkAddresses)
      for (const host of [a, b, observer]) host.sysctl({ "net.ipv6.conf.default.dad_transmits": 0 });
    lab.plug(bridge, [
      { host: a, interface: "eth0", addresses: ["fd00:98::2/64"] },
      { host: b, interface: "eth0", addresses: ["fd00:98::3/64"] },
      { host: observer, interface: "eth0", addresses: ["fd00:98::9/64"] },
    ]);
    await run({ lab, a, b, observer });
  } finally {
    lab.close();
  }
}

const holds = (host: Host, address = VIP): boolean =>
  host.run("ip", "-6", "-o", "address", "show", "dev", "eth0").includes(` ${address}/64 `);
const macOf = (host: Host): string => host.run("cat", "/sys/class/net/eth0/address").trim();
const neighbour = (host: Host, address = VIP): string => host.run("ip", "-6", "neigh", "show", address);
/** Empty while the kernel has not confirmed it: also without DAD it is tentative for a moment, and cannot be bound. */
const linkLocalOf = (host: Host): string =>
  /inet6 (fe80:\S+)\/64/.exec(
    host.run("ip", "-6", "-o", "address", "show", "dev", "eth0", "-tentative"),
  )?.[1] ?? "";
/** The host has its link-local address, and can send from it. */
const ready = (...hosts: readonly Host[]): Promise<unknown> =>
  until("link-local addresses", PATIENCE, () => hosts.every((host) => linkLocalOf(host) !== ""));

test("a master that is killed is replaced, a third host is led to the new one, and every packet is as it should be", () =>
  withHosts(async ({ lab, a, b, observer }) => {
    await ready(a, b);
    const source = linkLocalOf(a);
    const trace = await Trace.start(lab, observer, "ip6 proto 112 or icmp6");
    const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
    await first.configure([ours(150)]);
    await first.waitForState("master");
    await second.configure([ours(100)]);
    await second.waitForState("backup");
    await until("the backup hears", PATIENCE, async () => (await second.instance()).master !== null);
    assert.equal((await second.instance()).master?.address, source);
    assert.ok(holds(a) && holds(a, LINK_LOCAL_VIP) && !holds(b));
    assert.doesNotMatch(a.run("ip", "-6", "address", "show", "dev", "eth0"), /tentative|dadfailed/);
    assert.match(a.run("ip", "-6", "route", "get", "fd00:98::9"), / src fd00:98::2 /, "its own address");
    observer.run("ping", "-6", "-c", "1", "-W", "5", VIP);
    assert.match(neighbour(observer), new RegExp(macOf(a)));
    first.signal("SIGKILL");
    const { reason } = await second.waitForState("master", PATIENCE);
    assert.ok(reason.kind === "master-silent" && reason.master_priority === 150);
    await until("the neighbour entry moves", PATIENCE, () => neighbour(observer).includes(macOf(b)));
    assert.match(neighbour(observer), / router /, "with the router flag");
    assert.ok(holds(b) && holds(b, LINK_LOCAL_VIP));
    // The dead process left its addresses behind; the new one finds and removes them.
    const restarted = new VrrpChild(a);
    await restarted.configure([ours(90)]);
    await restarted.waitForEvent("vrrp-stale-address-removed");
    assert.ok(!holds(a) && !holds(a, LINK_LOCAL_VIP));
    await second.stop();
    await restarted.waitForState("master", PATIENCE);
    await restarted.stop();
    await trace.stop();
    assert.deepEqual(trace.warnings(observer), []);
    const adverts = trace.rows(observer, "vrrp", "ipv6.dst", "ipv6.hlim", "ipv6.tclass", "vrrp.ipv6_addr");
    assert.ok(adverts.length > 0);
    for (const row of adverts)
      assert.deepEqual(
        [...row.slice(0, 2), Number(row[2]), row[3]],
        ["ff02::12", "255", 0xc0, `${LINK_LOCAL_VIP},${VIP}`],
      );
    assert.ok(trace.rows(observer, "vrrp.prio == 0", "ipv6.src").length > 0, "a clean stop resigns");
    const claims = trace.rows(
      observer,
      `icmpv6.type == 136 && icmpv6.nd.na.target_address == ${VIP} && ipv6.dst == ff02::1 && eth.src == ${macOf(b)}`,
      "ipv6.hlim",
      "icmpv6.nd.na.flag.r",
      "icmpv6.nd.na.flag.s",
      "icmpv6.nd.na.flag.o",
      "icmpv6.opt.linkaddr",
    );
    assert.ok(claims.length >= 3);
    for (const [hops, r, s, o, mac] of claims)
      assert.deepEqual([hops, isSet(r), isSet(s), isSet(o), mac], ["255", true, false, true, macOf(b)]);
  }));

/** Versions of tshark say "1" or "True". */
const isSet = (text: string | undefined): boolean => text === "1" || text === "True";

test("an instance waits until its interface has a link-local address that is shown to be unique", () =>
  withHosts(
    async ({ a }) => {
      const child = new VrrpChild(a);
      await child.configure([ours(150)]);
      const fault = await child.waitForState("fault");
      assert.deepEqual(fault.reason, { kind: "no-source-address", interface: "eth0", family: "ipv6" });
      await child.waitForState("master", PATIENCE);
      assert.ok(child.transitions().every(({ reason }) => reason.kind !== "action-failed"));
      await child.stop();
    },
    { checkAddresses: true },
  ));

test("a message with hop limit 64 changes nothing, and is counted with its sender", () =>
  withHosts(async ({ a, observer }) => {
    await ready(a, observer);
    const child = new VrrpChild(a);
    await child.configure([ours(100)]);
    await child.waitForState("backup");
    sendAdvert(observer, 64);
    const rejected = await child.waitForEvent("vrrp-rejected");
    assert.equal(rejected.reject, "ttl");
    assert.equal(rejected.sender, linkLocalOf(observer));
    assert.match(rejected.detail, /hop limit 64, not 255/);
    assert.equal((await child.instance()).master, null);
    await child.stop();
  }));

/** An advert of priority 200 from this host, whose link-local address is the source. */
function sendAdvert(host: Host, hops: number): void {
  const source = ip(linkLocalOf(host));
  const carrier = { source, destination: VRRP_GROUPS.ipv6 };
  const advert = { version: 3, virtualRouterId: 51, priority: 200, interval: INTERVAL } as const;
  const bytes = encodeAdvert({ ...advert, addresses: [ip(LINK_LOCAL_VIP)] }, carrier, "rfc5798");
  const home = openSync("/proc/self/ns/net", "r");
  assert.equal(native.setNetns(`/run/netns/${host.namespace}`), 0);
  try {
    const fd = native.socket(AF.INET6, SOCK.RAW, IPPROTO.VRRP);
    native.setsockopt(fd, SOL.IPV6, IPV6.MULTICAST_HOPS, hops);
    assert.equal(native.bind(fd, sockaddrIp(source, 0, native.ifIndex("eth0"))), 0);
    const address = sockaddrIp(VRRP_GROUPS.ipv6, 0, native.ifIndex("eth0"));
    assert.equal(native.send(fd, bytes, 0, address, null), bytes.length);
    native.close(fd);
  } finally {
    assert.equal(native.setNetns(`/proc/self/fd/${home}`), 0);
    closeSync(home);
  }
}

test("another host that has the address answers the question for it, and is named with its MAC", () =>
  withHosts(async ({ a, observer }) => {
    await ready(a);
    observer.ip(`address add ${VIP}/128 dev eth0 nodad`);
    const child = new VrrpChild(a);
    await child.configure([ours(150)]);
    await child.waitForState("master", PATIENCE);
    const conflict = await child.waitForEvent("vrrp-address-conflict");
    assert.equal(conflict.mac, macOf(observer));
    assert.equal(conflict.address, VIP);
    await child.stop();
  }));
