// Routes and rules of policy routing as an operator writes them: plain values, the interfaces by name. What they
// look like in the kernel is not known here.

import { familyOf, formatPrefix, type Family, type IpAddress, type Prefix } from "./address.js";

/** What a route without a next hop does with a packet: drops it, or refuses it with an ICMP error. */
export const DEAD_ENDS = ["blackhole", "unreachable", "prohibit"] as const;
export type DeadEnd = (typeof DEAD_ENDS)[number];
export const ROUTE_SCOPES = ["global", "site", "link", "host"] as const;
export type RouteScope = (typeof ROUTE_SCOPES)[number];

export type NextHop = {
  /** The gateway; an IPv6 one may serve an IPv4 route (RFC 8950). Without one the destination is on the link. */
  readonly via?: IpAddress;
  readonly interface?: string;
  /** The gateway is on the link, whatever the other routes say. */
  readonly onlink?: boolean;
};
/** One of several next hops; of all packets it gets `weight` parts, 1..256. */
export type WeightedHop = NextHop & { readonly weight: number };

export type Route = {
  readonly to: Prefix;
  /** Dead ends have no next hops, all others at least one. */
  readonly type: "unicast" | DeadEnd;
  readonly hops: readonly WeightedHop[];
  /** The source address that is preferred for packets of this host. */
  readonly source?: IpAddress;
  /** 0..2^32-1, the lowest wins; without one IPv4 has 0 and IPv6 1024. */
  readonly metric?: number;
  /** 1..2^32-1 */
  readonly table: number;
  /** Without one: link, and global where there is a gateway. */
  readonly scope?: RouteScope;
  /** Bytes. */
  readonly mtu?: number;
};

export type Rule = {
  readonly family: Family;
  /** 1..32765: the order in which rules are asked. */
  readonly priority: number;
  readonly action: "lookup" | DeadEnd;
  /** Of "lookup"; 1..2^32-1. */
  readonly table?: number;
  readonly from?: Prefix;
  readonly to?: Prefix;
  /** Where a packet came in; "lo" is what this host sends itself. */
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: { readonly value: number; readonly mask: number };
};

/** What goes with the virtual addresses to the master, and away with them. */
export type Routing = { readonly routes: readonly Route[]; readonly rules: readonly Rule[] };

export type RoutingItem =
  { readonly kind: "route"; readonly route: Route } | { readonly kind: "rule"; readonly rule: Rule };

/** Routes first: a rule sends packets to them. */
export const itemsOf = ({ routes, rules }: Routing): readonly RoutingItem[] => [
  ...routes.map((route) => ({ kind: "route", route }) as const),
  ...rules.map((rule) => ({ kind: "rule", rule }) as const),
];

/** "route 10.1.0.0/16 via 10.0.0.1 dev eth0": the same for the same item, and different for different ones. */
export const formatItem = (item: RoutingItem): string =>
  item.kind === "route" ? `route ${formatRoute(item.route)}` : `rule ${formatRule(item.rule)}`;

/** RT_TABLE_MAIN. <linux/rtnetlink.h> */
export const MAIN_TABLE = 254;
/** As `ip route` writes it; two routes of the same text are the same route. */
export function formatRoute(route: Route): string {
  const { to, type, hops, source, metric, table, scope, mtu } = route;
  const only = hops.length === 1 ? hops[0] : undefined;
  return [
    ...(type === "unicast" ? [] : [type]),
    to.length === 0 ? "default" : formatPrefix(to),
    ...(only === undefined ? hops.map((hop) => `nexthop ${formatHop(hop)} weight ${hop.weight}`) : []),
    ...(only === undefined ? [] : [formatHop(only)]),
    ...(table === MAIN_TABLE ? [] : [`table ${table}`]),
    ...(source === undefined ? [] : [`src ${source}`]),
    ...(metric === undefined ? [] : [`metric ${metric}`]),
    ...(scope === undefined ? [] : [`scope ${scope}`]),
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
    ...(familyOf(to.address) === "ipv6" && to.length === 0 ? ["(IPv6)"] : []),
  ].join(" ");
}

const formatHop = ({ via, interface: device, onlink }: NextHop): string =>
  [
    ...(via === undefined ? [] : [`via ${via}`]),
    ...(device === undefined ? [] : [`dev ${device}`]),
    ...(onlink === true ? ["onlink"] : []),
  ].join(" ");

/** As `ip rule` writes it; two rules of the same text are the same rule. */
export function formatRule(rule: Rule): string {
  const { family, priority, action, table, from, to, iif, oif, fwmark } = rule;
  return [
    `${priority}: from ${from === undefined ? "all" : formatPrefix(from)}`,
    ...(to === undefined ? [] : [`to ${formatPrefix(to)}`]),
    ...(fwmark === undefined ? [] : [`fwmark ${hex(fwmark.value)}/${hex(fwmark.mask)}`]),
    ...(iif === undefined ? [] : [`iif ${iif}`]),
    ...(oif === undefined ? [] : [`oif ${oif}`]),
    action === "lookup" ? `lookup ${table ?? MAIN_TABLE}` : action,
    ...(family === "ipv6" && from === undefined && to === undefined ? ["(IPv6)"] : []),
  ].join(" ");
}

const hex = (value: number): string => `0x${value.toString(16)}`;
