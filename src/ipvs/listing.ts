// A whole IPVS table with all that the kernel tells of it, for people: entries with counters and rates, timeouts,
// version. Reads the kernel's messages, and knows the order in which a listing shows them; text is listing-text.ts's.

import { compareIp, ipBytes, type IpAddress } from "../core/address.js";
import { genericPayload, writeGenericHeader } from "../netlink/generic.js";
import type { Message, Request } from "../netlink/message.js";
import { readServer, readService } from "./answers.js";
import { familyOfKey } from "./group.js";
import type { ListedServer, ListedService, SyncDaemon, Tunnel } from "./model.js";
import { COMMAND, FAMILY_VERSION, PROTOCOL_NUMBER } from "./schema.js";
import { extraAttributes, infoAttributes, statisticsOf, type Statistics } from "./statistics.js";
import type { Timeouts } from "./timeouts.js";

export type CountedServer = {
  readonly server: ListedServer;
  readonly tunnel?: Tunnel;
  /** Persistence templates that lead to it. */
  readonly persistent: number;
  readonly statistics: Statistics;
};
export type CountedService = { readonly service: ListedService; readonly statistics: Statistics };
export type ListingEntry = CountedService & { readonly servers: readonly CountedServer[] };

/** `version` as the kernel packs it, `size` of the table of connections. */
export type Info = { readonly version: string; readonly size: number };

/** What a listing is made from. Throws when the kernel cannot be asked. */
export type ListingSource = {
  info(): Info;
  timeouts(): Timeouts;
  entries(): readonly ListingEntry[];
  daemons(): readonly SyncDaemon[];
  close(): void;
};

const plain = (type: number, command: number): Request => ({
  type,
  flags: 0,
  body: (out) => void writeGenericHeader(out, command, FAMILY_VERSION),
});
export const infoRequest = (type: number): Request => plain(type, COMMAND.getInfo);

export function readInfo(message: Message): Info | undefined {
  const input = genericPayload(message);
  const { version, size } = infoAttributes.read(input, input.remaining);
  if (version === undefined || size === undefined || input.error !== undefined) return undefined;
  return { version: [version >> 16, (version >> 8) & 0xff, version & 0xff].join("."), size };
}

export function readCountedService(message: Message): CountedService | undefined {
  const service = readService(message);
  const input = genericPayload(message);
  const extra = extraAttributes.read(input, input.remaining).service;
  return service === undefined ? undefined : { service, statistics: statisticsOf(extra?.statistics) };
}

export function readCountedServer(message: Message, of: ListedService): CountedServer | undefined {
  const server = readServer(message, familyOfKey(of.key));
  const input = genericPayload(message);
  const extra = extraAttributes.read(input, input.remaining).server;
  if (server === undefined) return undefined;
  const tunnel = server.forwarding === "tunnel" ? (server.tunnel ?? PLAIN_TUNNEL) : undefined;
  return {
    server,
    ...(tunnel === undefined ? {} : { tunnel }),
    persistent: extra?.persistent ?? 0,
    statistics: statisticsOf(extra?.statistics),
  };
}

const PLAIN_TUNNEL: Tunnel = { kind: "ipip", port: 0, checksum: "none" };

/**
 * By family, protocol, address and port, firewall marks last, as ipvsadm sorts; but for addresses that are far apart, those
 * of IPv6 and marks from 2^31 on, which it compares with too few bits.
 */
export function inListingOrder(entries: readonly ListingEntry[]): readonly ListingEntry[] {
  return entries
    .map((entry) => ({ entry, key: serviceSortKey(entry.service) }))
    .sort((a, b) => compareKeys(a.key, b.key))
    .map(({ entry }) => ({ ...entry, servers: [...entry.servers].sort(compareServers) }));
}

type SortKey = readonly [
  mark: number,
  family: number,
  protocol: number,
  address: IpAddress | "",
  port: number,
];

function serviceSortKey({ key }: ListedService): SortKey {
  if (key.kind === "fwmark") return [key.mark, key.family === "ipv4" ? 4 : 6, 0, "", 0];
  return [0, ipBytes(key.address).length, PROTOCOL_NUMBER[key.protocol], key.address, key.port];
}

function compareKeys(a: SortKey, b: SortKey): number {
  const addresses = a[3] === "" || b[3] === "" ? 0 : compareIp(a[3], b[3]);
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || addresses || a[4] - b[4];
}

const compareServers = ({ server: a }: CountedServer, { server: b }: CountedServer): number =>
  compareIp(a.address, b.address) || a.port - b.port;
