// What the kernel's IPVS family answers, as values of the model: services, servers and sync daemons of a dump. What cannot
// be read is undefined: a kernel may know more than we do.

import { ipFromBytes, type Family, type IpAddress } from "../core/address.js";
import { Reader } from "../core/bytes.js";
import { seconds } from "../core/units.js";
import { genericPayload } from "../netlink/generic.js";
import type { Message } from "../netlink/message.js";
import { familyOfKey } from "./group.js";
import type {
  ListedPersistence,
  ListedServer,
  ListedService,
  Protocol,
  ServiceKey,
  SyncDaemon,
  Tunnel,
} from "./model.js";
import {
  AF_INET,
  AF_INET6,
  commandAttributes,
  DAEMON_STATE,
  FLAG_HASHED,
  FLAG_PERSISTENT,
  FORWARDING_MASK,
  FORWARDING_NUMBER,
  PROTOCOL_NUMBER,
  TUNNEL_CHECKSUM,
  TUNNEL_NUMBER,
} from "./schema.js";

type Values = Parameters<typeof commandAttributes.write>[1];
type ServiceValues = NonNullable<Values["service"]>;
type ServerValues = NonNullable<Values["server"]>;

/** A service of a dump; undefined when it cannot be read. */
export function readService(message: Message): ListedService | undefined {
  const input = genericPayload(message);
  const { service } = commandAttributes.read(input, input.remaining);
  if (service === undefined || input.error !== undefined) return undefined;
  const key = readKey(service);
  if (key === undefined || service.scheduler === undefined) return undefined;
  const flags = service.flags?.length === 8 ? new Reader(service.flags).u32ne("flags") : 0;
  const others = flags & ~(FLAG_PERSISTENT | FLAG_HASHED);
  return {
    key,
    scheduler: service.scheduler,
    ...((flags & FLAG_PERSISTENT) === 0 ? {} : { persistence: readPersistence(service, familyOfKey(key)) }),
    ...(others === 0 ? {} : { flags: others }),
    ...(service.engine === undefined || service.engine === "" ? {} : { engine: service.engine }),
  };
}

function readKey(service: ServiceValues): ServiceKey | undefined {
  const family = readFamily(service.family);
  if (family === undefined) return undefined;
  if (service.mark !== undefined && service.mark !== 0) return { kind: "fwmark", mark: service.mark, family };
  const protocol = PROTOCOLS.get(service.protocol ?? 0);
  const address = readIp(service.address, family);
  if (protocol === undefined || address === undefined || service.port === undefined) return undefined;
  return { kind: "address", protocol, address, port: service.port };
}

function readPersistence({ timeout, netmask }: ServiceValues, family: Family): ListedPersistence {
  const bytes = netmask ?? new Uint8Array(4);
  const reader = new Reader(bytes);
  const whole = { timeout: seconds(timeout ?? 0) };
  if (family === "ipv6") return { ...whole, prefixLength: reader.u32ne("prefix length") };
  const mask = reader.u32be("netmask");
  const prefixLength = 32 - trailingZeros(mask);
  return isPrefix(mask) ? { ...whole, prefixLength } : { ...whole, prefixLength, mask: ipFromBytes(bytes) };
}

/** Ones and then zeros: what is left are ones alone, and one more has none of them. */
const isPrefix = (mask: number): boolean => (~mask & (~mask + 1)) === 0;

/** Of a 32-bit number; 32 for zero. */
const trailingZeros = (n: number): number => (n === 0 ? 32 : 31 - Math.clz32(n & -n));

/** A server of a dump; undefined when it cannot be read. `serviceFamily` is for kernels that do not tell. */
export function readServer(message: Message, serviceFamily: Family): ListedServer | undefined {
  const input = genericPayload(message);
  const { server } = commandAttributes.read(input, input.remaining);
  if (server === undefined || input.error !== undefined) return undefined;
  const family = server.family === undefined ? serviceFamily : readFamily(server.family);
  const address = family === undefined ? undefined : readIp(server.address, family);
  const forwarding = FORWARDINGS.get((server.forwarding ?? 0) & FORWARDING_MASK);
  if (address === undefined || forwarding === undefined || server.port === undefined) return undefined;
  const { upper = 0, lower = 0, persistent = 0 } = server;
  const tunnel = forwarding === "tunnel" ? readTunnel(server) : undefined;
  return {
    address,
    port: server.port,
    forwarding,
    weight: server.weight ?? 0,
    ...(upper === 0 ? {} : { upper }),
    ...(lower === 0 ? {} : { lower }),
    ...(tunnel === undefined ? {} : { tunnel }),
    active: server.active ?? 0,
    inactive: server.inactive ?? 0,
    ...(persistent === 0 ? {} : { persistent }),
  };
}

/** Undefined for plain IPIP, and for a kind that is not known here. */
function readTunnel({ tunnelType = 0, tunnelPort = 0, tunnelFlags = 0 }: ServerValues): Tunnel | undefined {
  const kind = TUNNELS.get(tunnelType);
  if (kind === undefined || kind === "ipip") return undefined;
  return { kind, port: tunnelPort, checksum: CHECKSUMS.get(tunnelFlags) ?? "none" };
}

export function readDaemon(message: Message): SyncDaemon | undefined {
  const input = genericPayload(message);
  const { daemon } = commandAttributes.read(input, input.remaining);
  if (daemon === undefined || input.error !== undefined) return undefined;
  const role = daemon.state === DAEMON_STATE.master ? "master" : "backup";
  const group = readIp(daemon.group, "ipv4") ?? readIp(daemon.group6, "ipv6");
  if (daemon.interface === undefined || daemon.id === undefined) return undefined;
  return {
    role,
    interface: daemon.interface,
    id: daemon.id,
    maxLength: daemon.maxLength ?? 0,
    ...(group === undefined ? {} : { group }),
    port: daemon.port ?? 0,
    ttl: daemon.ttl ?? 0,
  };
}

const reversed = <K extends string>(numbers: Record<K, number>): ReadonlyMap<number, K> =>
  new Map(Object.entries(numbers).map(([name, number]) => [number as number, name as K]));
const PROTOCOLS: ReadonlyMap<number, Protocol> = reversed(PROTOCOL_NUMBER);
const TUNNELS: ReadonlyMap<number, Tunnel["kind"]> = reversed(TUNNEL_NUMBER);
const CHECKSUMS: ReadonlyMap<number, Tunnel["checksum"]> = reversed(TUNNEL_CHECKSUM);
const FORWARDINGS: ReadonlyMap<number, ListedServer["forwarding"]> = reversed(FORWARDING_NUMBER);

const readFamily = (family: number | undefined): Family | undefined =>
  family === AF_INET ? "ipv4" : family === AF_INET6 ? "ipv6" : undefined;

/** The kernel gives 16 bytes for both families. */
function readIp(bytes: Uint8Array | undefined, family: Family): IpAddress | undefined {
  const length = family === "ipv4" ? 4 : 16;
  return bytes === undefined || bytes.length < length ? undefined : ipFromBytes(bytes.subarray(0, length));
}
