// tshark on everything that vipd sends: each kind of packet is there, and none earns a warning. Signed adverts are left
// out: Wireshark does not know keepalived's authenticator, and takes it for part of the checksum.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { Lab } from "../lab/lab.js";
import { Trace } from "../lab/trace.js";
import { until } from "../lab/wait.js";
import { instance, vip } from "../vrrp/ip-packet.js";
import { VrrpChild } from "./vrrp-child.js";

const PATIENCE = seconds(30);
const unicast = { peers: [ip("10.98.0.9")], checkSource: true, ttl: { min: 255, max: 255 } };
const announce = { repeat: 2, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 };

/** One instance for each kind of advert; the router-id is what tells them apart in the capture. */
const INSTANCES: readonly InstanceConfig[] = (
  [
    { name: "v2", version: 2 },
    { name: "v2 password", version: 2, auth: { kind: "password", password: "s3cret-7" } },
    { name: "v2 unicast", version: 2, unicast },
    { name: "v3" },
    { name: "v3 unicast", unicast },
    { name: "v3 virtual MAC", virtualMac: { name: "vrrp.6", adverts: "virtual" } },
    { name: "v3 IPv6", family: "ipv6" },
    { name: "v3 IPv6 virtual MAC", family: "ipv6", virtualMac: { name: "vrrp6.8", adverts: "virtual" } },
  ] as const satisfies readonly Partial<InstanceConfig>[]
).map((changes: Partial<InstanceConfig>, i) => {
  const id = String(i + 1);
  const device = changes.virtualMac?.name ?? "eth0";
  const addresses =
    changes.family === "ipv6"
      ? [vip(`fe80::98:${id}/64`, device), vip(`fd00:98::1:${id}/64`, device)]
      : [vip(`10.98.0.10${id}/24`, device)];
  return instance({ virtualRouterId: i + 1, advertInterval: seconds(1), addresses, announce, ...changes });
});
/** tshark judges one of the checksums of version 3 over IPv4 in a run: this one in a run of its own. */
const RFC9568 = instance({
  name: "v3 RFC 9568",
  virtualRouterId: 20,
  checksum: "rfc9568",
  addresses: [vip("10.98.0.120/24")],
  announce,
});

test("tshark has no warning about any kind of packet that we send", async () => {
  const lab = new Lab();
  try {
    const [us, observer] = lab.hosts("us", "o");
    for (const host of [us, observer]) host.sysctl({ "net.ipv6.conf.default.dad_transmits": 0 });
    const bridge = lab.bridge("br");
    lab.plug(bridge, [
      { host: us, interface: "eth0", addresses: ["10.98.0.2/24", "fd00:98::2/64"] },
      { host: observer, interface: "eth0", addresses: ["10.98.0.9/24", "fd00:98::9/64"] },
    ]);
    const trace = await Trace.start(lab, observer, "ip proto 112 or ip6 proto 112 or arp or icmp6");
    const child = new VrrpChild(us);
    await child.configure([...INSTANCES, RFC9568]);
    await until("all to be master", PATIENCE, async () =>
      (await child.status()).instances.every(({ state }) => state === "master"),
    );
    // The questions who else has the addresses go out after the announcements.
    await new Promise((resolve) => setTimeout(resolve, seconds(1.5)));
    await child.stop();
    await trace.stop();

    const count = (filter: string): number => trace.rows(observer, filter, "frame.number").length;
    const adverts = trace.rows(observer, "vrrp", "vrrp.virt_rtr_id", "vrrp.prio").map((row) => row.join(" "));
    for (const { name, virtualRouterId, priority } of [...INSTANCES, RFC9568])
      for (const said of [priority, 0])
        assert.ok(adverts.includes(`${String(virtualRouterId)} ${String(said)}`), `${name}, ${String(said)}`);
    const kinds = {
      password: "vrrp.auth_type == 1",
      unicast: "vrrp && ip.dst == 10.98.0.9",
      "virtual MAC": "vrrp && eth.src == 00:00:5e:00:01:06",
      // Adverts over IPv6 come from the interface's own (docs/adr/0015).
      "virtual MAC over IPv6": "icmpv6.type == 136 && icmpv6.opt.linkaddr == 00:00:5e:00:02:08",
      "gratuitous ARP": "arp.isgratuitous",
      "ARP probe":
        "arp.opcode == 1 && arp.src.proto_ipv4 != arp.dst.proto_ipv4 && arp.dst.proto_ipv4 == 10.98.0.104",
      "neighbour advertisement": "icmpv6.type == 136 && ipv6.dst == ff02::1",
      "neighbour solicitation": "icmpv6.type == 135 && icmpv6.nd.ns.target_address == fd00:98::1:7",
    };
    for (const [kind, filter] of Object.entries(kinds)) assert.ok(count(filter) > 0, kind);

    const warned = trace.warnings(observer);
    const other = trace.rows(
      observer,
      `vrrp.virt_rtr_id == ${String(RFC9568.virtualRouterId)}`,
      "frame.number",
    );
    const others = new Set(other.map(([frame]) => frame));
    assert.deepEqual(
      warned.filter(([frame]) => !others.has(frame)),
      [],
    );
    // With the other preference, the adverts after RFC 9568 are the right ones.
    const words = ["-o", "vrrp.v3_checksum_as_in_v2:TRUE", "-Y", "vrrp.virt_rtr_id == 20", "-T", "fields"];
    const status = observer.run("tshark", "-r", trace.path, ...words, "-e", "vrrp.checksum.status");
    assert.match(status, /^(?:1\n)+$/);
  } finally {
    lab.close();
  }
});
