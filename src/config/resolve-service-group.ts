// What a service with several keys has beside the first one, and which port its servers have at each of them.

import { MOST_ENTRIES, type ServiceGroup } from "../ipvs/group.js";
import type { Path } from "./diagnostic.js";
import type { Keys } from "./resolve-keys.js";
import type { Report } from "./report.js";
import type { FileServer, FileService } from "./schema.js";
import { isEndpoint, type SorryServer } from "./written-server.js";

/** Undefined: it has one key. */
export function groupOf(
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
