// The kernel's table of connections as it stands in /proc/net/ip_vs_conn (net/netfilter/ipvs/ip_vs_conn.c), a line
// each. There is no netlink message that tells them.

import { ipFromBytes, type IpAddress } from "../core/address.js";

export type Connection = {
  /** "TCP", "UDP", "SCTP", or "IP" of a persistence template of a firewall mark. */
  readonly protocol: string;
  readonly source: Endpoint;
  readonly virtual: Endpoint;
  readonly destination: Endpoint;
  readonly state: string;
  /** Whole seconds until it is forgotten. */
  readonly expires: number;
  /** Of a persistence engine, and what it made of the packet. */
  readonly engine?: string;
  readonly engineData?: string;
};
export type Endpoint = { readonly address: IpAddress; readonly port: number };

/** Undefined: the line is the heading, or another kernel's idea of one. */
export function readConnection(line: string): Connection | undefined {
  const words = line.trim().split(/\s+/);
  const [protocol, sourceIp, sourcePort, virtualIp, virtualPort, serverIp, serverPort, state] = words;
  const [expires, engine, engineData] = words.slice(8);
  const source = endpoint(sourceIp, sourcePort);
  const virtual = endpoint(virtualIp, virtualPort);
  const destination = endpoint(serverIp, serverPort);
  if (source === undefined || virtual === undefined || destination === undefined) return undefined;
  if (protocol === undefined || state === undefined || !/^-?\d+$/.test(expires ?? "")) return undefined;
  return {
    protocol,
    source,
    virtual,
    destination,
    state,
    // A timer that is due has a negative rest.
    expires: Math.max(0, Number(expires)),
    ...(engine === undefined ? {} : { engine }),
    ...(engineData === undefined ? {} : { engineData }),
  };
}

/** IPv4 as eight hexadecimal digits, IPv6 as text with all zeros; the port as four digits. */
function endpoint(address: string | undefined, port: string | undefined): Endpoint | undefined {
  if (address === undefined || port === undefined || !/^[0-9A-F]{4}$/i.test(port)) return undefined;
  const hex = address.replaceAll(/[[\]:]/g, "");
  if (!/^(?:[0-9A-F]{8}|[0-9A-F]{32})$/i.test(hex)) return undefined;
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  return { address: ipFromBytes(bytes), port: parseInt(port, 16) };
}
