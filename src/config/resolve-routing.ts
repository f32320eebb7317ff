// From the routes and rules of the file to those of the model: families found, defaults filled in, and everything
// checked that concerns more than one key.

import {
  familyOf,
  formatPrefix,
  ip,
  ipBytes,
  ipFromBytes,
  type Family,
  type IpAddress,
  type Prefix,
} from "../core/address.js";
import {
  formatItem,
  type Route,
  type RoutingItem,
  type Routing,
  type Rule,
  type WeightedHop,
} from "../core/routing.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import type { FileRoute, FileRule } from "./schema.js";

type Written = {
  readonly routes?: readonly FileRoute[] | undefined;
  readonly rules?: readonly FileRule[] | undefined;
};

/** `at` is where `routes` and `rules` stand; `device` the interface of a route that names none. */
export function resolveRouting(
  written: Written,
  at: Path,
  device: string | undefined,
  report: Report,
): Routing | undefined {
  const { routes = [], rules = [] } = written;
  if (routes.length === 0 && rules.length === 0) return undefined;
  return {
    routes: routes.map((one, i) => routeOf(one, [...at, "routes", i], device, report)),
    rules: rules.map((one, i) => ruleOf(one, [...at, "rules", i], report)),
  };
}

/** Each route and each rule stands in the file once. */
export class Singles {
  private readonly seen = new Map<string, string>();
  private readonly report: Report;

  constructor(report: Report) {
    this.report = report;
  }

  /** `holder` in words: `"web"`, `static`. */
  add({ routes, rules }: Routing, at: Path, holder: string): void {
    routes.forEach((route, i) => this.one({ kind: "route", route }, [...at, "routes", i], holder));
    rules.forEach((rule, i) => this.one({ kind: "rule", rule }, [...at, "rules", i], holder));
  }

  private one(item: RoutingItem, path: Path, holder: string): void {
    const text = formatItem(item);
    const other = this.seen.get(text);
    if (other === undefined) this.seen.set(text, holder);
    else
      this.report.error(
        path,
        `${item.kind}-twice`,
        other === holder
          ? `the ${text} stands here for the second time`
          : `the ${text} also belongs to ${other}`,
        "When one of the two takes it away, the other would be without it.",
      );
  }
}

function routeOf(written: FileRoute, path: Path, device: string | undefined, report: Report): Route {
  const { to, type, source, metric, table, scope, mtu } = written;
  const hops = type === "unicast" ? hopsOf(written, path, device, report) : [];
  if (type !== "unicast") refuseHops(written, path, report);
  const gateway = hops.find(({ via }) => via !== undefined)?.via;
  const hint = source ?? gateway;
  const network = to === "default" ? everything(hint === undefined ? "ipv4" : familyOf(hint)) : to;
  const family = familyOf(network.address);
  checkNetwork(network, [...path, "to"], report);
  if (source !== undefined && familyOf(source) !== family)
    report.error(
      [...path, "source"],
      "family",
      `${source} cannot be the source of packets to ${formatPrefix(network)}`,
    );
  for (const { via } of hops)
    if (via !== undefined && family === "ipv6" && familyOf(via) === "ipv4")
      report.error(path, "family", `the IPv4 gateway ${via} cannot serve an IPv6 route`);
  if (scope !== undefined && family === "ipv6")
    report.warning([...path, "scope"], "no-effect", "has no effect on an IPv6 route", "Remove it.");
  return {
    to: network,
    type,
    hops,
    table,
    ...(source !== undefined && { source }),
    ...(metric !== undefined && { metric }),
    ...(scope !== undefined && family === "ipv4" && { scope }),
    ...(mtu !== undefined && { mtu }),
  };
}

function hopsOf(
  written: FileRoute,
  path: Path,
  device: string | undefined,
  report: Report,
): readonly WeightedHop[] {
  const several = written["next-hops"];
  if (several !== undefined) {
    refuseHops(written, path, report, "next-hops");
    return several.map((hop, i) => hopOf(hop, [...path, "next-hops", i], device, report));
  }
  return [hopOf({ ...written, weight: 1 }, path, device, report)];
}

type FileHop = Pick<FileRoute, "via" | "interface" | "onlink"> & { readonly weight: number };

function hopOf(written: FileHop, path: Path, device: string | undefined, report: Report): WeightedHop {
  const { via, onlink, weight } = written;
  const needsDevice = via === undefined || onlink === true || isLinkLocal(via);
  const name = written.interface ?? (needsDevice ? device : undefined);
  if (needsDevice && name === undefined)
    report.error(
      path,
      "route-interface",
      via === undefined
        ? "has neither a gateway nor an interface"
        : `does not say on which interface ${via} is`,
      "Write `via: GATEWAY`, `interface: NAME`, or both.",
    );
  if (onlink === true && via === undefined)
    report.error(
      [...path, "onlink"],
      "no-effect",
      "has no meaning without a gateway",
      "Write `via: GATEWAY`.",
    );
  return {
    weight,
    ...(via !== undefined && { via }),
    ...(name !== undefined && { interface: name }),
    ...(onlink === true && { onlink }),
  };
}

function refuseHops(written: FileRoute, path: Path, report: Report, instead?: "next-hops"): void {
  for (const key of [
    "via",
    "interface",
    "onlink",
    ...(instead === undefined ? (["next-hops"] as const) : []),
  ] as const)
    if (written[key] !== undefined)
      report.error(
        [...path, key],
        "route-hop",
        instead === undefined
          ? `a route of type ${written.type} leads nowhere`
          : "stands beside next-hops, each of which has its own",
        `Remove \`${key}\`${instead === undefined ? ", or the type" : ""}.`,
      );
}

function ruleOf(written: FileRule, path: Path, report: Report): Rule {
  const { priority, from, to, iif, oif, fwmark, table, type: action } = written;
  for (const key of ["from", "to"] as const) {
    const network = written[key];
    if (network !== undefined) checkNetwork(network, [...path, key], report);
  }
  const families = new Set(
    [from && familyOf(from.address), to && familyOf(to.address), written.family].filter(
      (family) => family !== undefined,
    ),
  );
  if (families.size > 1)
    report.error(path, "family", "is about IPv4 and IPv6 at once", "Write one rule for each family.");
  if (action === "lookup" && table === undefined)
    report.error(path, "rule-table", "does not say which table", "Write `table: NUMBER`, or another type.");
  if (action !== "lookup" && table !== undefined)
    report.error(
      [...path, "table"],
      "rule-table",
      `a rule of type ${action} asks no table`,
      "Remove `table`, or the type.",
    );
  const [family = "ipv4"] = families;
  return {
    family,
    priority,
    action,
    ...(action === "lookup" && table !== undefined && { table }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(iif !== undefined && { iif }),
    ...(oif !== undefined && { oif }),
    ...(fwmark !== undefined && { fwmark }),
  };
}

const everything = (family: Family): Prefix => ({
  address: ip(family === "ipv4" ? "0.0.0.0" : "::"),
  length: 0,
});

/** The kernel refuses a network with bits beyond its length, and does not say which one it means. */
function checkNetwork(prefix: Prefix, path: Path, report: Report): void {
  const network = networkOf(prefix);
  if (network !== prefix.address)
    report.error(
      path,
      "not-a-network",
      `${formatPrefix(prefix)} has bits beyond its length`,
      `The network is ${network}/${prefix.length}; the host is ${prefix.address}.`,
    );
}

function networkOf({ address, length }: Prefix): IpAddress {
  const bytes = ipBytes(address).map((byte, i) => {
    const bits = Math.min(8, Math.max(0, length - 8 * i));
    return byte & (0xff00 >> bits) & 0xff;
  });
  return ipFromBytes(bytes);
}

/** fe80::/10 */
const isLinkLocal = (address: IpAddress): boolean => {
  const bytes = ipBytes(address);
  return bytes.length === 16 && bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
};
