// Whether connections can be sent to a server's address and port: the kernel maps ports with NAT alone, and families
// through tunnels alone.

import { familyOf, isUnicast, type IpAddress } from "../core/address.js";
import { portOfKey } from "../ipvs/group.js";
import type { Forwarding } from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { Keys } from "./resolve-keys.js";
import type { Report } from "./report.js";
import type { FileConfig } from "./schema.js";
import type { FullServer } from "./written-server.js";

/** The port connections go to; the kernel maps it with NAT alone. */
export function serverPort(
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

export function checkAddress(
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
