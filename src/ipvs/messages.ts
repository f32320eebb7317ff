// Commands and questions as messages of the kernel's IPVS family. Pure: `type` is the number the kernel gave the family.
// What it answers is read in answers.ts.

import { familyOf, ipBytes, ipv4Number, type Family } from "../core/address.js";
import { Writer } from "../core/bytes.js";
import { unreachable } from "../core/never.js";
import { toSeconds } from "../core/units.js";
import { writeGenericHeader } from "../netlink/generic.js";
import type { Request } from "../netlink/message.js";
import type { Command } from "./command.js";
import { familyOfKey } from "./group.js";
import type {
  ListedServer,
  RealServer,
  ServiceKey,
  SyncConfig,
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
  FLAG_PERSISTENT,
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

export function serviceValues({
  key,
  scheduler,
  persistence,
  flags: others = 0,
  engine,
}: VirtualService): ServiceValues {
  const v4 = familyOfKey(key) === "ipv4";
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
