// The network in which every forwarding method can be tried: a director between a link of clients (10.40.0.0/24 and
// fd40::/64) and one of real servers (10.41.0.0/24 and fd41::/64), and two real servers that also have a leg on the
// link of the clients. There go the answers that do not go back through the director. The real servers end every kind
// of tunnel, and count what came in each. Refuses to know who balances.

import type { Host } from "./host.js";
import type { Lab } from "./lab.js";

export const VIP = "10.40.0.100";
export const VIP6 = "fd40::100";
/** Addresses of the client, from the first on; the IPv6 one is alone. */
export const CLIENTS: readonly string[] = Array.from({ length: 16 }, (_, i) => `10.40.0.${String(16 + i)}`);
export const CLIENT = "10.40.0.16";
export const CLIENT6 = "fd40::10";
export const GUE_PORT = 6080;

/** The outer packet of each kind of tunnel as nftables sees it. */
const WRAPPED: Readonly<Record<string, string>> = {
  ipip: "ip protocol 4",
  sit: "ip protocol 41",
  ipip6: "ip6 nexthdr 4",
  ip6ip6: "ip6 nexthdr 41",
  gue: `ip protocol udp udp dport ${String(GUE_PORT)}`,
  gue6: `ip6 nexthdr udp udp dport ${String(GUE_PORT)}`,
  gre: "ip protocol gre",
  gre6: "ip6 nexthdr gre",
};

export type Farm = {
  readonly director: Host;
  readonly servers: readonly [Host, Host];
  readonly client: Host;
};

export function buildFarm(lab: Lab): Farm {
  const [director, rs1, rs2, client] = lab.hosts("lb", "rs1", "rs2", "cl");
  const box = lab.bridge("sw", "br0", "br1");
  lab.plug(box, [
    {
      host: director,
      interface: "eth0",
      addresses: ["10.40.0.1/24", `${VIP}/32`, "fd40::1/64", `${VIP6}/128`],
    },
    { host: client, interface: "eth0", addresses: [...CLIENTS.map((a) => `${a}/24`), `${CLIENT6}/64`] },
    { host: rs1, interface: "eth1", addresses: ["10.40.0.4/24", "fd40::4/64"] },
    { host: rs2, interface: "eth1", addresses: ["10.40.0.5/24", "fd40::5/64"] },
  ]);
  lab.plug(
    box,
    [
      { host: director, interface: "eth1", addresses: ["10.41.0.1/24", "fd41::1/64"] },
      { host: rs1, interface: "eth0", addresses: ["10.41.0.4/24", "fd41::4/64"] },
      { host: rs2, interface: "eth0", addresses: ["10.41.0.5/24", "fd41::5/64"] },
    ],
    "br1",
  );
  director.sysctl({ "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1 });
  for (const [host, last] of [
    [rs1, 4],
    [rs2, 5],
  ] as const)
    prepareServer(host, last);
  return { director, servers: [rs1, rs2], client };
}

function prepareServer(host: Host, last: number): void {
  const loose = Object.fromEntries(
    ["all", "default", "eth0", "eth1"].map((name) => [`net.ipv4.conf.${name}.rp_filter`, 0]),
  );
  host.sysctl({ ...loose, "net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2 });
  // Nobody asks the kernel for this module by name.
  host.run("modprobe", "fou");
  const [own, own6] = [`10.41.0.${String(last)}`, `fd41::${String(last)}`];
  host.ip(
    `address add ${VIP}/32 dev lo`,
    `address add ${VIP6}/128 dev lo nodad`,
    // What comes from the real server's own address, as with NAT, goes back through the director.
    "rule add from 10.41.0.0/24 lookup 100",
    "route add default via 10.41.0.1 table 100",
    // GUE is taken off here, and leaves what these tunnels then end.
    `fou add port ${String(GUE_PORT)} gue`,
    `link add ipip1 type ipip local ${own} remote 10.41.0.1`,
    `link add sit1 type sit local ${own} remote 10.41.0.1`,
    `link add six1 type ip6tnl mode any local ${own6} remote fd41::1`,
    // One takes packets without checksums alone, the other one those with.
    `link add gre1 type gre local ${own} remote 10.41.0.1`,
    `link add gre6 type ip6gre local ${own6} remote fd41::1 csum`,
    ...["ipip1", "sit1", "six1", "gre1", "gre6"].map((name) => `link set ${name} up`),
  );
  host.run("ip", "-6", "rule", "add", "from", "fd41::/64", "lookup", "100");
  host.run("ip", "-6", "route", "add", "default", "via", "fd41::1", "table", "100");
  host.run("ip", "-6", "fou", "add", "port", String(GUE_PORT), "gue");
  const names = Object.keys(WRAPPED);
  const rules = names.map((name) => `${WRAPPED[name] ?? ""} counter name "${name}"`);
  host.run(
    "nft",
    [
      "table inet farm {",
      ...names.map((name) => `counter ${name} { packets 0 bytes 0 }`),
      "chain in {",
      "type filter hook prerouting priority -300",
      ...rules,
      "}",
      "}",
      "",
    ].join("\n"),
  );
}

/** The kinds of tunnels in which packets came. */
export function tunnelled(host: Host): readonly string[] {
  const listed = host.run("nft", "list", "counters", "table", "inet", "farm");
  return [...listed.matchAll(/counter (\w+) \{\s+packets [1-9]/g)].map(([, name = ""]) => name).sort();
}
