// An IPVS table as text in the layout that operators know from `ipvsadm -Ln`.

import { formatEndpoint, ipFromBytes, ipBytes, familyOf, type IpAddress } from "../core/address.js";
import { toSeconds } from "../core/units.js";
import { serverId, type ListedServer, type ListedService, type ListedTable } from "./model.js";

const FORWARDING: Record<ListedServer["forwarding"], string> = {
  "direct-routing": "Route",
  nat: "Masq",
  tunnel: "Tunnel",
  local: "Local",
  bypass: "Bypass",
};

const HEADER = [
  "Prot LocalAddress:Port Scheduler Flags",
  "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
];

/** The lines, without line ends; services and servers in the table's order. */
export function tableText(table: ListedTable): readonly string[] {
  const lines = [...HEADER];
  for (const { service, servers } of table.values()) {
    lines.push(serviceLine(service));
    for (const server of servers.values()) lines.push(serverLine(server));
  }
  return lines;
}

function serviceLine(service: ListedService): string {
  const { key, persistence, scheduler } = service;
  const name =
    key.kind === "fwmark"
      ? `FWM  ${key.mark}${key.family === "ipv6" ? " IPv6" : ""}`
      : `${key.protocol.toUpperCase().padEnd(4)} ${formatEndpoint(key.address, key.port)}`;
  const words = [name, scheduler];
  if (persistence !== undefined) {
    words.push("persistent", String(toSeconds(persistence.timeout)));
    const v6 = key.kind === "fwmark" ? key.family === "ipv6" : familyOf(key.address) === "ipv6";
    if (persistence.prefixLength !== (v6 ? 128 : 32))
      words.push("mask", v6 ? String(persistence.prefixLength) : dottedMask(persistence.prefixLength));
  }
  return words.join(" ");
}

function serverLine(server: ListedServer): string {
  const counts = [server.weight, server.active ?? 0, server.inactive ?? 0].map(String) as [
    string,
    string,
    string,
  ];
  return `  -> ${serverId(server).padEnd(28)} ${FORWARDING[server.forwarding].padEnd(7)} ${counts[0].padEnd(6)} ${counts[1].padEnd(10)} ${counts[2].padEnd(10)}`;
}

function dottedMask(length: number): IpAddress {
  const bytes = ipBytes("255.255.255.255" as IpAddress);
  for (let bit = length; bit < 32; bit++)
    bytes[bit >> 3] = (bytes[bit >> 3] as number) & ~(0x80 >> (bit & 7));
  return ipFromBytes(bytes);
}
