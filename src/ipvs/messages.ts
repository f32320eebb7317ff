// Commands as messages of the kernel's IPVS family, and its answers as values of the model. Pure: `type` is the
// number the kernel gave the family.

import { familyOf, ipBytes, ipFromBytes, ipv4Number, type Family, type IpAddress } from "../core/address.js";
import { Reader, Writer } from "../core/bytes.js";
import { unreachable } from "../core/never.js";
import { seconds, toSeconds } from "../core/units.js";
import { genericPayload, writeGenericHeader } from "../netlink/generic.js";
import type { Message, Request } from "../netlink/message.js";
import type { Command } from "./command.js";
import type {
  ListedServer,
  ListedService,
  Persistence,
  Protocol,
  RealServer,
  ServiceKey,
  SyncConfig,
  SyncDaemon,
  SyncRole,
  Tunnel,
  VirtualService,
} from "./model.js";
import {
  AF_INET,
  AF_INET6,
  COMMAND,
  commandAttributes,
  DAEMON_STATE,
  FAMILY_VERSION,
  FLAG_HASHED,
  FLAG_PERSISTENT,
  FORWARDING_MASK,
  FORWARDING_NUMBER,
  PROTOCOL_NUMBER,
  TUNNEL_CHECKSUM,
  TUNNEL_NUMBER,
} from "./schema.js";

type CommandValues = Parameters<typeof commandAttributes.write>[1];
type ServiceValues = NonNullable<CommandValues["service"]>;
type ServerValues = NonNullable<CommandValues["server"]>;

/** All flags count (struct ip_vs_flags). */
const ALL_FLAGS = 0xffff_ffff;

const familyNumber = (family: Family): number => (family === "ipv4" ? AF_INET : AF_INET6);

function request(type: number, command: number, values: CommandValues): Request {
  return {
    type,
    flags: 0,
    body: (out) => commandAttributes.write(writeGenericHeader(out, command, FAMILY_VERSION), values),
  };
}

export const servicesRequest = (type: number): Request => request(type, COMMAND.getService, {});
/** The servers of one service; an unknown service has none. */
export const serversRequest = (type: number, key: ServiceKey): Request =>
  request(type, COMMAND.getServer, { service: keyValues(key) });
export const daemonsRequest = (type: number): Request => request(type, COMMAND.getDaemon, {});

/**
 * Makes messages of commands. Ten servers of one service share its key, and most servers of a table are alike but for
 * their addresses: both are encoded once. The rest is encoded when the message is written, so that ten thousand
 * commands do not lie about as bytes.
 */
export function commandEncoder(type: number): (command: Command) => Request {
  const parts = { key: keyEncoder(), server: serverEncoder() };
  return (command) => ({ type, flags: 0, body: (out) => writeCommand(out, command, parts) });
}

type Parts = {
  readonly key: (key: ServiceKey) => Uint8Array;
  readonly server: (out: Writer, server: RealServer) => void;
};

function keyEncoder(): Parts["key"] {
  let lastKey: ServiceKey | undefined;
  let bytes: Uint8Array = new Uint8Array();
  return (key) => {
    if (key === lastKey) return bytes;
    const out = new Writer(64);
    commandAttributes.write(out, { service: keyValues(key) });
    lastKey = key;
    return (bytes = out.finish());
  };
}

/** The address is the first of a server's attributes (schema.ts): its bytes come after the headers of both. */
const BEFORE_ADDRESS = 8;

function serverEncoder(): Parts["server"] {
  let like: RealServer | undefined;
  let head: Uint8Array = new Uint8Array();
  let tail: Uint8Array = head;
  return (out, server) => {
    if (like === undefined || !areAlike(like, server)) {
      const alone = new Writer(128);
      commandAttributes.write(alone, { server: serverValues(server) });
      const bytes = alone.finish();
      like = server;
      head = bytes.subarray(0, BEFORE_ADDRESS);
      tail = bytes.subarray(BEFORE_ADDRESS + (familyOf(server.address) === "ipv4" ? 4 : 16));
    }
    const number = ipv4Number(server.address);
    out.raw(head);
    if (number === undefined) out.raw(ipBytes(server.address));
    else out.u32be(number);
    out.raw(tail);
  };
}

/** But for the address, and that is of the same length. */
function areAlike(a: RealServer, b: RealServer): boolean {
  for (const field of OTHER_FIELDS) if (a[field] !== b[field]) return false;
  return familyOf(a.address) === familyOf(b.address);
}

/** Of a server; one that is forgotten here does not compile. */
const OTHER_FIELDS = Object.keys({
  port: true,
  forwarding: true,
  weight: true,
  upper: true,
  lower: true,
  // All servers of a service that take its tunnel have the very same value; another one is encoded anew.
  tunnel: true,
} satisfies Record<Exclude<keyof RealServer, "address">, true>) as readonly Exclude<
  keyof RealServer,
  "address"
>[];

function writeCommand(out: Writer, command: Command, parts: Parts): void {
  writeGenericHeader(out, COMMAND_NUMBER[command.kind], FAMILY_VERSION);
  switch (command.kind) {
    case "add-service":
    case "edit-service":
      return commandAttributes.write(out, { service: serviceValues(command.service) });
    case "remove-service":
      return void out.raw(parts.key(command.key));
    case "add-server":
    case "edit-server":
      out.raw(parts.key(command.key));
      return parts.server(out, command.server);
    case "remove-server":
      out.raw(parts.key(command.key));
      return commandAttributes.write(out, { server: serverKeyValues(command.server) });
    default:
      return unreachable(command);
  }
}

const COMMAND_NUMBER: Record<Command["kind"], number> = {
  "add-service": COMMAND.newService,
  "edit-service": COMMAND.setService,
  "remove-service": COMMAND.deleteService,
  "add-server": COMMAND.newServer,
  "edit-server": COMMAND.setServer,
  "remove-server": COMMAND.deleteServer,
};

export function keyValues(key: ServiceKey): ServiceValues {
  if (key.kind === "fwmark") return { family: familyNumber(key.family), mark: key.mark };
  return {
    family: familyNumber(familyOf(key.address)),
    protocol: PROTOCOL_NUMBER[key.protocol],
    address: ipBytes(key.address),
    port: key.port,
  };
}

const keyFamily = (key: ServiceKey): Family => (key.kind === "fwmark" ? key.family : familyOf(key.address));

export function serviceValues({
  key,
  scheduler,
  persistence,
  flags: others = 0,
  engine,
}: VirtualService): ServiceValues {
  const v4 = keyFamily(key) === "ipv4";
  const prefixLength = persistence?.prefixLength ?? (v4 ? 32 : 128);
  const flags = others | (persistence === undefined ? 0 : FLAG_PERSISTENT);
  const mask = new Writer(4);
  return {
    ...keyValues(key),
    scheduler,
    flags: new Writer(8).u32ne(flags).u32ne(ALL_FLAGS).finish(),
    timeout: persistence === undefined ? 0 : toSeconds(persistence.timeout),
    netmask: (v4 ? mask.u32be(ipv4Mask(prefixLength)) : mask.u32ne(prefixLength)).finish(),
    ...(engine === undefined ? {} : { engine }),
  };
}

/** The shift of a 32-bit number by 32 is no shift. */
const ipv4Mask = (length: number): number => (length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0);

const serverKeyValues = ({ address, port }: ListedServer): ServerValues => ({
  address: ipBytes(address),
  port,
  family: familyNumber(familyOf(address)),
});

export const serverValues = (server: RealServer): ServerValues => ({
  address: ipBytes(server.address),
  port: server.port,
  family: familyNumber(familyOf(server.address)),
  forwarding: FORWARDING_NUMBER[server.forwarding],
  weight: server.weight,
  upper: server.upper ?? 0,
  lower: server.lower ?? 0,
  ...(server.forwarding === "tunnel" ? tunnelValues(server.tunnel) : {}),
});

/** Always all of them: a server that was GUE's becomes a plain one only when it is said. */
const tunnelValues = ({ kind, port, checksum }: Tunnel = PLAIN_TUNNEL): ServerValues => ({
  tunnelType: TUNNEL_NUMBER[kind],
  tunnelPort: port,
  tunnelFlags: TUNNEL_CHECKSUM[checksum],
});
const PLAIN_TUNNEL: Tunnel = { kind: "ipip", port: 0, checksum: "none" };

export function startDaemonRequest(type: number, role: SyncRole, sync: SyncConfig): Request {
  const v6 = sync.group !== undefined && familyOf(sync.group) === "ipv6";
  const daemon = {
    state: DAEMON_STATE[role],
    interface: sync.interface,
    id: sync.id,
    ...(sync.maxLength === undefined ? {} : { maxLength: sync.maxLength }),
    ...(sync.group === undefined ? {} : { [v6 ? "group6" : "group"]: ipBytes(sync.group) }),
    ...(sync.port === undefined ? {} : { port: sync.port }),
    ...(sync.ttl === undefined ? {} : { ttl: sync.ttl }),
  };
  return request(type, COMMAND.newDaemon, { daemon });
}

export const stopDaemonRequest = (type: number, role: SyncRole): Request =>
  request(type, COMMAND.deleteDaemon, { daemon: { state: DAEMON_STATE[role] } });

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
    ...((flags & FLAG_PERSISTENT) === 0 ? {} : { persistence: readPersistence(service, keyFamily(key)) }),
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

function readPersistence({ timeout, netmask }: ServiceValues, family: Family): Persistence {
  const mask = new Reader(netmask ?? new Uint8Array(4));
  const prefixLength =
    family === "ipv4" ? 32 - trailingZeros(mask.u32be("netmask")) : mask.u32ne("prefix length");
  return { timeout: seconds(timeout ?? 0), prefixLength };
}

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

export const listedFamily = (service: ListedService): Family => keyFamily(service.key);

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
