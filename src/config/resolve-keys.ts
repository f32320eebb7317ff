// Which packets a service takes: the keys that are written as one address or mark, or as lists and ranges of them.
// What cannot be is refused here: no key at all, too many, one twice, addresses without a port.

import { addressesIn } from "../core/address-range.js";
import { familyOf, isUnicast, type Family, type IpAddress } from "../core/address.js";
import { familyOfKey, MOST_KEYS, portOfKey } from "../ipvs/group.js";
import { serviceId, type Protocol, type ServiceKey } from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import type { FileConfig, FileService } from "./schema.js";

/** All keys of a service, and what they have between them. */
export type Keys = {
  readonly first: ServiceKey;
  /** The first one, too. */
  readonly all: readonly ServiceKey[];
  /** 0: every port, or that of the packet. */
  readonly ports: ReadonlySet<number>;
  readonly addresses: ReadonlySet<IpAddress>;
  readonly families: ReadonlySet<Family>;
};

/** Undefined: there is none, and it was told why. */
export function readKeys(
  written: FileService,
  file: FileConfig,
  path: Path,
  report: Report,
): Keys | undefined {
  const { address, fwmark, addresses, fwmarks } = written;
  const one = [address, fwmark].filter((single) => single !== undefined).length;
  const many = addresses !== undefined || fwmarks !== undefined;
  if (one === 2 || (one === 1 && many) || (one === 0 && !many)) {
    const both = many
      ? "has one address or mark, and lists of them, too"
      : "has both an address and a fwmark";
    report.error(
      path,
      "service-key",
      one === 0 ? "has neither an address nor a fwmark" : both,
      one > 0 && many
        ? "Put all of them into `addresses` and `fwmarks`."
        : "A service takes the packets to `address: ADDRESS:PORT`, or those with `fwmark: NUMBER`.",
    );
    return undefined;
  }
  const all = many ? manyKeys(written, file, path, report) : singleKey(written, file, path, report);
  const [first] = all;
  if (first === undefined) return undefined;
  return {
    first,
    all,
    ports: new Set(all.map(portOfKey)),
    addresses: new Set(all.flatMap((key) => (key.kind === "address" ? [key.address] : []))),
    families: new Set(all.map(familyOfKey)),
  };
}

function misplaced(
  written: FileService,
  keys: readonly ("port" | "ports" | "protocol" | "family")[],
  why: string,
  path: Path,
  report: Report,
): void {
  for (const key of keys) if (written[key] !== undefined) report.error([...path, key], "misplaced", why);
}
const NO_PORT = "a fwmark service takes what the firewall has marked, whatever its port and protocol";
const NO_FAMILY = "belongs to a fwmark service; here the address says it";
const NO_PORTS = "belongs to `addresses`; beside one `address` stands `port`";

const protocolOf = (written: FileService, file: FileConfig): Protocol =>
  written.protocol ?? file.defaults?.service?.protocol ?? "tcp";

function singleKey(written: FileService, file: FileConfig, path: Path, report: Report): ServiceKey[] {
  const { address, fwmark } = written;
  if (fwmark !== undefined) {
    misplaced(written, ["port", "ports", "protocol"], NO_PORT, path, report);
    return [{ kind: "fwmark", mark: fwmark, family: written.family ?? "ipv4" }];
  }
  if (address === undefined) return [];
  misplaced(written, ["family"], NO_FAMILY, path, report);
  misplaced(written, ["ports"], NO_PORTS, path, report);
  checkUnicast(address.address, [...path, "address"], report);
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
    return [];
  }
  return [{ kind: "address", protocol: protocolOf(written, file), address: address.address, port }];
}

function manyKeys(written: FileService, file: FileConfig, path: Path, report: Report): ServiceKey[] {
  const { addresses = [], fwmarks = [], port } = written;
  if (fwmarks.length === 0) misplaced(written, ["family"], NO_FAMILY, path, report);
  if (addresses.length === 0) misplaced(written, ["port", "ports", "protocol"], NO_PORT, path, report);
  if (port !== undefined && written.ports !== undefined)
    report.error([...path, "port"], "port-twice", "`ports` stands there already", "Keep one of the two.");
  const common = written.ports?.flat() ?? (port === undefined ? undefined : [port]);
  const protocol = protocolOf(written, file);
  const keys = new Map<string, ServiceKey>();
  let total = 0;
  const add = (key: ServiceKey, at: Path): void => {
    const id = serviceId(key);
    if (keys.has(id))
      report.error(
        at,
        "key-twice",
        `${id} stands in this service for the second time`,
        "Remove one of the two.",
      );
    keys.set(id, key);
  };
  let isUsed = false;
  for (const [i, entry] of addresses.entries()) {
    const at: Path = [...path, "addresses", i];
    const ports = entry.ports ?? common;
    isUsed ||= entry.ports === undefined;
    if (ports === undefined) {
      report.error(
        at,
        "port-missing",
        "has no port",
        "Write it behind the address, or add `ports: [80, 443]`.",
      );
      continue;
    }
    total += entry.count * ports.length;
    // Nothing is made of what is too much.
    if (total > MOST_KEYS) break;
    let isTold = false;
    for (const address of addressesIn(entry)) {
      isTold ||= checkUnicast(address, at, report);
      for (const one of ports) add({ kind: "address", protocol, address, port: one }, at);
    }
  }
  if (common !== undefined && addresses.length > 0 && !isUsed && total <= MOST_KEYS)
    report.error(
      [...path, written.ports === undefined ? "port" : "ports"],
      "port-twice",
      "every address has its ports already",
      "Keep one of the two.",
    );
  for (const [i, mark] of fwmarks.entries())
    add({ kind: "fwmark", mark, family: written.family ?? "ipv4" }, [...path, "fwmarks", i]);
  if (total + fwmarks.length > MOST_KEYS) {
    report.error(
      path,
      "too-many-keys",
      `has more than ${MOST_KEYS} addresses, ports and marks together`,
      "The kernel keeps a service of its own for each. Let the firewall mark the packets, and use `fwmark`.",
    );
    return [];
  }
  return [...keys.values()];
}

/** Gives whether it is not the address of one host. */
function checkUnicast(address: IpAddress, at: Path, report: Report): boolean {
  if (isUnicast(address)) return false;
  report.error(at, "not-unicast", `${address} is not the address of one host`);
  return true;
}
