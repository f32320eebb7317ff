// A listing as text, in the layout that operators and their scripts know from `ipvsadm -L`: the same columns at the
// same places. What is listed, and in which order, is listing.ts's.

import { toSeconds } from "../core/units.js";
import type { Connection, Endpoint } from "./connections.js";
import type { CountedServer, Info, ListingEntry } from "./listing.js";
import type { Timeouts } from "./timeouts.js";
import { SERVICE_FLAG, type ListedServer, type ServiceKey, type SyncDaemon, type Tunnel } from "./model.js";
import {
  endpointText,
  keyFamily,
  maskText,
  NUMBERS,
  protocolOf,
  schedulerFlags,
  type Naming,
} from "./naming.js";
import { COUNTERS, RATES, type Statistic, type Statistics } from "./statistics.js";

/** What a table shows of its entries. */
export type View = "connections" | "stats" | "rate" | "thresholds" | "persistent-conn" | "tun-info";

export type TextOptions = {
  readonly naming: Naming;
  readonly view: View;
  /** Large counters in full, instead of in thousands or millions. */
  readonly exact: boolean;
};
export const PLAIN: TextOptions = { naming: NUMBERS, view: "connections", exact: false };

export const infoLine = ({ version, size }: Info): string =>
  `IP Virtual Server version ${version} (size=${size})`;

/** The lines of a table, without line ends. Some end in spaces, as ipvsadm's do. */
export function listingText(entries: readonly ListingEntry[], options: TextOptions): readonly string[] {
  const lines = [...HEADINGS[options.view]];
  for (const entry of entries) {
    lines.push(serviceLine(entry, options));
    for (const server of entry.servers) lines.push(serverLine(server, entry.service.key, options));
  }
  return lines;
}

const SERVERS = "  -> RemoteAddress:Port";
const counters = (titles: string): readonly string[] => [
  `Prot LocalAddress:Port           ${titles}`,
  SERVERS,
];
const HEADINGS: Record<View, readonly string[]> = {
  connections: [
    "Prot LocalAddress:Port Scheduler Flags",
    `${SERVERS}           Forward Weight ActiveConn InActConn`,
  ],
  stats: counters("    Conns   InPkts  OutPkts  InBytes OutBytes"),
  rate: counters("      CPS    InPPS   OutPPS    InBPS   OutBPS"),
  thresholds: counters(" Uthreshold Lthreshold ActiveConn InActConn "),
  "persistent-conn": counters(" Weight    PersistConn ActiveConn InActConn "),
  "tun-info": [
    "Prot LocalAddress:Port Scheduler Flags",
    `${SERVERS}           Forward TunnelInfo    Weight ActiveConn InActConn`,
  ],
};

function serviceLine({ service, statistics }: ListingEntry, options: TextOptions): string {
  const name = nameOf(service.key, options.naming);
  if (options.view === "stats" || options.view === "rate")
    return name.padEnd(33) + figures(statistics, options);
  const { scheduler, persistence, engine, flags = 0 } = service;
  const words = [name, scheduler];
  const own = schedulerFlags(service);
  if (own.length > 0) words.push(`(${own.join(",")})`);
  if (persistence !== undefined) {
    words.push("persistent", String(toSeconds(persistence.timeout)));
    const mask = maskText(persistence, keyFamily(service.key));
    if (mask !== undefined) words.push("mask", mask);
  }
  if (engine !== undefined) words.push("pe", engine);
  if ((flags & SERVICE_FLAG.onePacket) !== 0) words.push("ops");
  return words.join(" ");
}

function nameOf(key: ServiceKey, naming: Naming): string {
  if (key.kind === "fwmark") return `FWM  ${key.mark}${key.family === "ipv6" ? " IPv6" : ""}`;
  const endpoint = endpointText(key.address, key.port, key.protocol, naming);
  return `${key.protocol.toUpperCase().padEnd(4)} ${endpoint}`;
}

function serverLine(counted: CountedServer, of: ServiceKey, options: TextOptions): string {
  const { server, persistent, statistics, tunnel } = counted;
  const { weight, active = 0, inactive = 0, upper = 0, lower = 0 } = server;
  const endpoint = endpointText(server.address, server.port, protocolOf(of), options.naming);
  const start = `  -> ${endpoint.padEnd(28)}`;
  const forwarding = FORWARDING[server.forwarding];
  switch (options.view) {
    case "stats":
    case "rate":
      return start + figures(statistics, options);
    case "thresholds":
      return `${start} ${columns([upper, 10], [lower, 10], [active, 10], [inactive, 10])}`;
    case "persistent-conn":
      return `${start} ${columns([weight, 9], [persistent, 11], [active, 10], [inactive, 10])}`;
    case "tun-info":
      return `${start} ${columns([forwarding, 7], [tunnelText(tunnel), 13], [weight, 6], [active, 10], [inactive, 10])}`;
    case "connections":
      return `${start} ${columns([forwarding, 7], [weight, 6], [active, 10], [inactive, 10])}`;
  }
}

const FORWARDING: Record<ListedServer["forwarding"], string> = {
  "direct-routing": "Route",
  nat: "Masq",
  tunnel: "Tunnel",
  local: "Local",
  bypass: "Bypass",
};

const columns = (...cells: readonly (readonly [number | string, number])[]): string =>
  cells.map(([value, width]) => String(value).padEnd(width)).join(" ");

const CHECKSUM_SIGN: Record<Tunnel["checksum"], string> = { none: "-c", full: "+c", remote: "r+c" };

function tunnelText(tunnel: Tunnel | undefined): string {
  if (tunnel === undefined) return "n/a";
  if (tunnel.kind === "ipip") return "ipip";
  const port = tunnel.kind === "gue" ? `${tunnel.port}:` : "";
  return `${tunnel.kind}:${port}${CHECKSUM_SIGN[tunnel.checksum]}`;
}

function figures(statistics: Statistics, { view, exact }: TextOptions): string {
  const names: readonly Statistic[] = view === "rate" ? RATES : COUNTERS;
  return names.map((name) => figure(statistics[name], exact)).join("");
}

/** From where on a counter is shown in which unit. */
const UNITS: readonly (readonly [from: bigint, unit: bigint, letter: string])[] = [
  [10n ** 14n, 10n ** 12n, "T"],
  [10n ** 11n, 10n ** 9n, "G"],
  [10n ** 9n, 10n ** 6n, "M"],
  [10n ** 8n, 10n ** 3n, "K"],
];

/** In nine places, the first of which is empty while the number leaves it so. */
function figure(value: bigint, exact: boolean): string {
  if (exact) return ` ${String(value).padStart(8)}`;
  const scale = UNITS.find(([from]) => value >= from);
  return scale === undefined
    ? String(value).padStart(9)
    : `${String(value / scale[1]).padStart(8)}${scale[2]}`;
}

export const connectionHeading = (engines: boolean): readonly string[] => [
  "IPVS connection entries",
  "pro expire state       source             virtual            " +
    (engines ? "destination        pe name          pe_data" : "destination"),
];

/** `engines`: with what a persistence engine knows of it. */
export function connectionLine(connection: Connection, naming: Naming, engines: boolean): string {
  const { protocol, source, virtual, destination, expires, state, engine = "", engineData = "" } = connection;
  const text = ({ address, port }: Endpoint): string =>
    endpointText(address, port, protocol.toLowerCase(), naming);
  const expire = [Math.floor(expires / 60), expires % 60].map((n) => String(n).padStart(2, "0")).join(":");
  const start = columns([protocol, 3], [expire, 6], [state, 11], [text(source), 18], [text(virtual), 18]);
  return engines && engine !== ""
    ? `${start} ${columns([text(destination), 16], [engine, 18])} ${engineData}`
    : `${start} ${text(destination)}`;
}

export const timeoutsLine = ({ tcp, tcpFin, udp }: Timeouts): string =>
  `Timeout (tcp tcpfin udp): ${tcp} ${tcpFin} ${udp}`;

export function daemonLine(daemon: SyncDaemon): string {
  const { role, interface: device, id, maxLength, group, port, ttl } = daemon;
  const words = [`mcast=${device}`, `syncid=${id}`];
  if (maxLength > 0) words.push(`maxlen=${maxLength}`);
  if (group !== undefined) words.push(`group=${group}`);
  if (port > 0) words.push(`port=${port}`);
  if (ttl > 0) words.push(`ttl=${ttl}`);
  return `${role} sync daemon (${words.join(", ")})`;
}

/** Every address that the lines of a table would name. */
export function* addressesIn(entries: readonly ListingEntry[]): Generator<ListedServer["address"]> {
  for (const { service, servers } of entries) {
    if (service.key.kind === "address") yield service.key.address;
    for (const { server } of servers) yield server.address;
  }
}
