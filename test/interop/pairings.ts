// What of VRRP vipd and another implementation speak with each other in the interop matrix: one virtual router each,
// all of them at the same time on one link.

import { ip, type Family } from "../../src/core/address.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig } from "../../src/vrrp/instance.js";
import { instance, vip } from "../vrrp/ip-packet.js";

export type Implementation = "keepalived" | "frr";
export type Pairing = {
  readonly with: Implementation;
  /** The other one's. */
  readonly version: 2 | 3;
  /** Where it is another one. */
  readonly ours?: "2+3";
  readonly family: Family;
  readonly transport: "multicast" | "unicast";
  readonly vrid: number;
  readonly addresses: readonly string[];
};

export const INTERVAL = seconds(1);
export const HOSTS = {
  ipv4: { us: "10.98.0.2", keepalived: "10.98.0.3", frr: "10.98.0.4", observer: "10.98.0.9" },
  ipv6: { us: "fd00:98::2", keepalived: "fd00:98::3", frr: "fd00:98::4", observer: "fd00:98::9" },
} as const;

const ipv4 = (vrid: number): string[] => [`10.98.0.${String(100 + vrid)}/24`];
/** The RFC wants a link-local address first; many files of keepalived hold global ones alone. */
const linkLocalFirst = (vrid: number): string[] => [`fe80::98:${String(vrid)}/64`, ...globalAlone(vrid)];
const globalAlone = (vrid: number): string[] => [`fd00:98::1:${String(vrid)}/64`];

/** VRRPv2 has no IPv6, and FRR no unicast (FRR 8.4, `vrrp` of its configuration). */
export const PAIRINGS: readonly Pairing[] = [
  { with: "keepalived", version: 2, family: "ipv4", transport: "multicast", vrid: 1, addresses: ipv4(1) },
  { with: "keepalived", version: 3, family: "ipv4", transport: "multicast", vrid: 2, addresses: ipv4(2) },
  {
    with: "keepalived",
    version: 3,
    family: "ipv6",
    transport: "multicast",
    vrid: 3,
    addresses: linkLocalFirst(3),
  },
  { with: "keepalived", version: 2, family: "ipv4", transport: "unicast", vrid: 4, addresses: ipv4(4) },
  { with: "keepalived", version: 3, family: "ipv4", transport: "unicast", vrid: 5, addresses: ipv4(5) },
  {
    with: "keepalived",
    version: 3,
    family: "ipv6",
    transport: "unicast",
    vrid: 6,
    addresses: globalAlone(6),
  },
  { with: "frr", version: 2, family: "ipv4", transport: "multicast", vrid: 7, addresses: ipv4(7) },
  { with: "frr", version: 3, family: "ipv4", transport: "multicast", vrid: 8, addresses: ipv4(8) },
  { with: "frr", version: 3, family: "ipv6", transport: "multicast", vrid: 9, addresses: globalAlone(9) },
  ...(["multicast", "unicast"] as const).flatMap((transport, i) => [
    both("keepalived", 2, transport, 10 + 2 * i),
    both("keepalived", 3, transport, 11 + 2 * i),
  ]),
  both("frr", 2, "multicast", 14),
  both("frr", 3, "multicast", 15),
];

/** Who moves from version 2 to 3 speaks both, to peers that speak either (RFC 9568 section 8.4). */
function both(other: Implementation, version: 2 | 3, transport: Pairing["transport"], vrid: number): Pairing {
  return { with: other, version, ours: "2+3", family: "ipv4", transport, vrid, addresses: ipv4(vrid) };
}

export const nameOf = (pairing: Pairing): string =>
  `VRRPv${pairing.ours === undefined ? "" : `${pairing.ours} with v`}${String(pairing.version)}, ${pairing.family === "ipv4" ? "IPv4" : "IPv6"}, ${pairing.transport}, ${pairing.with}`;

/** The address that a third host has in its neighbour table. */
export const addressOf = ({ addresses }: Pairing): string => addresses.at(-1)?.split("/")[0] ?? "";

export function ours(pairing: Pairing, priority: number): InstanceConfig {
  const { family, version, vrid, transport } = pairing;
  // keepalived 2.2.7 leaves the hop limit of unicast adverts over IPv6 to the kernel: 64.
  const ttl = { min: family === "ipv6" ? 64 : 255, max: 255 };
  const unicast = {
    sourceAddress: ip(HOSTS[family].us),
    unicast: { peers: [ip(HOSTS[family][pairing.with])], checkSource: true, ttl },
  };
  return instance({
    name: nameOf(pairing),
    family,
    version: pairing.ours ?? version,
    virtualRouterId: vrid,
    priority,
    advertInterval: INTERVAL,
    addresses: pairing.addresses.map((address) => vip(address)),
    announce: { repeat: 3, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 },
    ...(transport === "unicast" ? unicast : {}),
  });
}

export function keepalivedConfig(pairings: readonly Pairing[], priority: number): string {
  const blocks = pairings.map(({ family, version, vrid, transport, addresses }) => {
    const { keepalived, us } = HOSTS[family];
    const unicast = `unicast_src_ip ${keepalived}\n  unicast_peer { ${us} }`;
    return `
vrrp_instance i${String(vrid)} {
  state BACKUP
  interface eth0
  version ${String(version)}
  virtual_router_id ${String(vrid)}
  priority ${String(priority)}
  advert_int ${String(INTERVAL / 1000)}
  ${transport === "unicast" ? unicast : ""}
  virtual_ipaddress {
    ${addresses.join("\n    ")}
  }
}`;
  });
  return `global_defs {\n  vrrp_garp_master_delay 1\n}\n${blocks.join("\n")}\n`;
}

export function frrConfig(pairings: readonly Pairing[], priority: number): string {
  const lines = pairings.flatMap(({ family, version, vrid, addresses }) => {
    const own = addresses.map((address) => address.split("/")[0]);
    return [
      `version ${String(version)}`,
      `priority ${String(priority)}`,
      `advertisement-interval ${String(INTERVAL)}`,
      ...own.map((address) => `${family === "ipv4" ? "ip" : "ipv6"} ${String(address)}`),
    ].map((words) => ` vrrp ${String(vrid)} ${words}`);
  });
  return `interface eth0\n${lines.join("\n")}\n`;
}
