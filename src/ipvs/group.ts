// One service with many addresses, ports or marks: it is decided once, and each of its keys is a service of its own in
// the kernel's table, with the same servers and options. What differs from key to key is said here: the server's port,
// and the full prefix length of persistence. Knows nothing of health or files.

import { familyOf, type Family, type IpAddress } from "../core/address.js";
import {
  serverId,
  serviceId,
  type ListedServer,
  type RealServer,
  type ServerId,
  type ServiceEntry,
  type ServiceId,
  type ServiceKey,
  type VirtualService,
} from "./model.js";

/** Most keys of one service. */
export const MOST_KEYS = 4096;
/** Most entries that one service has in the table: its keys times its servers. */
export const MOST_ENTRIES = 262_144;

/** What a service has beside its first key. */
export type ServiceGroup = {
  /** Without the first one. */
  readonly keys: readonly ServiceKey[];
  /** "keys": a server has at each key the key's port. "servers": its own at all of them. */
  readonly ports: "keys" | "servers";
};
/** A service with its group, where it has one. */
export type Grouped = { readonly service: VirtualService; readonly group?: ServiceGroup };

/** One of a service's keys, as the kernel is to have it. */
export type KeyService = {
  readonly id: ServiceId;
  readonly service: VirtualService;
  /** What the servers' port is there; undefined: their own. */
  readonly port: number | undefined;
};

export const familyOfKey = (key: ServiceKey): Family =>
  key.kind === "address" ? familyOf(key.address) : key.family;

/** 0: each packet keeps its own. */
export const portOfKey = (key: ServiceKey): number => (key.kind === "address" ? key.port : 0);

/** All keys, the first one first. */
export const keysOf = ({ service, group }: Grouped): readonly ServiceKey[] =>
  group === undefined ? [service.key] : [service.key, ...group.keys];

/** The services of all keys but the first; empty for a service without a group. */
export function furtherServices({ service, group }: Grouped): readonly KeyService[] {
  if (group === undefined) return NONE;
  const first = portOfKey(service.key);
  return group.keys.map((key) => {
    const port = portOfKey(key);
    return {
      id: serviceId(key),
      service: serviceAt(service, key),
      port: group.ports === "servers" || port === first ? undefined : port,
    };
  });
}
const NONE: readonly KeyService[] = [];

/** A whole prefix is one of another length in the other family. */
function serviceAt(service: VirtualService, key: ServiceKey): VirtualService {
  const { persistence } = service;
  const [from, to] = [familyOfKey(service.key), familyOfKey(key)];
  if (persistence === undefined || from === to || persistence.prefixLength !== FULL[from])
    return { ...service, key };
  return { ...service, key, persistence: { ...persistence, prefixLength: FULL[to] } };
}
const FULL: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 };

type Servers = ServiceEntry["servers"];

/**
 * The entry of every key but the first, from the servers that were decided for that one. Keys with the same port share
 * one map: a thousand addresses cost no more memory than one.
 */
export function* fanOut(
  further: readonly KeyService[],
  servers: Servers,
): Iterable<readonly [ServiceId, ServiceEntry]> {
  const byPort = new Map<number | undefined, Servers>([[undefined, servers]]);
  for (const { id, service, port } of further) {
    let own = byPort.get(port);
    if (own === undefined && port !== undefined) byPort.set(port, (own = serversAt(servers, port)));
    yield [id, { service, servers: own ?? servers }];
  }
}

function serversAt(servers: Servers, port: number): Servers {
  const own = new Map<ServerId, RealServer>();
  for (const server of servers.values()) {
    const there = { ...server, port };
    own.set(serverId(there), there);
  }
  return own;
}

/** Under which name a server of the first key stands at another one. */
export const idAt = (
  { port }: Pick<KeyService, "port">,
  { address, port: own }: { readonly address: IpAddress; readonly port: number },
): ServerId => serverId({ address, port: port ?? own });

/** `sum`, by the names that servers have at the first key, with the connections of another key added. */
export function addConnections(
  sum: ReadonlyMap<ServerId, ListedServer>,
  further: ReadonlyMap<ServerId, ListedServer>,
  key: Pick<KeyService, "port">,
): ReadonlyMap<ServerId, ListedServer> {
  const total = new Map<ServerId, ListedServer>();
  for (const [id, server] of sum) {
    const there = further.get(idAt(key, server));
    total.set(id, there === undefined ? server : withConnections(server, there));
  }
  return total;
}

function withConnections(server: ListedServer, more: ListedServer): ListedServer {
  const persistent = (server.persistent ?? 0) + (more.persistent ?? 0);
  return {
    ...server,
    active: (server.active ?? 0) + (more.active ?? 0),
    inactive: (server.inactive ?? 0) + (more.inactive ?? 0),
    ...(persistent === 0 ? {} : { persistent }),
  };
}
