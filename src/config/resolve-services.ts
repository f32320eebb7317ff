// From the `services` section to virtual services and real servers: defaults filled in, ports and forwarding
// handed down, and refused what the kernel would refuse, or worse, would take and not do.

import { familyOf, isUnicast, type IpAddress } from "../core/address.js";
import type { Milliseconds } from "../core/units.js";
import { seconds } from "../core/units.js";
import { MOST_ENTRIES, portOfKey, type ServiceGroup } from "../ipvs/group.js";
import {
  serverId,
  serviceId,
  type Forwarding,
  type Persistence,
  type RealServer,
  type Scheduler,
} from "../ipvs/model.js";
import { checkOnePacket } from "./check-one-packet.js";
import type { Path } from "./diagnostic.js";
import type { CheckConfig, ServerConfig, ServiceConfig } from "./model.js";
import { serverOptions, serviceOptions } from "./resolve-kernel.js";
import { readKeys, type Keys } from "./resolve-keys.js";
import { policyOf } from "./resolve-policy.js";
import type { CheckReader } from "./resolve-checks.js";
import type { Report } from "./report.js";
import type { FileConfig, FileServer, FileService } from "./schema.js";

export function resolveServices(file: FileConfig, readChecks: CheckReader, report: Report): ServiceConfig[] {
  const virtual = virtualAddresses(file);
  const services: ServiceConfig[] = [];
  const ids = new Map<string, string>();
  for (const [name, written] of Object.entries(file.services ?? {})) {
    const path: Path = ["services", name];
    const keys = readKeys(written, file, path, report);
    if (keys === undefined) {
      checkWithoutKeys(name, written, file, readChecks, report);
      continue;
    }
    claim(name, keys, ids, path, report);
    checkVirtual(written, keys, virtual, path, report);
    services.push(serviceOf(name, written, keys, file, virtual, readChecks, report));
  }
  return services;
}

/** What is wrong in a service whatever its address is. */
function checkWithoutKeys(
  name: string,
  written: FileService,
  file: FileConfig,
  readChecks: CheckReader,
  report: Report,
): void {
  const path: Path = ["services", name];
  if (written.check !== undefined) readChecks(written.check, [...path, "check"]);
  if (written.servers.length === 0) noServers(path, report);
  const common = commonForwarding(written, file);
  for (const [i, entry] of written.servers.entries()) {
    const { forwarding, check } = isEndpoint(entry) ? {} : entry;
    if (check !== undefined) readChecks(check, [...path, "servers", i, "check"]);
    if (forwarding === undefined && common === undefined) return forwardingMissing(path, report);
  }
}

const noServers = (path: Path, report: Report): void =>
  report.warning([...path, "servers"], "no-servers", "is empty: the service refuses every connection");

const commonForwarding = (written: FileService, file: FileConfig): Forwarding | undefined =>
  written.forwarding ?? file.defaults?.service?.forwarding;

const forwardingMissing = (path: Path, report: Report): void =>
  report.error(
    path,
    "forwarding-missing",
    '"forwarding" is missing',
    "Choose direct-routing (same link, the real servers carry the service's address on lo), nat (the real " +
      "servers answer through this director) or tunnel (IPIP): the wrong one fails without a word.",
  );

/** No two services have the same key; of each pair that has it is told once. */
function claim(name: string, keys: Keys, ids: Map<string, string>, path: Path, report: Report): void {
  const told = new Set<string>();
  for (const key of keys.all) {
    const id = serviceId(key);
    const other = ids.get(id);
    if (other !== undefined && !told.has(other)) {
      told.add(other);
      report.error(
        path,
        "service-twice",
        keys.all.length === 1 ? `is ${id}, and so is "${other}"` : `has ${id}, and so has "${other}"`,
        "The kernel keeps one service for each address, port and protocol.",
      );
    }
    ids.set(id, name);
  }
}

function checkVirtual(
  { addresses }: FileService,
  keys: Keys,
  virtual: ReadonlySet<IpAddress>,
  path: Path,
  report: Report,
): void {
  if (virtual.size === 0) return;
  const strange = [...keys.addresses].filter((address) => !virtual.has(address));
  const [first] = strange;
  if (first === undefined || report.isBroken(["vrrp", "*", "addresses"])) return;
  const others = strange.length - 1;
  report.warning(
    [...path, addresses === undefined ? "address" : "addresses"],
    "not-virtual",
    others === 0
      ? `${first} is not an address of any instance under \`vrrp\``
      : `${first} and ${others} more are not addresses of any instance under \`vrrp\``,
    "The address would not move to the other director. Add it to an instance, or see to it by other means.",
  );
}

function serviceOf(
  name: string,
  written: FileService,
  keys: Keys,
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  readChecks: CheckReader,
  report: Report,
): ServiceConfig {
  const path: Path = ["services", name];
  const scheduler = written.scheduler ?? file.defaults?.service?.scheduler ?? "wlc";
  const { first: key } = keys;
  const persistence = persistenceOf(written, keys, path, report);
  if (keys.all.some((one) => one.kind === "address" && one.port === 0) && persistence === undefined)
    report.error(
      path,
      "port-zero",
      "port 0 stands for every port, and the kernel takes that only with persistence",
      "Add `persistence: 5m`, or name the port.",
    );
  const checks = written.check === undefined ? [] : readChecks(written.check, [...path, "check"]);
  const servers = serversOf(name, written, keys, file, virtual, checks, readChecks, report);
  checkWeights(scheduler, servers, path, report);
  if (servers.length === 0) noServers(path, report);
  const sorry = sorryServersOf(written, keys, file, virtual, path, report);
  const group = groupOf(written, keys, servers.length + sorry.length, path, report);
  const policy = policyOf(written, keys, servers, sorry, file, virtual, path, report);
  const options = serviceOptions(written, key, scheduler, persistence, path, report);
  const real = [...servers.map(({ server }) => server), ...sorry];
  checkOnePacket({ key, scheduler, ...options }, real, path, report);
  return {
    name,
    service: { key, scheduler, ...(persistence === undefined ? {} : { persistence }), ...options },
    ...(group === undefined ? {} : { group }),
    servers,
    ...(policy === undefined ? {} : { policy }),
  };
}

/** Undefined: it has one key. */
function groupOf(
  written: FileService,
  keys: Keys,
  servers: number,
  path: Path,
  report: Report,
): ServiceGroup | undefined {
  if (keys.all.length === 1) return undefined;
  const entries = keys.all.length * servers;
  if (entries > MOST_ENTRIES)
    report.error(
      path,
      "group-too-large",
      `${keys.all.length} addresses, ports and marks with ${servers} servers each make ${entries} entries of the kernel's table; ${MOST_ENTRIES} are the most`,
      "Let the firewall mark the packets, and use one `fwmark`.",
    );
  const further = keys.all.slice(1);
  if (keys.ports.size === 1) return { keys: further, ports: "keys" };
  // Where ports differ, a port that is written is meant for all of them.
  const all = portsWritten(written, path);
  const without = all.filter(({ has }) => !has);
  if (without.length === all.length) return { keys: further, ports: "keys" };
  const [lacking] = without;
  if (lacking !== undefined)
    report.error(
      lacking.path,
      "port-missing",
      "has no port, and other servers of this service, which has several ports, have one",
      "Write a port for each server: connections to all of the service's ports go there. Or for none: they keep theirs.",
    );
  return { keys: further, ports: "servers" };
}

function portsWritten(written: FileService, path: Path): { readonly path: Path; readonly has: boolean }[] {
  const given = written["sorry-server"] ?? [];
  const has = (entry: FileServer | SorryServer): boolean =>
    (isEndpoint(entry) ? entry.port : (entry.address.port ?? entry.port)) !== undefined;
  return [
    ...written.servers.map((entry, i) => ({ path: [...path, "servers", i], has: has(entry) })),
    ...(Array.isArray(given)
      ? given.map((entry, i) => ({ path: [...path, "sorry-server", i], has: has(entry) }))
      : [{ path: [...path, "sorry-server"], has: has(given) }]),
  ];
}

function persistenceOf(
  written: FileService,
  { families }: Keys,
  path: Path,
  report: Report,
): Persistence | undefined {
  if (written.persistence === undefined) return undefined;
  const given: { readonly timeout: Milliseconds; readonly "prefix-length"?: number | undefined } =
    typeof written.persistence === "number" ? { timeout: written.persistence } : written.persistence;
  const isMixed = families.size > 1;
  if (isMixed && given["prefix-length"] !== undefined)
    report.error(
      [...path, "persistence", "prefix-length"],
      "prefix-length",
      "the service has addresses of both families, which one length does not fit",
      "Remove it, or make a service for each family.",
    );
  // That of the first key; the others have that of their family (ipvs/group.ts).
  const most = families.values().next().value === "ipv4" ? 32 : 128;
  const timeout: Milliseconds = given.timeout;
  if (timeout % 1000 !== 0)
    report.error([...path, "persistence"], "whole-seconds", "the kernel counts persistence in whole seconds");
  const prefixLength = (isMixed ? undefined : given["prefix-length"]) ?? most;
  if (prefixLength > most)
    report.error(
      [...path, "persistence", "prefix-length"],
      "prefix-length",
      `an IPv4 address has ${most} bits`,
    );
  return { timeout: seconds(Math.max(1, Math.floor(timeout / 1000))), prefixLength };
}

function serversOf(
  name: string,
  written: FileService,
  keys: Keys,
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  serviceChecks: readonly CheckConfig[],
  readChecks: CheckReader,
  report: Report,
): ServerConfig[] {
  const common = commonForwarding(written, file);
  const inhibits = written["inhibit-on-failure"] ?? file.defaults?.service?.["inhibit-on-failure"] ?? false;
  const seen = new Map<string, number>();
  const optionsOf = serverOptions(written, ["services", name], report);
  const servers: ServerConfig[] = [];
  let toldOfForwarding = false;
  for (const [i, entry] of written.servers.entries()) {
    const path: Path = ["services", name, "servers", i];
    const full = isEndpoint(entry) ? { address: entry, weight: 1 } : entry;
    const { address } = full.address;
    const forwarding = full.forwarding ?? common;
    if (forwarding === undefined && !toldOfForwarding) {
      toldOfForwarding = true;
      forwardingMissing(["services", name], report);
    }
    const method = forwarding ?? "nat";
    const port = serverPort(full, keys, method, path, report);
    const options = optionsOf(full, method, path);
    const server = { address, port, forwarding: method, weight: full.weight, ...options };
    checkAddress(address, keys, method, file, virtual, path, report);
    const id = serverId(server);
    if (seen.has(id))
      report.error(
        path,
        "server-twice",
        `${id} stands in this service for the second time`,
        "The kernel keeps one entry for each address and port: give it the weight it should have.",
      );
    seen.set(id, i);
    const checks = full.check === undefined ? serviceChecks : readChecks(full.check, [...path, "check"]);
    readChecks.needPort(
      checks,
      port,
      full.check === undefined ? ["services", name, "check"] : [...path, "check"],
    );
    const inhibit = full["inhibit-on-failure"] ?? inhibits;
    servers.push({ server, checks, ...(inhibit ? { inhibit } : {}) });
  }
  return servers;
}

function sorryServersOf(
  written: FileService,
  keys: Keys,
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  path: Path,
  report: Report,
): RealServer[] {
  const given = written["sorry-server"];
  if (given === undefined) return [];
  const common = commonForwarding(written, file);
  const entries = Array.isArray(given) ? given : [given];
  return entries.map((entry, i) => {
    const at: Path = [...path, "sorry-server", ...(Array.isArray(given) ? [i] : [])];
    const full = isEndpoint(entry) ? { address: entry, weight: 1 } : entry;
    const { address } = full.address;
    // That of the service is missing is told of its servers.
    const forwarding = full.forwarding ?? common ?? "nat";
    const port = serverPort(full, keys, forwarding, at, report);
    checkAddress(address, keys, forwarding, file, virtual, at, report);
    return { address, port, forwarding, weight: full.weight };
  });
}

type FullServer = Exclude<FileServer, { readonly address: IpAddress }>;
type SorryServer = Exclude<FileService["sorry-server"], undefined | readonly unknown[]>;
type Endpoint = Extract<FileServer, { readonly address: IpAddress }>;
const isEndpoint = (entry: { readonly address: unknown }): entry is Endpoint =>
  typeof entry.address === "string";

/** The port connections go to; the kernel maps it with NAT alone. */
function serverPort(
  full: Pick<FullServer, "address" | "port">,
  keys: Keys,
  forwarding: Forwarding,
  path: Path,
  report: Report,
): number {
  const { port: within } = full.address;
  if (within !== undefined && full.port !== undefined)
    report.error([...path, "port"], "port-twice", "the address has a port already", "Keep one of the two.");
  const first = portOfKey(keys.first);
  const port = within ?? full.port ?? first;
  const at: Path = within === undefined && full.port !== undefined ? [...path, "port"] : [...path, "address"];
  const isWritten = within !== undefined || full.port !== undefined;
  if (isWritten) checkPort(port, keys, forwarding, at, report);
  return port;
}

function checkPort(port: number, keys: Keys, forwarding: Forwarding, at: Path, report: Report): void {
  const { first: key, all, ports } = keys;
  const first = portOfKey(key);
  if (ports.size > 1 && forwarding !== "nat") {
    report.error(
      at,
      "port-mapping",
      `the service has several ports, and the kernel cannot map all of them to ${port} with ${forwarding}`,
      "The packet reaches the real server unchanged. Remove the port, or use `forwarding: nat`.",
    );
    return;
  }
  if (port !== first && forwarding !== "nat")
    report.error(
      at,
      "port-mapping",
      first === 0
        ? `the kernel cannot map the ports of this service to ${port} with ${forwarding}`
        : `port ${port} is not the service's port ${first}, and the kernel cannot map it with ${forwarding}`,
      `The packet reaches the real server unchanged${first === 0 ? "" : `: it must listen on ${first}`}. Remove the port, or use \`forwarding: nat\`.`,
    );
  else if (port !== 0 && all.some((one) => one.kind === "address" && one.port === 0))
    report.error(
      at,
      "port-mapping",
      `a service of every port cannot be mapped to port ${port}`,
      "Remove the port.",
    );
  else if (port === 0 && (ports.size > 1 || first !== 0))
    report.error(at, "port-mapping", "port 0 is not a port", "Remove it: the service's port is used.");
}

function checkAddress(
  address: IpAddress,
  keys: Keys,
  forwarding: Forwarding,
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  path: Path,
  report: Report,
): void {
  const at: Path = [...path, "address"];
  if (!isUnicast(address) && !address.startsWith("127."))
    report.error(at, "not-unicast", `${address} is not the address of one host`);
  if (keys.addresses.has(address) || virtual.has(address))
    report.error(
      at,
      "server-is-virtual",
      `${address} is a virtual address: connections would go in a circle`,
    );
  if (keys.families.size === 1 && keys.families.has(familyOf(address))) return;
  if (forwarding !== "tunnel")
    report.error(
      at,
      "mixed-families",
      `${address} and the service are of different families, which the kernel does with \`tunnel\` alone`,
    );
  else if (file.sync !== undefined)
    report.error(
      at,
      "mixed-families",
      `${address} and the service are of different families, and \`sync\` is on`,
      "The kernel cannot synchronise connections of such services: remove `sync`, or use one family.",
    );
}

/** They look at no weight but 0; rr and lc have a kin that does. */
function checkWeights(
  scheduler: Scheduler,
  servers: readonly ServerConfig[],
  path: Path,
  report: Report,
): void {
  if (scheduler !== "rr" && scheduler !== "lc" && scheduler !== "dh") return;
  const weights = new Set(servers.map(({ server }) => server.weight).filter((weight) => weight > 0));
  if (weights.size > 1)
    report.warning(
      [...path, "scheduler"],
      "weights-unused",
      `${scheduler} does not look at weights, and the servers have different ones`,
      `Use ${scheduler === "dh" ? "sh" : `w${scheduler}`}, or remove the weights.`,
    );
}

function virtualAddresses(file: FileConfig): Set<IpAddress> {
  return new Set(
    Object.values(file.vrrp ?? {}).flatMap((instance) =>
      instance.addresses.map((entry) => ("length" in entry ? entry.address : entry.address.address)),
    ),
  );
}
