// tshark on everything that vipd sends: each kind of packet is there, and none earns a warning. Wireshark does not know
// keepalived's authenticator, and takes it for part of the checksum: signed adverts are looked at a second time without.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../src/core/address.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { TRAILER_LENGTH } from "../../src/vrrp/packet.js";
import { speaks } from "../../src/vrrp/versions.js";
import { writeCut } from "../lab/cut-trace.js";
import { Lab } from "../lab/lab.js";
import { Trace } from "../lab/trace.js";
import { until } from "../lab/wait.js";
import { hmac, instance, vip } from "../vrrp/ip-packet.js";
import { VrrpChild } from "./vrrp-child.js";

const PATIENCE = seconds(30);
const unicastTo = (peer: string) => ({ peers: [ip(peer)], checkSource: true, ttl: { min: 255, max: 255 } });
const unicast = unicastTo("10.98.0.9");
const auth = { kind: "password", password: "s3cret-7" } as const;
const announce = { repeat: 2, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 };

/** One instance for each kind of advert; the router-id is what tells them apart in the capture. */
const INSTANCES: readonly InstanceConfig[] = (
  [
    { name: "v2", version: 2 },
    { name: "v2 password", version: 2, auth },
    { name: "v2 unicast", version: 2, unicast },
    { name: "v3" },
    { name: "v3 unicast", unicast },
    { name: "v3 virtual MAC", virtualMac: { name: "vrrp.6", adverts: "virtual" } },
    { name: "v3 IPv6", family: "ipv6" },
    { name: "v3 IPv6 virtual MAC", family: "ipv6", virtualMac: { name: "vrrp6.8", adverts: "virtual" } },
    { name: "both versions", version: "2+3" },
    { name: "both versions, password", version: "2+3", auth },
    { name: "both versions, unicast", version: "2+3", unicast },
    {
      name: "both versions, virtual MAC",
      version: "2+3",
      virtualMac: { name: "vrrp.12", adverts: "virtual" },
    },
    { name: "v3 IPv6 unicast", family: "ipv6", unicast: unicastTo("fd00:98::9") },
    { name: "v2 HMAC", version: 2, auth: hmac() },
    { name: "v3 HMAC", auth: hmac() },
    { name: "v3 HMAC unicast", auth: hmac(), unicast },
    { name: "both versions, HMAC", version: "2+3", auth: hmac() },
    { name: "v3 IPv6 HMAC", family: "ipv6", auth: hmac() },
  ] as const satisfies readonly Partial<InstanceConfig>[]
).map((changes: Partial<InstanceConfig>, i) => {
  const id = String(i + 1);
  const device = changes.virtualMac?.name ?? "eth0";
  const addresses =
    changes.family === "ipv6"
      ? [vip(`fe80::98:${id}/64`, device), vip(`fd00:98::1:${id}/64`, device)]
      : [vip(`10.98.0.${String(101 + i)}/24`, device)];
  return instance({ virtualRouterId: i + 1, advertInterval: seconds(1), addresses, announce, ...changes });
});
/** tshark judges one of the checksums of version 3 over IPv4 in a run: this one in a run of its own. */
const isSigned = ({ auth: how }: InstanceConfig): boolean => how?.kind === "hmac";
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
    const fields = ["vrrp.virt_rtr_id", "vrrp.version", "vrrp.prio"];
    const adverts = trace.rows(observer, "vrrp", ...fields).map((row) => row.join(" "));
    for (const { name, virtualRouterId, version, priority } of [...INSTANCES, RFC9568])
      for (const spoken of [2, 3] as const)
        for (const said of [priority, 0]) {
          const advert = [virtualRouterId, spoken, said].join(" ");
          assert.equal(adverts.includes(advert), speaks(version, spoken), `${name}: ${advert}`);
        }
    const kinds = {
      password: "vrrp.auth_type == 1",
      "password beside version 3": "vrrp.auth_type == 1 && vrrp.virt_rtr_id == 10",
      unicast: "vrrp && ip.dst == 10.98.0.9",
      "unicast over IPv6": "vrrp && ipv6.dst == fd00:98::9",
      "virtual MAC": "vrrp && eth.src == 00:00:5e:00:01:06",
      "virtual MAC, version 2": "vrrp.version == 2 && eth.src == 00:00:5e:00:01:0c",
      // Adverts over IPv6 come from the interface's own (docs/adr/0015).
      "virtual MAC over IPv6": "icmpv6.type == 136 && icmpv6.opt.linkaddr == 00:00:5e:00:02:08",
      "gratuitous ARP": "arp.isgratuitous",
      "ARP probe":
        "arp.opcode == 1 && arp.src.proto_ipv4 != arp.dst.proto_ipv4 && arp.dst.proto_ipv4 == 10.98.0.104",
      "neighbour advertisement": "icmpv6.type == 136 && ipv6.dst == ff02::1",
      "neighbour solicitation": "icmpv6.type == 135 && icmpv6.nd.ns.target_address == fd00:98::1:7",
    };
    for (const [kind, filter] of Object.entries(kinds)) assert.ok(count(filter) > 0, kind);

    const framesOf = (instances: readonly InstanceConfig[]): ReadonlySet<string | undefined> => {
      const filter = instances
        .map((one) => `vrrp.virt_rtr_id == ${String(one.virtualRouterId)}`)
        .join(" || ");
      return new Set(trace.rows(observer, filter, "frame.number").map(([frame]) => frame));
    };
    const [others, signed] = [framesOf([RFC9568]), framesOf(INSTANCES.filter(isSigned))];
    assert.deepEqual(
      trace.warnings(observer).filter(([frame]) => !others.has(frame) && !signed.has(frame)),
      [],
    );
    // The message of a signed advert is one like any other.
    const ids = new Set(INSTANCES.filter(isSigned).map(({ virtualRouterId }) => virtualRouterId));
    const cut = `${lab.directory}/cut.pcap`;
    assert.equal(
      writeCut(trace.path, cut, TRAILER_LENGTH, (id) => ids.has(id)),
      signed.size,
    );
    const expert = ["-Y", "_ws.expert.severity >= 0x400000 && vrrp && vrrp.virt_rtr_id != 20"];
    assert.equal(observer.run("tshark", "-r", cut, ...expert), "");
    // With the other preference, the adverts after RFC 9568 are the right ones.
    const words = ["-o", "vrrp.v3_checksum_as_in_v2:TRUE", "-Y", "vrrp.virt_rtr_id == 20", "-T", "fields"];
    const status = observer.run("tshark", "-r", trace.path, ...words, "-e", "vrrp.checksum.status");
    assert.match(status, /^(?:1\n)+$/);
  } finally {
    lab.close();
  }
});
