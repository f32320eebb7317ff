// From the `vrrp` section to the instances of one director: defaults filled in, the priority of this node
// picked, and everything checked that concerns more than one value. All nodes of the file are looked at,
// because a pair fails as a pair.

import {
  compareIp,
  formatPrefix,
  isLinkLocal,
  isUnicast,
  type Family,
  type Prefix,
} from "../core/address.js";
import { milliseconds, seconds, type Milliseconds } from "../core/units.js";
import type { InstanceConfig, VirtualAddress } from "../vrrp/instance.js";
import { saidInterval } from "../vrrp/versions.js";
import type { Path } from "./diagnostic.js";
import { writeDuration } from "./duration.js";
import type { Report } from "./report.js";
import { checkGroups, priorityOn } from "./resolve-groups.js";
import { authOf, unicastOf, type AdvertContext, type ReadSecret } from "./resolve-adverts.js";
import { checkFamilies, checkTransport, familiesOf, splitByFamily } from "./resolve-family.js";
import { checkSecondPath, checkSecondPaths } from "./resolve-second-path.js";
import { resolveRouting } from "./resolve-routing.js";
import { checkWeights, followedTracks } from "./resolve-tracks.js";
import { checkLinks, virtualMacOf, withLink } from "./resolve-virtual-mac.js";
import type { FileConfig, FileInstance } from "./schema.js";
import { checkNodes } from "./per-node.js";

type Nodes = FileConfig["nodes"];
type Defaults = NonNullable<NonNullable<FileConfig["defaults"]>["vrrp"]>;

/** The kernel's name for it in every network namespace, unless somebody renames it. */
const LOOPBACK = "lo";

/** The instances as `node` runs them. */
export function resolveInstances(
  file: FileConfig,
  node: string,
  readSecret: ReadSecret,
  report: Report,
): InstanceConfig[] {
  const defaults = file.defaults?.vrrp ?? {};
  const nodes = { node, nodes: file.nodes, readSecret };
  const wholes: InstanceConfig[] = [];
  for (const [name, written] of Object.entries(file.vrrp ?? {})) {
    const priority = priorityOf(name, written, file.nodes, node, report);
    const tracks = followedTracks(name, written.track ?? [], file, report);
    const whole = { ...wholeOf(name, written, defaults, priority, nodes, report), tracks };
    checkSecondPath(whole, written, report);
    wholes.push(whole);
  }
  for (const whole of wholes) {
    checkFamilies(whole, report);
    checkTracks(whole, wholes, file, report);
  }
  checkTogether(wholes, file, report);
  checkGroups(wholes, file, report);
  checkTransport(wholes, file.process.transport, report);
  const instances = wholes.flatMap(splitByFamily).map(withLink);
  checkLinks(instances, file.process.transport, report);
  checkSecondPaths(instances, report);
  return instances;
}

/** An entry as one instance, its addresses as they are written, of one family or both. */
function wholeOf(
  name: string,
  written: FileInstance,
  defaults: Defaults,
  priority: number,
  nodes: Pick<AdvertContext, "node" | "nodes" | "readSecret">,
  report: Report,
): Omit<InstanceConfig, "tracks"> {
  const version = written.version ?? defaults.version ?? 3;
  const advertInterval = written["advert-interval"] ?? defaults["advert-interval"] ?? seconds(1);
  const intervalPath: Path =
    written["advert-interval"] === undefined && defaults["advert-interval"] !== undefined
      ? ["defaults", "vrrp", "advert-interval"]
      : ["vrrp", name, "advert-interval"];
  checkInterval(version, advertInterval, intervalPath, report);
  const preempt = written.preempt ?? defaults.preempt ?? true;
  const preemptDelay = written["preempt-delay"] ?? defaults["preempt-delay"] ?? milliseconds(0);
  if (!preempt && written["preempt-delay"] !== undefined && preemptDelay > 0)
    report.warning(
      ["vrrp", name, "preempt-delay"],
      "no-effect",
      "has no effect without preemption",
      "Remove it, or set `preempt: true`.",
    );
  if (written.interface === LOOPBACK)
    report.error(
      ["vrrp", name, "interface"],
      "loopback",
      "lo has no multicast, by which adverts are sent, and no other director is on it",
      "Name the interface on the network that the directors share. The addresses themselves may lie on lo: `addresses: [{ address: 192.0.2.1/32, interface: lo }]`.",
    );
  const announce = { ...defaults.announce, ...written.announce };
  const sourceAddress = written["source-address"];
  const given = sourceAddress === undefined ? {} : { sourceAddress };
  const addresses = [
    ...addressesOf(name, written, "addresses", report),
    ...addressesOf(name, written, "excluded-addresses", report),
  ];
  const families = familiesOf({ addresses });
  const context: AdvertContext = { ...nodes, ...given, families, version, advertInterval, report };
  const pathOf = (key: "unicast" | "auth"): Path =>
    written[key] === undefined ? ["defaults", "vrrp", key] : ["vrrp", name, key];
  const link = virtualMacOf(name, written["virtual-mac"], priority, report);
  checkRouterId(name, written, report);
  const second = written["second-path"];
  const routing = resolveRouting(written, ["vrrp", name], written.interface, report);
  return {
    name,
    interface: written.interface,
    family: families[0] ?? "ipv4",
    virtualRouterId: written["router-id"],
    version,
    priority,
    advertInterval,
    preempt,
    preemptDelay,
    startDelay: written["start-delay"] ?? defaults["start-delay"] ?? milliseconds(0),
    lowerPrioNoAdvert: written["lower-prio-no-advert"] ?? defaults["lower-prio-no-advert"] ?? false,
    accept: written.accept ?? defaults.accept ?? true,
    addresses,
    ...(link !== undefined && { virtualMac: link }),
    ...(second !== undefined && second !== "" && { secondPath: second }),
    ...given,
    ...unicastOf(written.unicast ?? defaults.unicast, pathOf("unicast"), context),
    ...authOf(written.auth ?? defaults.auth, pathOf("auth"), context),
    ...(routing === undefined ? {} : { routing }),
    otherAddresses: written["other-addresses"] ?? defaults["other-addresses"] ?? "accept",
    checksum: written.checksum ?? defaults.checksum ?? "rfc5798",
    announce: {
      repeat: announce.repeat ?? 5,
      delay: announce.delay ?? seconds(5),
      refresh: announce.refresh ?? milliseconds(0),
      refreshRepeat: announce["refresh-repeat"] ?? 1,
    },
    ...(written.group === undefined ? {} : { group: written.group }),
  };
}

/** The virtual_router_id of keepalived's sample file, and of half of the files that were written after it. */
const COMMON_ROUTER_ID = 51;

function checkRouterId(name: string, written: FileInstance, report: Report): void {
  if (written["router-id"] === COMMON_ROUTER_ID)
    report.warning(
      ["vrrp", name, "router-id"],
      "common-router-id",
      `${COMMON_ROUTER_ID} is the router-id of every example: another virtual router on this link may have it, too`,
      `Choose one from 1 to 255 that nobody on the link uses, the same on all directors; \`tcpdump -ni ${written.interface || "eth0"} proto 112\` shows those in use ("vrid").`,
    );
}

function checkInterval(
  version: InstanceConfig["version"],
  interval: Milliseconds,
  path: Path,
  report: Report,
): void {
  if (version === 2 && (interval < 1000 || interval % 1000 !== 0))
    report.error(
      path,
      "advert-interval",
      `VRRP version 2 counts in whole seconds, and ${writeDuration(interval)} is not one`,
      "Write whole seconds from 1s to 255s, or use `version: 3` on every director of this virtual router.",
    );
  if (version !== 2 && (interval > 40_950 || Math.abs(interval / 10 - Math.round(interval / 10)) > 1e-6))
    report.error(
      path,
      "advert-interval",
      `VRRP version 3 takes 10ms to 40.95s in steps of 10ms, and not ${writeDuration(interval)}`,
      "The interval has 12 bits of hundredths of a second in an advert (RFC 9568 section 5.2.7).",
    );
  else if (version === "2+3" && saidInterval(2, interval) !== interval)
    report.warning(
      path,
      "version-2-interval",
      `adverts of version 2 say ${writeDuration(saidInterval(2, interval))}, in whole seconds, and are sent every ${writeDuration(interval)}`,
      "RFC 9568 section 8.4.3 advises whole seconds until no router speaks version 2 any more: one of version 2 may not keep up, and as master he is slower than the others expect.",
    );
}

/** The priority of this instance on `node`; problems of all nodes are reported. */
function priorityOf(name: string, written: FileInstance, nodes: Nodes, node: string, report: Report): number {
  const path: Path = ["vrrp", name, "priority"];
  const own = written.priority;
  const names = Object.keys(nodes);
  const byNode = new Map<string, number>();
  for (const key of names) {
    const priority = priorityOn(written, nodes, key);
    if (priority !== undefined) byNode.set(key, priority);
    else if (!report.lacksNames(path))
      report.error(
        own === undefined ? ["nodes", key] : path,
        "priority-missing",
        `the instance "${name}" has no priority on the node "${key}"`,
        `Give the node a priority, or the instance one for each node: priority: { ${names.map((n, i) => `${n}: ${150 - 50 * Math.min(i, 2)}`).join(", ")} }.`,
      );
  }
  if (typeof own === "object") checkNodes(own, nodes, path, report);
  checkPriorities(own === undefined ? ["vrrp", name] : path, byNode, written, nodes, report);
  // Where it is missing the rest is looked at all the same.
  return byNode.get(node) ?? 100;
}

function checkPriorities(
  path: Path,
  byNode: ReadonlyMap<string, number>,
  written: FileInstance,
  nodes: Nodes,
  report: Report,
): void {
  const owners = [...byNode].filter(([, priority]) => priority === 255).map(([node]) => node);
  if (owners.length > 1)
    report.error(
      path,
      "several-owners",
      `${owners.join(" and ")} both have priority 255: an address has one owner`,
      "Use priorities from 1 to 254.",
    );
  const addresses = written.addresses.map((entry) => prefixOf(entry).address);
  for (const owner of owners) {
    const address = nodes[owner]?.address;
    if (
      owners.length === 1 &&
      (address === undefined || !addresses.includes(address)) &&
      !report.isBroken([...path.slice(0, 2), "addresses"]) &&
      !report.lacksNames(["nodes"])
    )
      report.warning(
        path,
        "owner",
        `priority 255 means that ${owner} owns the address and always takes it, whatever \`preempt\` says`,
        "Use a priority from 1 to 254 unless the virtual address is this director's own.",
      );
  }
  const seen = new Map<number, string>();
  for (const [node, priority] of byNode) {
    const other = seen.get(priority);
    if (other !== undefined && priority !== 255)
      report.warning(
        path,
        "equal-priorities",
        `${other} and ${node} have the same priority, ${priority}`,
        "The director with the higher address wins. Different priorities make it plain who is master.",
      );
    seen.set(priority, node);
  }
}

/** A sync group follows what any of its members follows. */
function checkTracks(
  instance: InstanceConfig,
  instances: readonly InstanceConfig[],
  file: FileConfig,
  report: Report,
): void {
  if (instance.tracks.length === 0) return;
  const { group } = instance;
  const together = group === undefined ? [instance] : instances.filter((other) => other.group === group);
  const written = file.vrrp?.[instance.name];
  const priorities = Object.keys(file.nodes).flatMap((node) => {
    const priority = written && priorityOn(written, file.nodes, node);
    return priority === undefined ? [] : [[node, priority] as const];
  });
  const tracks = new Map(together.flatMap((member) => member.tracks).map((track) => [track.id, track]));
  checkWeights(instance, [...tracks.values()], new Map(priorities), report);
}

export const prefixOf = (entry: FileInstance["addresses"][number]): Prefix =>
  "length" in entry ? entry : entry.address;

function addressesOf(
  name: string,
  written: FileInstance,
  key: "addresses" | "excluded-addresses",
  report: Report,
): VirtualAddress[] {
  const excluded = key === "excluded-addresses";
  return (written[key] ?? []).map((entry, i) => {
    const prefix = prefixOf(entry);
    const path: Path = ["vrrp", name, key, i];
    if (!isUnicast(prefix.address))
      report.error(path, "not-unicast", `${prefix.address} is not the address of one host`);
    return {
      prefix,
      interface: ("length" in entry ? undefined : entry.interface) ?? written.interface,
      ...(excluded && { excluded }),
    };
  });
}

/** What no instance can see by itself. */
function checkTogether(instances: readonly InstanceConfig[], file: FileConfig, report: Report): void {
  const { nodes, vrrp = {} } = file;
  const routers = new Map<string, string>();
  const addresses = new Map<string, string>();
  const ownAddresses = new Map(
    Object.entries(nodes).flatMap(([name, node]) =>
      node.address === undefined ? [] : [[node.address, name] as const],
    ),
  );
  for (const instance of instances) {
    const taken = familiesOf(instance).map((family) => routerOn(instance, family));
    const other = taken.map((router) => routers.get(router)).find((holder) => holder !== undefined);
    if (other !== undefined)
      report.error(
        ["vrrp", instance.name, "router-id"],
        "router-id-taken",
        `${instance.virtualRouterId} is also the router-id of "${other}" on ${instance.interface}`,
        "Each virtual router of a family on a link has a router-id of its own, from 1 to 255.",
      );
    else for (const router of taken) routers.set(router, instance.name);
    for (const [i, { prefix, interface: on, excluded }] of instance.addresses.entries()) {
      const path: Path = ["vrrp", instance.name, ...placeOf(instance, i, excluded === true)];
      // The same link-local address on another link is another address.
      const key = isLinkLocal(prefix.address) ? `${prefix.address} ${on}` : prefix.address;
      const holder = addresses.get(key);
      if (holder !== undefined)
        report.error(
          path,
          "address-twice",
          holder === instance.name
            ? `${prefix.address} stands here for the second time`
            : `${prefix.address} is also an address of "${holder}"`,
          "An address belongs to one virtual router.",
        );
      else addresses.set(key, instance.name);
      const node = ownAddresses.get(prefix.address);
      const written = vrrp[instance.name];
      // The owner's address is virtual too: the others take it while the owner is away.
      const owned = node !== undefined && written && priorityOn(written, nodes, node) === 255;
      if (node !== undefined && owned !== true)
        report.error(
          path,
          "own-address",
          `${prefix.address} is the own address of the node "${node}"`,
          "A virtual address is one that no director has by itself.",
        );
      checkSource(instance.name, written, prefix, report);
    }
    if (vrrp[instance.name]?.["source-address"] !== undefined && Object.keys(nodes).length > 1)
      report.warning(
        ["vrrp", instance.name, "source-address"],
        "shared-source",
        "every director that reads this file would send from this address",
        "Leave it out: each director then sends from the first address of its interface.",
      );
  }
}

/** Where an address of the instance stands in the file: the excluded ones follow the others. */
const placeOf = ({ addresses }: InstanceConfig, i: number, excluded: boolean): Path =>
  excluded
    ? ["excluded-addresses", i - addresses.filter((one) => one.excluded !== true).length]
    : ["addresses", i];

const routerOn = (instance: InstanceConfig, family: Family): string =>
  `${instance.interface} ${family} ${instance.virtualRouterId}`;

function checkSource(name: string, written: FileInstance | undefined, prefix: Prefix, report: Report): void {
  const source = written?.["source-address"];
  if (source !== undefined && compareIp(source, prefix.address) === 0)
    report.error(
      ["vrrp", name, "source-address"],
      "source-is-virtual",
      `is the virtual address ${formatPrefix(prefix)}, which moves away`,
      "Adverts come from an address that stays on this director.",
    );
}
