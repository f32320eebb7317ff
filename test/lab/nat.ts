// The smallest network with NAT: a client, a director that has the virtual address, and behind it one host that is all of
// the real servers. Refuses to know what is served, and who balances.

import type { Host } from "./host.js";
import type { Lab } from "./lab.js";

export const CLIENT = "10.96.0.9";
export const DIRECTOR = "10.96.0.1";
export const VIP = "10.96.0.100";
export const realServer = (last: number): string => `10.96.1.${String(last)}`;

export type NatNetwork = { readonly client: Host; readonly director: Host; readonly servers: Host };

/** `lasts`: the real servers there are, by the last number of their addresses. The director's host is called "d". */
export function buildNat(lab: Lab, lasts: readonly number[]): NatNetwork {
  const [client, director, servers] = lab.hosts("client", "d", "servers");
  lab.cable(client, "eth0", director, "eth0");
  lab.cable(director, "eth1", servers, "eth0");
  client.ip(`address add ${CLIENT}/24 dev eth0`);
  director.ip(
    `address add ${DIRECTOR}/24 dev eth0`,
    `address add ${VIP}/32 dev eth0`,
    `address add ${realServer(1)}/24 dev eth1`,
  );
  director.sysctl({ "net.ipv4.ip_forward": 1 });
  servers.ip(
    ...lasts.map((last) => `address add ${realServer(last)}/24 dev eth0`),
    `route add default via ${realServer(1)}`,
  );
  return { client, director, servers };
}
