// What must be ordered so that a table becomes the wanted one. Pure and idempotent: applied, it leaves nothing to
// order a second time. Looks at each service and server once. Services that are neither wanted nor ours are
// somebody else's and are left alone.

import { ipBytes, ipv4Number } from "../core/address.js";
import type { Command } from "./command.js";
import type {
  ListedEntry,
  ListedServer,
  ListedService,
  ListedTable,
  RealServer,
  ServiceEntry,
  ServiceId,
  Table,
  Tunnel,
  VirtualService,
} from "./model.js";

/**
 * The commands in the order they must be carried out. `owned` are the services that vipd made at some time: those
 * of them which are no longer wanted go. A wanted service that is there already is taken over as it is.
 */
export function diff(actual: ListedTable, wanted: Table, owned: ReadonlySet<ServiceId>): Command[] {
  const commands: Command[] = [];
  for (const [id, entry] of wanted) diffService(actual.get(id), entry, commands);
  for (const [id, entry] of actual)
    if (owned.has(id) && !wanted.has(id)) diffService(entry, undefined, commands);
  return commands;
}

/** Appends the commands for one service; undefined is a service that is not there, or not wanted. */
export function diffService(
  actual: ListedEntry | undefined,
  wanted: ServiceEntry | undefined,
  commands: Command[],
): void {
  if (wanted === undefined) {
    if (actual !== undefined)
      commands.push({ kind: "remove-service", key: actual.service.key, servers: actual.servers.size });
    return;
  }
  const { service, servers } = wanted;
  if (actual === undefined) commands.push({ kind: "add-service", service });
  else if (!sameService(actual.service, service))
    commands.push({ kind: "edit-service", service, was: actual.service });
  // First what adds capacity, then what takes it away: a service that changes all its servers is never empty.
  const silenced: Command[] = [];
  for (const [id, server] of servers) {
    const was = actual?.servers.get(id);
    if (was === undefined) commands.push({ kind: "add-server", key: service.key, server });
    else if (was !== server && !sameServer(was, server))
      (server.weight === 0 ? silenced : commands).push({
        kind: "edit-server",
        key: service.key,
        server,
        was,
      });
  }
  commands.push(...silenced);
  if (actual === undefined) return;
  for (const [id, server] of actual.servers)
    if (!servers.has(id)) commands.push({ kind: "remove-server", key: service.key, server });
}

export function sameService(actual: ListedService, wanted: VirtualService): boolean {
  const a = actual.persistence;
  const b = wanted.persistence;
  return (
    actual.scheduler === wanted.scheduler &&
    (actual.flags ?? 0) === (wanted.flags ?? 0) &&
    actual.engine === wanted.engine &&
    a?.timeout === b?.timeout &&
    a?.prefixLength === b?.prefixLength &&
    a?.mask === undefined
  );
}

function sameServer(actual: ListedServer, wanted: RealServer): boolean {
  return (
    actual.weight === wanted.weight &&
    actual.forwarding === wanted.forwarding &&
    (actual.upper ?? 0) === (wanted.upper ?? 0) &&
    (actual.lower ?? 0) === (wanted.lower ?? 0) &&
    (wanted.forwarding !== "tunnel" || sameTunnel(actual.tunnel, wanted.tunnel))
  );
}

export const sameTunnel = (a: Tunnel | undefined, b: Tunnel | undefined): boolean =>
  a === b || (a?.kind === b?.kind && a?.port === b?.port && a?.checksum === b?.checksum);

/**
 * The order in which servers are added to a service: by the bytes of the address, then by port. Schedulers that
 * hash (mh) fill their tables in this order, so that both directors of a pair choose the same server. One that comes
 * back later is at another place in the kernel's list, and stays there (docs/adr/0009-the-order-of-servers.md).
 */
export function canonicalOrder<S extends { readonly server: RealServer }>(servers: readonly S[]): S[] {
  if (servers.length < 2) return [...servers];
  if (isInOrder(servers)) return [...servers];
  const keyed = servers.map((one) => ({ one, key: sortKey(one.server) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ one }) => one);
}

/** Mostly they are IPv4 and written in this order already, which is seen without a key for each of thousands. */
function isInOrder(servers: readonly { readonly server: RealServer }[]): boolean {
  let last = -1;
  let lastPort = 0;
  for (const { server } of servers) {
    const number = ipv4Number(server.address);
    if (number === undefined || number < last || (number === last && server.port < lastPort)) return false;
    last = number;
    lastPort = server.port;
  }
  return true;
}

/** One character a byte; the length first, so that IPv4 comes before IPv6. */
function sortKey({ address, port }: RealServer): string {
  const bytes = ipBytes(address);
  return String.fromCharCode(bytes.length, ...bytes, port);
}
