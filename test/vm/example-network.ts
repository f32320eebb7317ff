// The machines that the examples of conf/ are tried on: a pair of directors, real servers of every kind and a client, wired
// once for all examples. What an example calls them is laid on them for it. Refuses to know any example.

import { Client, servePages } from "../lab/asking.js";
import type { Host } from "../lab/host.js";
import type { Lab } from "../lab/lab.js";

/** Interfaces whose addresses change from example to example. */
const LEGS = {
  d1: ["eth0", "eth1", "eth2"],
  d2: ["eth0", "eth1", "eth2"],
  // Real servers on the link of the clients, with a leg to somewhere else each.
  rs1: ["eth0", "eth1", "tunl0", "lo"],
  rs2: ["eth0", "eth1", "tunl0", "lo"],
  // Behind the directors: each is as many real servers as it has addresses. Those of "tier" have their data from elsewhere.
  farm: ["eth0"],
  tier: ["eth0"],
  client: ["eth0"],
  router: ["eth0", "far1", "far2"],
} as const;
export type Place = keyof typeof LEGS;
/** "DEVICE ADDRESS", or "via GATEWAY" for the default route. */
export type Addressing = Partial<Record<Place, readonly string[]>>;
export type Network = {
  readonly lab: Lab;
  readonly hosts: Readonly<Record<Place, Host>>;
  readonly client: Client;
};

export async function buildNetwork(lab: Lab): Promise<Network> {
  const [d1, d2, rs1, rs2, farm, tier, client, router, data] = lab.hosts(
    ...(["d1", "d2", "rs1", "rs2", "farm", "tier", "client", "router", "data"] as const),
  );
  const box = lab.bridge("box", "br0", "br1", "br2");
  const ends = (name: string, ...hosts: readonly Host[]) => hosts.map((host) => ({ host, interface: name }));
  lab.plug(box, ends("eth0", d1, d2, rs1, rs2, client, router), "br0");
  lab.plug(box, [...ends("eth1", d1, d2), ...ends("eth0", farm, tier)], "br1");
  lab.plug(box, ends("eth2", d1, d2), "br2");
  lab.cable(router, "far1", rs1, "eth1");
  lab.cable(router, "far2", rs2, "eth1");
  lab.cable(tier, "eth1", data, "eth0");
  tier.ip("address add 10.0.1.1/24 dev eth1");
  data.ip("address add 10.0.1.21/24 dev eth0");
  for (const host of [d1, d2, router]) host.sysctl({ "net.ipv4.ip_forward": 1 });
  prepareServers(rs1, rs2);
  const [asking] = await Promise.all([
    Client.start(client),
    ...[rs1, rs2].map((host) => servePages(host, host.name, "http/::/80", "https/::/443", "smtp/::/25")),
    servePages(farm, "-", "http/::/80", "http/::/8080", "smtp/::/25"),
    servePages(tier, "-", "front/::/80/10.0.1.21/80"),
    servePages(data, "data", "http/::/80"),
  ]);
  return { lab, hosts: { d1, d2, rs1, rs2, farm, tier, client, router }, client: asking };
}

/** What the examples and docs/real-servers.md say of real servers. */
function prepareServers(...hosts: readonly Host[]): void {
  for (const host of hosts) {
    // The device comes with the module, in every namespace.
    host.run("modprobe", "ipip");
    host.sysctl({
      "net.ipv4.conf.all.arp_ignore": 1,
      "net.ipv4.conf.all.arp_announce": 2,
      "net.ipv4.conf.all.rp_filter": 0,
      "net.ipv4.conf.tunl0.rp_filter": 0,
    });
    host.ip("link set tunl0 up");
  }
}

/** Gives everybody the addresses of an example, and takes those of the one before. */
export function address({ hosts }: Network, addressing: Addressing): void {
  for (const [place, legs] of Object.entries(LEGS) as [Place, readonly string[]][]) {
    const wanted = (addressing[place] ?? []).map((text) => {
      const [device = "", address = ""] = text.split(" ");
      if (device === "via") return `route add default via ${address}`;
      return `address add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`;
    });
    // The addresses that a loopback has by itself are of another scope than those laid on it.
    const flushed = legs.flatMap((leg) => [
      `address flush dev ${leg} scope global`,
      `neigh flush dev ${leg}`,
    ]);
    hosts[place].ip(...flushed, ...wanted);
  }
}
