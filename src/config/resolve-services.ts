// From the `services` section to virtual services and real servers: defaults filled in, ports and forwarding
// handed down, and refused what the kernel would refuse, or worse, would take and not do.

import { familyOf, isUnicast, type Family, type IpAddress } from "../core/address.js";
import type { Milliseconds } from "../core/units.js";
import { seconds } from "../core/units.js";
import {
  serverId,
  serviceId,
  type Forwarding,
  type Persistence,
  type RealServer,
  type Scheduler,
  type ServiceKey,
} from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { CheckConfig, ServerConfig, ServiceConfig } from "./model.js";
import { serverOptions, serviceOptions } from "./resolve-kernel.js";
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
    const key = keyOf(written, file, path, report);
    if (key === undefined) continue;
    const id = serviceId(key);
    const other = ids.get(id);
    if (other !== undefined)
      report.error(
        path,
        "service-twice",
        `is ${id}, and so is "${other}"`,
        "The kernel keeps one service for each address, port and protocol.",
      );
    ids.set(id, name);
    if (key.kind === "address" && virtual.size > 0 && !virtual.has(key.address))
      report.warning(
        [...path, "address"],
        "not-virtual",
        `${key.address} is not an address of any instance under \`vrrp\``,
        "The address would not move to the other director. Add it to an instance, or see to it by other means.",
      );
    services.push(serviceOf(name, written, key, file, virtual, readChecks, report));
  }
  return services;
}

function serviceOf(
  name: string,
  written: FileService,
  key: ServiceKey,
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  readChecks: CheckReader,
  report: Report,
): ServiceConfig {
  const path: Path = ["services", name];
  const scheduler = written.scheduler ?? file.defaults?.service?.scheduler ?? "wlc";
  const persistence = persistenceOf(written, familyOfKey(key), path, report);
  if (key.kind === "address" && key.port === 0 && persistence === undefined)
    report.error(
      path,
      "port-zero",
      "port 0 stands for every port, and the kernel takes that only with persistence",
      "Add `persistence: 5m`, or name the port.",
    );
  const checks = written.check === undefined ? [] : readChecks(written.check, [...path, "check"]);
  const servers = serversOf(name, written, key, file, virtual, checks, readChecks, report);
  checkWeights(scheduler, servers, path, report);
  if (servers.length === 0)
    report.warning([...path, "servers"], "no-servers", "is empty: the service refuses every connection");
  const sorry = sorryServersOf(written, key, file, virtual, path, report);
  const policy = policyOf(written, key, servers, sorry, file, virtual, path, report);
  return {
    name,
    service: {
      key,
      scheduler,
      ...(persistence === undefined ? {} : { persistence }),
      ...serviceOptions(written, key, scheduler, persistence, path, report),
    },
    servers,
    ...(policy === undefined ? {} : { policy }),
  };
}

function keyOf(written: FileService, file: FileConfig, path: Path, report: Report): ServiceKey | undefined {
  const { address, fwmark } = written;
  if ((address === undefined) === (fwmark === undefined)) {
    report.error(
      path,
      "service-key",
      address === undefined ? "has neither an address nor a fwmark" : "has both an address and a fwmark",
      "A service takes the packets to `address: ADDRESS:PORT`, or those with `fwmark: NUMBER`.",
    );
    return undefined;
  }
  const misplaced = (keys: readonly ("port" | "protocol" | "family")[], why: string): void => {
    for (const key of keys) if (written[key] !== undefined) report.error([...path, key], "misplaced", why);
  };
  if (fwmark !== undefined) {
    misplaced(
      ["port", "protocol"],
      "a fwmark service takes what the firewall has marked, whatever its port and protocol",
    );
    return { kind: "fwmark", mark: fwmark, family: written.family ?? "ipv4" };
  }
  if (address === undefined) return undefined;
  misplaced(["family"], "belongs to a fwmark service; here the address says it");
  if (!isUnicast(address.address))
    report.error([...path, "address"], "not-unicast", `${address.address} is not the address of one host`);
  if (address.port !== undefined && written.port !== undefined)
    report.error([...path, "port"], "port-twice", "the address has a port already", "Keep one of the two.");
  const port = address.port ?? written.port;
  if (port === undefined) {
    report.error(
      [...path, "address"],
      "port-missing",
      "has no port",
      `Write ${familyOf(address.address) === "ipv4" ? `${address.address}:80` : `"[${address.address}]:80"`}, or add \`port: 80\`.`,
    );
    return undefined;
  }
  const protocol = written.protocol ?? file.defaults?.service?.protocol ?? "tcp";
  return { kind: "address", protocol, address: address.address, port };
}

function persistenceOf(
  written: FileService,
  family: Family,
  path: Path,
  report: Report,
): Persistence | undefined {
  if (written.persistence === undefined) return undefined;
  const given =
    typeof written.persistence === "number" ? { timeout: written.persistence } : written.persistence;
  const most = family === "ipv4" ? 32 : 128;
  const timeout: Milliseconds = given.timeout;
  if (timeout % 1000 !== 0)
    report.error([...path, "persistence"], "whole-seconds", "the kernel counts persistence in whole seconds");
  const prefixLength = given["prefix-length"] ?? most;
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
  key: ServiceKey,
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  serviceChecks: readonly CheckConfig[],
  readChecks: CheckReader,
  report: Report,
): ServerConfig[] {
  const common = written.forwarding ?? file.defaults?.service?.forwarding;
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
      report.error(
        ["services", name],
        "forwarding-missing",
        '"forwarding" is missing',
        "Choose direct-routing (same link, the real servers carry the service's address on lo), nat (the real " +
          "servers answer through this director) or tunnel (IPIP): the wrong one fails without a word.",
      );
    }
    const method = forwarding ?? "nat";
    const port = serverPort(full, key, method, path, report);
    const options = optionsOf(full, method, path);
    const server = { address, port, forwarding: method, weight: full.weight, ...options };
    checkAddress(address, key, method, file, virtual, path, report);
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
  key: ServiceKey,
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  path: Path,
  report: Report,
): RealServer[] {
  const given = written["sorry-server"];
  if (given === undefined) return [];
  const common = written.forwarding ?? file.defaults?.service?.forwarding;
  const entries = Array.isArray(given) ? given : [given];
  return entries.map((entry, i) => {
    const at: Path = [...path, "sorry-server", ...(Array.isArray(given) ? [i] : [])];
    const full = isEndpoint(entry) ? { address: entry, weight: 1 } : entry;
    const { address } = full.address;
    // That of the service is missing is told of its servers.
    const forwarding = full.forwarding ?? common ?? "nat";
    const port = serverPort(full, key, forwarding, at, report);
    checkAddress(address, key, forwarding, file, virtual, at, report);
    return { address, port, forwarding, weight: full.weight };
  });
}

type FullServer = Exclude<FileServer, { readonly address: IpAddress }>;
type Endpoint = Extract<FileServer, { readonly address: IpAddress }>;
const isEndpoint = (entry: { readonly address: unknown }): entry is Endpoint =>
  typeof entry.address === "string";

/** The port connections go to; the kernel maps it with NAT alone. */
function serverPort(
  full: Pick<FullServer, "address" | "port">,
  key: ServiceKey,
  forwarding: Forwarding,
  path: Path,
  report: Report,
): number {
  const { port: within } = full.address;
  if (within !== undefined && full.port !== undefined)
    report.error([...path, "port"], "port-twice", "the address has a port already", "Keep one of the two.");
  const served = key.kind === "address" ? key.port : 0;
  const port = within ?? full.port ?? served;
  const at: Path = within === undefined && full.port !== undefined ? [...path, "port"] : [...path, "address"];
  if (port !== served && forwarding !== "nat")
    report.error(
      at,
      "port-mapping",
      served === 0
        ? `the kernel cannot map the ports of this service to ${port} with ${forwarding}`
        : `port ${port} is not the service's port ${served}, and the kernel cannot map it with ${forwarding}`,
      `The packet reaches the real server unchanged${served === 0 ? "" : `: it must listen on ${served}`}. Remove the port, or use \`forwarding: nat\`.`,
    );
  else if (port !== served && key.kind === "address" && served === 0)
    report.error(
      at,
      "port-mapping",
      `a service of every port cannot be mapped to port ${port}`,
      "Remove the port.",
    );
  else if (port === 0 && served !== 0)
    report.error(at, "port-mapping", "port 0 is not a port", "Remove it: the service's port is used.");
  return port;
}

function checkAddress(
  address: IpAddress,
  key: ServiceKey,
  forwarding: Forwarding,
  file: FileConfig,
  virtual: ReadonlySet<IpAddress>,
  path: Path,
  report: Report,
): void {
  const at: Path = [...path, "address"];
  const family = familyOfKey(key);
  if (!isUnicast(address) && !address.startsWith("127."))
    report.error(at, "not-unicast", `${address} is not the address of one host`);
  if ((key.kind === "address" && key.address === address) || virtual.has(address))
    report.error(
      at,
      "server-is-virtual",
      `${address} is a virtual address: connections would go in a circle`,
    );
  if (familyOf(address) === family) return;
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

/** rr and lc look at no weight but 0. */
function checkWeights(
  scheduler: Scheduler,
  servers: readonly ServerConfig[],
  path: Path,
  report: Report,
): void {
  if (scheduler !== "rr" && scheduler !== "lc") return;
  const weights = new Set(servers.map(({ server }) => server.weight).filter((weight) => weight > 0));
  if (weights.size > 1)
    report.warning(
      [...path, "scheduler"],
      "weights-unused",
      `${scheduler} does not look at weights, and the servers have different ones`,
      `Use w${scheduler}, or remove the weights.`,
    );
}

export const familyOfKey = (key: ServiceKey): Family =>
  key.kind === "address" ? familyOf(key.address) : key.family;

function virtualAddresses(file: FileConfig): Set<IpAddress> {
  return new Set(
    Object.values(file.vrrp ?? {}).flatMap((instance) =>
      instance.addresses.map((entry) => ("length" in entry ? entry.address : entry.address.address)),
    ),
  );
}
