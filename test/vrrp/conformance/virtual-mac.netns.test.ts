// The rules of the virtual MAC address, with `virtual-mac`: a pair of directors in both families as another host sees
// them, recorded once, and each item looks at the record.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { milliseconds, seconds } from "../../../src/core/units.js";
import type { InstanceConfig } from "../../../src/vrrp/instance.js";
import { VrrpChild } from "../../interop/vrrp-child.js";
import type { Host } from "../../lab/host.js";
import { Lab } from "../../lab/lab.js";
import { Trace } from "../../lab/trace.js";
import { until } from "../../lab/wait.js";
import { instance, vip } from "../ip-packet.js";
import { acceptsAt, Evidence, macOf, pings } from "./evidence.js";
import { item } from "./item.js";

const PATIENCE = seconds(30);
const VIP = "10.98.0.100";
const VIP6 = "fd00:98::100";
const LINK_LOCAL_VIP = "fe80::98:100";
const [LINK, LINK6] = ["vrrp.51", "vrrp6.51"];
const [MAC, MAC6] = ["00:00:5e:00:01:33", "00:00:5e:00:02:33"];
const [FAR, FURTHER] = ["10.99.0.2", "10.99.0.3"];

const instances = (priority: number): InstanceConfig[] => {
  const announce = { repeat: 3, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 };
  const common = { priority, advertInterval: milliseconds(100), announce };
  return [
    instance({
      ...common,
      name: "four",
      virtualMac: { name: LINK, adverts: "virtual" },
      addresses: [vip(`${VIP}/24`, LINK)],
    }),
    instance({
      ...common,
      name: "six",
      family: "ipv6",
      virtualMac: { name: LINK6, adverts: "virtual" },
      addresses: [vip(`${VIP6}/64`, LINK6), vip(`${LINK_LOCAL_VIP}/64`, LINK6)],
    }),
  ];
};

const lab = new Lab();
let evidence: Evidence;
let physical: { readonly a: string; readonly b: string };
/** What was seen while the first director was master. */
let found: {
  readonly links: Record<"a" | "b", string>;
  readonly macs: readonly string[];
  readonly addresses: string;
  readonly forwarded: boolean;
  readonly viaOwnLink: boolean;
  readonly proxied: string;
  readonly byMaster: boolean;
  readonly byBackup: boolean;
};

async function allAre(child: VrrpChild, state: string): Promise<void> {
  await until(`all instances to be ${state}`, PATIENCE, async () => {
    const { instances: all } = await child.status();
    return all.length === 2 && all.every((one) => one.state === state && (state === "master" || one.master));
  });
}

before(async () => {
  const [a, b, observer, far] = lab.hosts("a", "b", "o", "far");
  for (const one of [a, b, observer]) one.sysctl({ "net.ipv6.conf.default.dad_transmits": 0 });
  const bridge = lab.bridge("br");
  lab.plug(bridge, [
    { host: a, interface: "eth0", addresses: ["10.98.0.2/24", "fd00:98::2/64"] },
    { host: b, interface: "eth0", addresses: ["10.98.0.3/24", "fd00:98::3/64"] },
    { host: observer, interface: "eth0", addresses: ["10.98.0.9/24", "fd00:98::9/64"] },
  ]);
  lab.cable(a, "eth1", far, "eth0");
  a.ip("address add 10.99.0.1/24 dev eth1");
  far.ip(
    `address add ${FAR}/24 dev eth0`,
    `address add ${FURTHER}/24 dev eth0`,
    "route add default via 10.99.0.1",
  );
  observer.ip(`route add ${FAR}/32 via ${VIP}`);
  for (const one of [a, b]) one.sysctl({ "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1 });
  physical = { a: macOf(a), b: macOf(b) };
  const trace = await Trace.start(lab, observer, "ip proto 112 or ip6 proto 112 or arp or icmp6 or icmp");
  const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
  await first.configure(instances(150));
  await allAre(first, "master");
  await second.configure(instances(100));
  await allAre(second, "backup");
  await until("an answer of the master", PATIENCE, () => pings(observer, VIP) && pings(observer, VIP6));
  found = await look(a, b, observer, bridge);
  await first.stop();
  await allAre(second, "master");
  await until("an answer of the other", PATIENCE, () => pings(observer, VIP) && pings(observer, VIP6));
  await trace.stop();
  await second.stop();
  evidence = new Evidence(trace, observer);
});
after(() => lab.close());

async function look(a: Host, b: Host, observer: Host, bridge: Host): Promise<typeof found> {
  const linksOf = (one: Host): string =>
    [LINK, LINK6].map((name) => one.run("ip", "-o", "link", "show", "dev", name)).join("");
  const links = { a: linksOf(a), b: linksOf(b) };
  const macs = [macOf(a, LINK), macOf(a, LINK6)];
  const addresses = [LINK, LINK6].map((name) => a.run("ip", "-o", "address", "show", "dev", name)).join("");
  const forwarded = pings(observer, FAR);
  const byMaster = acceptsAt(observer, VIP, MAC) && acceptsAt(observer, VIP6, MAC6);
  // To another host on the same link, by way of the master.
  observer.ip(`route add 10.98.0.3/32 via ${VIP}`);
  const viaOwnLink = pings(observer, "10.98.0.3");
  observer.ip(`route delete 10.98.0.3/32 via ${VIP}`);
  a.sysctl({ [`net/ipv4/conf/${LINK}/proxy_arp`]: 1 });
  observer.ip(`route add ${FURTHER}/32 dev eth0`);
  await until("an answer through the proxy", PATIENCE, () => pings(observer, FURTHER));
  const proxied = observer.run("ip", "neighbour", "show", FURTHER);
  a.sysctl({ [`net/ipv4/conf/${LINK}/proxy_arp`]: 0 });
  // The switch is made to deliver to the backup what is for the virtual MAC addresses.
  const deliver = (what: "replace" | "delete"): void => {
    for (const mac of [MAC, MAC6])
      bridge.run("bridge", "fdb", what, mac, "dev", "b-eth0", "master", "static", "sticky");
  };
  deliver("replace");
  const byBackup = acceptsAt(observer, VIP, MAC) || acceptsAt(observer, VIP6, MAC6) || pings(observer, FAR);
  deliver("delete");
  return { links, macs, addresses, forwarded, viaOwnLink, proxied, byMaster, byBackup };
}

item("X01", "IPv4 adverts come from the virtual MAC address, IPv6 ones from the interface's", () => {
  assert.deepEqual(evidence.distinct("vrrp && ip", "eth.src"), [MAC]);
  assert.deepEqual(evidence.distinct("vrrp && ipv6", "eth.src"), [physical.a, physical.b]);
});
item("X02", "the links of both families have it", () => {
  assert.deepEqual(found.macs, [MAC, MAC6]);
});
item("X03", "the links have the virtual addresses alone, and none that the kernel has made", () => {
  const on = [...found.addresses.matchAll(/inet6? (\S+)\//g)].map(([, address]) => address);
  assert.deepEqual(on.sort(), [VIP, VIP6, LINK_LOCAL_VIP].sort());
});
item(
  "X04",
  "a packet that comes in by the virtual MAC address and leaves on the same link causes none",
  () => {
    assert.equal(found.viaOwnLink, true);
    assert.equal(evidence.count("icmp.type == 5 || icmpv6.type == 137"), 0);
  },
);
item("X05", "no announcement of either director has another MAC address than the virtual one", () => {
  const claims = `arp.src.proto_ipv4 == ${VIP} && arp.isgratuitous`;
  assert.deepEqual(evidence.distinct(claims, "eth.src"), [MAC]);
  assert.deepEqual(evidence.distinct(claims, "arp.src.hw_mac"), [MAC]);
  const claims6 = "icmpv6.type == 136 && ipv6.dst == ff02::1";
  assert.deepEqual(evidence.distinct(claims6, "icmpv6.opt.linkaddr"), [MAC6]);
});
item("X06", "the kernel's answer for another's address, with `proxy_arp` on the link", () => {
  assert.match(found.proxied, new RegExp(MAC));
});
item("X10", "what is for an address is the master's own, so it never sends it on", () => {
  assert.equal(found.byMaster, true);
});
item("A01", "with the virtual MAC address, of either master", () => {
  const answers = `arp.opcode == 2 && arp.src.proto_ipv4 == ${VIP} && !arp.isgratuitous`;
  assert.deepEqual(evidence.distinct(answers, "arp.src.hw_mac"), [MAC]);
});
item("A02", "with the virtual MAC address, of either master", () => {
  const answers = `icmpv6.nd.na.target_address == ${VIP6} && icmpv6.nd.na.flag.s == 1`;
  assert.deepEqual(evidence.distinct(answers, "eth.src"), [MAC6]);
});
item("A04", "a packet to a network behind the master, sent to the virtual MAC address", () => {
  assert.equal(found.forwarded, true);
});
item(
  "B04",
  "the links of a backup are off; what a switch delivers to it is neither answered nor forwarded",
  () => {
    for (const line of found.links.b.trim().split("\n")) assert.doesNotMatch(line, /[<,]UP[,>]/);
    for (const line of found.links.a.trim().split("\n")) assert.match(line, /[<,]UP[,>]/);
    assert.equal(found.byBackup, false);
  },
);
item("D02", "with it clients keep one MAC address for the virtual one over a takeover", () => {
  assert.deepEqual(evidence.distinct(`icmp.type == 0 && ip.src == ${VIP} && eth.dst != ${MAC}`, "ip.src"), [
    VIP,
  ]);
  assert.deepEqual(evidence.distinct(`icmp.type == 8 && ip.dst == ${VIP}`, "eth.dst"), [MAC]);
});
