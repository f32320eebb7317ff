// From the `services` section to virtual services and real servers: defaults filled in, ports and forwarding
// handed down, and refused what the kernel would refuse, or worse, would take and not do.

import type { IpAddress, Prefix } from "../core/address.js";
import { serviceId, type Scheduler } from "../ipvs/model.js";
import { checkOnePacket } from "./check-one-packet.js";
import type { Path } from "./diagnostic.js";
import type { ServerConfig, ServiceConfig } from "./model.js";
import type { CheckReader } from "./resolve-checks.js";
import { serviceOptions } from "./resolve-kernel.js";
import { readKeys, type Keys } from "./resolve-keys.js";
import { persistenceOf } from "./resolve-persistence.js";
import { policyOf } from "./resolve-policy.js";
import { commonForwarding, forwardingMissing, serversOf, sorryServersOf } from "./resolve-servers.js";
import { groupOf } from "./resolve-service-group.js";
import type { Report } from "./report.js";
import type { FileConfig, FileService } from "./schema.js";
import { isEndpoint } from "./written-server.js";

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

type WithAddresses = { readonly addresses: readonly (Prefix | { readonly address: Prefix })[] };

export function virtualAddresses(file: {
  readonly vrrp?: Readonly<Record<string, WithAddresses>> | undefined;
}): Set<IpAddress> {
  return new Set(
    Object.values(file.vrrp ?? {}).flatMap((instance) =>
      instance.addresses.map((entry) => ("length" in entry ? entry.address : entry.address.address)),
    ),
  );
}
