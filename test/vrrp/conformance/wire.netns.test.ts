// What the pure tests cannot show: packets as another host sees them, and what the kernel does for a master and for
// a backup. One pair of directors, a master that stops and a backup that takes over, in both families; everything is
// recorded once, and each item looks at the record.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { ip, type IpAddress, type MacAddress } from "../../../src/core/address.js";
import { milliseconds, seconds } from "../../../src/core/units.js";
import { native } from "../../../src/linux/native.js";
import { PacketSocket } from "../../../src/linux/packet-socket.js";
import type { InstanceConfig } from "../../../src/vrrp/instance.js";
import { unsolicitedAdvertisement } from "../../../src/vrrp/nd.js";
import { VrrpChild } from "../../interop/vrrp-child.js";
import type { Host } from "../../lab/host.js";
import { Lab } from "../../lab/lab.js";
import { Trace } from "../../lab/trace.js";
import { until } from "../../lab/wait.js";
import { inNamespace } from "../../linux/own-namespaces.js";
import { instance, vip } from "../ip-packet.js";
import { acceptsAt, Evidence, isSet, macOf, pings } from "./evidence.js";
import { item } from "./item.js";

const PATIENCE = seconds(30);
const [A, B] = ["10.98.0.2", "10.98.0.3"];
const VIP = "10.98.0.100";
const VIP6 = "fd00:98::100";
const LINK_LOCAL_VIP = "fe80::98:100";
/** ff02::1:ff00:0 and the last three bytes of the address (RFC 4291 section 2.7.1). */
const SOLICITED_NODE = ["ff02::1:ff00:100", "ff02::1:ff98:100"];
const FAR = "10.99.0.2";

const instances = (priority: number, accept = true): InstanceConfig[] => {
  const announce = { repeat: 3, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 };
  const common = { priority, accept, advertInterval: milliseconds(100), announce };
  return [
    instance({ ...common, name: "four", addresses: [vip(`${VIP}/24`)] }),
    instance({
      ...common,
      name: "six",
      family: "ipv6",
      addresses: [vip(`${VIP6}/64`), vip(`${LINK_LOCAL_VIP}/64`)],
    }),
    instance({
      ...common,
      name: "two",
      version: 2,
      virtualRouterId: 52,
      advertInterval: seconds(1),
      addresses: [vip("10.98.0.102/24")],
    }),
  ];
};

const lab = new Lab();
let evidence: Evidence;
/** Of the directors' interfaces. */
let mac: { readonly a: string; readonly b: string };
let linkLocal: string;
/** What was seen while `a` was master: the groups of both, and which questions were answered. */
let groups: { readonly a: string; readonly b: string };
/** What the master had on its interface. */
let addresses: string;
/** A MAC address that nobody has, and what a director knew of the observer after it was told of it. */
const STRANGER = "02:00:00:00:00:99" as MacAddress;
let learnt: string;
/** The same with `accept: false`: pings, and whether ARP and neighbour discovery find the addresses all the same. */
let unaccepted: { readonly pings: readonly boolean[]; readonly found: boolean };
let answered: Record<"four" | "six" | "forwarded" | "byMaster" | "byBackup" | "byVirtualMac", boolean>;

async function allAre(child: VrrpChild, state: string): Promise<void> {
  await until(`all instances to be ${state}`, PATIENCE, async () => {
    const { instances: all } = await child.status();
    return all.length === 3 && all.every((one) => one.state === state && (state === "master" || one.master));
  });
}

before(async () => {
  const [a, b, observer, far] = lab.hosts("a", "b", "o", "far");
  for (const one of [a, b, observer]) one.sysctl({ "net.ipv6.conf.default.dad_transmits": 0 });
  const bridge = lab.bridge("br");
  lab.plug(bridge, [
    { host: a, interface: "eth0", addresses: [`${A}/24`, "10.98.0.22/24", "fd00:98::2/64"] },
    { host: b, interface: "eth0", addresses: [`${B}/24`, "fd00:98::3/64"] },
    { host: observer, interface: "eth0", addresses: ["10.98.0.9/24", "fd00:98::9/64"] },
  ]);
  lab.cable(a, "eth1", far, "eth0");
  a.ip("address add 10.99.0.1/24 dev eth1");
  far.ip(`address add ${FAR}/24 dev eth0`, "route add default via 10.99.0.1");
  observer.ip(`route add 10.99.0.0/24 via ${VIP}`);
  // Directors are routers.
  for (const one of [a, b]) one.sysctl({ "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1 });
  mac = { a: macOf(a), b: macOf(b) };
  const trace = await Trace.start(lab, observer, "ip proto 112 or ip6 proto 112 or arp or icmp6");
  const [first, second] = [new VrrpChild(a), new VrrpChild(b)];
  await first.configure(instances(150));
  await allAre(first, "master");
  await second.configure(instances(100));
  await allAre(second, "backup");
  linkLocal = (await second.instance("six")).master?.address ?? "";
  const groupsOf = (one: Host): string => one.run("ip", "-6", "maddress", "show", "dev", "eth0");
  groups = { a: groupsOf(a), b: groupsOf(b) };
  answered = {
    four: pings(observer, VIP),
    six: pings(observer, VIP6),
    forwarded: pings(observer, FAR),
    byMaster: acceptsAt(observer, VIP, mac.a) && acceptsAt(observer, VIP6, mac.a),
    byBackup: acceptsAt(observer, VIP, mac.b) || acceptsAt(observer, VIP6, mac.b),
    byVirtualMac: acceptsAt(observer, VIP, "00:00:5e:00:01:33"),
  };
  await first.configure(instances(150, false));
  observer.run("ip", "neighbour", "flush", "dev", "eth0");
  unaccepted = {
    pings: [VIP, VIP6, A].map((address) => pings(observer, address)),
    found: [VIP, VIP6].every((address) =>
      observer.run("ip", "neighbour", "show", address).includes(`lladdr ${mac.a}`),
    ),
  };
  await first.configure(instances(150));
  addresses = a.run("ip", "-6", "address", "show", "dev", "eth0");
  await first.stop();
  await allAre(second, "master");
  assert.ok(pings(b, "fd00:98::9"));
  advertise(observer, STRANGER, ip("fd00:98::9"));
  learnt = await until("the neighbour entry", PATIENCE, () => {
    const entry = b.run("ip", "-6", "neighbour", "show", "fd00:98::9");
    return entry.includes(STRANGER) && entry;
  });
  await trace.stop();
  await second.stop();
  evidence = new Evidence(trace, observer);
});
after(() => lab.close());

/** Sends an unsolicited neighbour advertisement. */
function advertise(host: Host, as: MacAddress, address: IpAddress): void {
  inNamespace(host.namespace, () => {
    const socket = PacketSocket.open(() => undefined);
    assert.ok(socket.ok);
    const frame = { ifindex: native.ifIndex("eth0"), bytes: unsolicitedAdvertisement(as, address) };
    assert.equal(socket.value.sendFrames([frame]), 1);
    socket.value.close();
  });
}

item("P01", "the first address of two", () => {
  assert.deepEqual(evidence.distinct(`vrrp && ip && eth.src == ${mac.a}`, "ip.src"), [A]);
});
item("P02", "every IPv4 advert", () => {
  assert.deepEqual(evidence.distinct("vrrp && ip", "ip.dst"), ["224.0.0.18"]);
});
item("P03", "every IPv4 advert", () => {
  assert.deepEqual(evidence.distinct("vrrp && ip", "ip.ttl"), ["255"]);
});
item("P04", "every IPv4 advert", () => {
  assert.deepEqual(evidence.distinct("vrrp && ip", "ip.proto"), ["112"]);
});
item("P05", "the link-local one of two, and no virtual one", () => {
  assert.match(linkLocal, /^fe80::/);
  assert.deepEqual(evidence.distinct(`vrrp && ipv6 && eth.src == ${mac.a}`, "ipv6.src"), [linkLocal]);
});
item("P06", "every IPv6 advert", () => {
  assert.deepEqual(evidence.distinct("vrrp && ipv6", "ipv6.dst"), ["ff02::12"]);
});
item("P07", "every IPv6 advert", () => {
  assert.deepEqual(evidence.distinct("vrrp && ipv6", "ipv6.hlim"), ["255"]);
});
item("P08", "every IPv6 advert", () => {
  assert.deepEqual(evidence.distinct("vrrp && ipv6", "ipv6.nxt"), ["112"]);
});
item("P09", "3, and 2 of the instance of version 2", () => {
  assert.deepEqual(evidence.distinct("vrrp.virt_rtr_id == 51", "vrrp.version"), ["3"]);
  assert.deepEqual(evidence.distinct("vrrp.virt_rtr_id == 52", "vrrp.version"), ["2"]);
});
item("P15", "100 ms are 10 hundredths", () => {
  assert.deepEqual(evidence.distinct("vrrp.virt_rtr_id == 51", "vrrp.short_adver_int"), ["10"]);
});
item("P16", "1 s is 1", () => {
  assert.deepEqual(evidence.distinct("vrrp.virt_rtr_id == 52", "vrrp.adver_int"), ["1"]);
});
item("P18", "tshark finds no checksum that is wrong, in any version or family", () => {
  assert.ok(evidence.count("vrrp && ipv6") > 0);
  assert.equal(evidence.count("vrrp && _ws.expert.severity >= 0x00400000"), 0);
});
item("P22", "the link-local address first", () => {
  assert.deepEqual(evidence.distinct("vrrp && ipv6", "vrrp.ipv6_addr"), [`${LINK_LOCAL_VIP},${VIP6}`]);
});
item("P23", "every advert of version 2", () => {
  assert.deepEqual(evidence.distinct("vrrp.virt_rtr_id == 52", "vrrp.auth_type"), ["0"]);
});

item("B01", "the master's MAC address alone answers, as long as it is master", () => {
  const [end] = evidence.seen("vrrp.virt_rtr_id == 51 && ip && vrrp.prio == 0", "frame.number");
  const answers = `arp.opcode == 2 && arp.src.proto_ipv4 == ${VIP} && frame.number < ${end?.[0] ?? ""}`;
  assert.deepEqual(evidence.distinct(answers, "eth.src"), [mac.a]);
});
item("B02", "the backup is in none of the solicited-node groups, and the master alone answers", () => {
  for (const group of SOLICITED_NODE) assert.ok(!groups.b.includes(`${group}\n`), group);
  const answers = `icmpv6.type == 136 && icmpv6.nd.na.target_address == ${VIP6} && icmpv6.nd.na.flag.s == 1`;
  assert.deepEqual(evidence.distinct(answers, "eth.src"), [mac.a]);
});
item("B03", "no router advertisement of any director", () => {
  assert.equal(evidence.count("icmpv6.type == 134"), 0);
});
item("B04", "without `virtual-mac` no director takes frames to it", () => {
  assert.equal(answered.byVirtualMac, false);
});
item("B05", "a packet that is sent to its MAC address all the same is not taken; the master takes it", () => {
  assert.deepEqual([answered.byMaster, answered.byBackup], [true, false]);
});
item("B07", "the first thing that the new master sends is its advert, then three announcements", () => {
  const [first, ...others] = evidence.seen(
    `eth.src == ${mac.b} && ((vrrp.virt_rtr_id == 51 && ip) || (arp.src.proto_ipv4 == ${VIP} && arp.isgratuitous))`,
    "vrrp.prio",
    "arp.src.proto_ipv4",
  );
  assert.deepEqual(first, ["100", ""]);
  assert.deepEqual(
    others.slice(0, 3).map(([, address]) => address),
    [VIP, VIP, VIP],
  );
});
item("B08", "the flags, the hop limit and the MAC address of each announcement", () => {
  for (const target of [VIP6, LINK_LOCAL_VIP]) {
    const claims = evidence.seen(
      `eth.src == ${mac.b} && ipv6.dst == ff02::1 && icmpv6.nd.na.target_address == ${target}`,
      "ipv6.hlim",
      "icmpv6.nd.na.flag.r",
      "icmpv6.nd.na.flag.s",
      "icmpv6.nd.na.flag.o",
      "icmpv6.opt.linkaddr",
    );
    assert.equal(claims.length, 3);
    for (const [hops, r, s, o, lladdr] of claims)
      assert.deepEqual([hops, isSet(r), isSet(s), isSet(o), lladdr], ["255", true, false, true, mac.b]);
  }
});

item("A01", "the master answers, and with one MAC address", () => {
  assert.equal(answered.four, true);
  const answers = `arp.opcode == 2 && arp.src.proto_ipv4 == ${VIP} && eth.src == ${mac.a}`;
  assert.deepEqual(evidence.distinct(answers, "arp.src.hw_mac"), [mac.a]);
});
item("A02", "the master answers, with the router flag where the host forwards", () => {
  assert.equal(answered.six, true);
  const answers = `icmpv6.nd.na.target_address == ${VIP6} && icmpv6.nd.na.flag.s == 1 && eth.src == ${mac.a}`;
  for (const [r, lladdr] of evidence.seen(answers, "icmpv6.nd.na.flag.r", "icmpv6.opt.linkaddr"))
    assert.deepEqual([isSet(r), lladdr], [true, mac.a]);
});
item("A03", "the kernel lists them", () => {
  for (const group of SOLICITED_NODE) assert.ok(groups.a.includes(`${group}\n`), group);
});
item("A04", "a packet to a network behind the master, by way of the address", () => {
  assert.equal(answered.forwarded, true);
});
item("A05", "a ping to each family's address is answered", () => {
  assert.deepEqual([answered.four, answered.six], [true, true]);
});
item(
  "D08",
  "with it no ping to a virtual address is answered, without it each; neighbours find both all the same",
  () => {
    assert.deepEqual([answered.four, answered.six], [true, true]);
    assert.deepEqual(unaccepted, { pings: [false, false, true], found: true });
  },
);
item("A06", "one advert of priority 0 of each instance", () => {
  const resigned = evidence.seen(`vrrp.prio == 0 && eth.src == ${mac.a}`, "vrrp.virt_rtr_id", "vrrp.version");
  assert.equal(resigned.length, 3);
});
item("A07", "no gap between two adverts is longer than three intervals", () => {
  const times = evidence
    .seen(`vrrp.virt_rtr_id == 51 && ip && eth.src == ${mac.a}`, "frame.time_epoch")
    .map(([time]) => Number(time));
  for (const [i, time] of times.slice(1).entries()) assert.ok(time - times[i]! < 0.3);
});

item("X01", "version, fields and checksum, as tshark reads them", () => {
  assert.equal(evidence.count("vrrp && _ws.expert.severity >= 0x00400000"), 0);
  assert.deepEqual(evidence.distinct("vrrp.virt_rtr_id == 51 && ip", "vrrp.ip_addr"), [VIP]);
});
item(
  "X09",
  "the kernel of a director takes an unsolicited advertisement of a neighbour that it knows",
  () => {
    assert.match(learnt, new RegExp(STRANGER));
  },
);
item("X13", "every announcement has the MAC address of the director's interface", () => {
  const claims = `arp.src.proto_ipv4 == ${VIP} && arp.isgratuitous`;
  assert.deepEqual(evidence.distinct(claims, "arp.src.hw_mac"), [mac.a, mac.b]);
});
item("X14", "a broadcast request, from and for the address", () => {
  const claims = `arp.src.proto_ipv4 == ${VIP} && arp.isgratuitous`;
  for (const field of ["eth.dst", "arp.opcode", "arp.dst.proto_ipv4"])
    assert.deepEqual(
      evidence.distinct(claims, field),
      [{ "eth.dst": "ff:ff:ff:ff:ff:ff", "arp.opcode": "1" }[field] ?? VIP],
      field,
    );
});
item("X15", "no address of the master waits for duplicate address detection", () => {
  assert.match(addresses, /inet6 fd00:98::100\/64/);
  assert.doesNotMatch(addresses, /tentative|dadfailed/);
});
