// A table as the lines that `ipvsadm -S -n` writes and `ipvsadm -R` reads, one for each service and each real server.
// Thresholds are written, too, which ipvsadm reads but does not write. Reading is saved-parse.ts's.

import { toSeconds } from "../core/units.js";
import type { CountedServer, ListingEntry } from "./listing.js";
import {
  SERVICE_FLAG,
  type ListedServer,
  type ListedService,
  type ServiceKey,
  type Tunnel,
} from "./model.js";
import { endpointText, keyFamily, maskText, NUMBERS, schedulerFlags } from "./naming.js";

/** A real server with what a line says of it: no figures. */
export type SavedServer = Pick<
  ListedServer,
  "address" | "port" | "forwarding" | "weight" | "upper" | "lower"
> & {
  /** Of forwarding method "tunnel". */
  readonly tunnel?: Tunnel;
};

export function savedText(entries: readonly ListingEntry[]): readonly string[] {
  return entries.flatMap(({ service, servers }) => [
    savedServiceLine(service),
    ...servers.map((server) => savedServerLine(service.key, savedServer(server))),
  ]);
}

function savedServer({ server, tunnel }: CountedServer): SavedServer {
  return { ...server, ...(tunnel === undefined ? {} : { tunnel }) };
}

export function savedServiceLine(service: ListedService): string {
  const { key, scheduler, persistence, engine, flags = 0 } = service;
  const words = ["-A", serviceWords(key), "-s", scheduler];
  if (persistence !== undefined) {
    words.push("-p", String(toSeconds(persistence.timeout)));
    const mask = maskText(persistence, keyFamily(key));
    if (mask !== undefined) words.push("-M", mask);
  }
  if (engine !== undefined) words.push("--pe", engine);
  if ((flags & SERVICE_FLAG.onePacket) !== 0) words.push("-o");
  const own = schedulerFlags(service);
  if (own.length > 0) words.push("-b", own.join(","));
  return words.join(" ");
}

const PROTOCOL_OPTION = { tcp: "-t", udp: "-u", sctp: "--sctp-service" } as const;

function serviceWords(key: ServiceKey): string {
  if (key.kind === "fwmark") return `-f ${key.mark}${key.family === "ipv6" ? " -6" : ""}`;
  return `${PROTOCOL_OPTION[key.protocol]} ${endpointText(key.address, key.port, key.protocol, NUMBERS)}`;
}

/** The kernel's two other methods, local and bypass, are none that anybody can ask for. */
const FORWARDING_OPTION: Record<ListedServer["forwarding"], string> = {
  "direct-routing": "-g",
  nat: "-m",
  tunnel: "-i",
  local: "-g",
  bypass: "-g",
};

export function savedServerLine(key: ServiceKey, server: SavedServer): string {
  const { address, port, forwarding, weight, upper = 0, lower = 0, tunnel } = server;
  const words = ["-a", serviceWords(key), "-r", endpointText(address, port, "tcp", NUMBERS)];
  words.push(FORWARDING_OPTION[forwarding], "-w", String(weight));
  if (upper !== 0) words.push("-x", String(upper));
  if (lower !== 0) words.push("-y", String(lower));
  if (tunnel !== undefined) words.push(...tunnelWords(tunnel));
  return words.join(" ");
}

export const CHECKSUM_OPTION: Record<Tunnel["checksum"], string> = {
  none: "--tun-nocsum",
  full: "--tun-csum",
  remote: "--tun-remcsum",
};

function tunnelWords({ kind, port, checksum }: Tunnel): readonly string[] {
  const words = ["--tun-type", kind];
  if (kind === "ipip") return words;
  if (kind === "gue") words.push("--tun-port", String(port));
  words.push(CHECKSUM_OPTION[checksum]);
  return words;
}
