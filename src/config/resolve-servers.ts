// The real servers of a service, and its sorry servers: what the service says is handed down to them.

import type { IpAddress } from "../core/address.js";
import { serverId, type Forwarding, type RealServer } from "../ipvs/model.js";
import { checkAddress, serverPort } from "./check-endpoint.js";
import type { Path } from "./diagnostic.js";
import type { CheckConfig, ServerConfig } from "./model.js";
import type { CheckReader } from "./resolve-checks.js";
import { serverOptions } from "./resolve-kernel.js";
import type { Keys } from "./resolve-keys.js";
import type { Report } from "./report.js";
import type { FileConfig, FileService } from "./schema.js";
import { inFull } from "./written-server.js";

export const commonForwarding = (written: FileService, file: FileConfig): Forwarding | undefined =>
  written.forwarding ?? file.defaults?.service?.forwarding;

export const forwardingMissing = (path: Path, report: Report): void =>
  report.error(
    path,
    "forwarding-missing",
    '"forwarding" is missing',
    "Choose direct-routing (same link, the real servers carry the service's address on lo), nat (the real " +
      "servers answer through this director) or tunnel (IPIP): the wrong one fails without a word.",
  );

export function serversOf(
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
    const full = inFull(entry);
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
    readChecks.suit(
      checks,
      server,
      full.check === undefined ? ["services", name, "check"] : [...path, "check"],
    );
    const inhibit = full["inhibit-on-failure"] ?? inhibits;
    servers.push({ server, checks, ...(inhibit ? { inhibit } : {}) });
  }
  return servers;
}

export function sorryServersOf(
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
    const full = inFull(entry);
    const { address } = full.address;
    // That of the service is missing is told of its servers.
    const forwarding = full.forwarding ?? common ?? "nat";
    const port = serverPort(full, keys, forwarding, at, report);
    checkAddress(address, keys, forwarding, file, virtual, at, report);
    return { address, port, forwarding, weight: full.weight };
  });
}
