// Messages of rtnetlink about routes and rules (linux/rtnetlink.h, linux/fib_rules.h): requests to add and remove
// them. All of ours carry a protocol number of their own, and a request to remove one matches no other's.

import { familyOf, ipBytes } from "../core/address.js";
import { Writer } from "../core/bytes.js";
import { MAIN_TABLE, type DeadEnd, type Route, type RouteScope, type Rule } from "../core/routing.js";
import { attributes, binary, cstring, nested, u32, u8 } from "./attribute.js";
import { CREATE, EXCLUSIVE, type Request } from "./message.js";

/** RTM_*. */
const NEW_ROUTE = 24;
const DELETE_ROUTE = 25;
const NEW_RULE = 32;
const DELETE_RULE = 33;

/**
 * Who added a route or a rule (rtm_protocol, FRA_PROTOCOL). Numbers from 5 on are for programs; this one is the IP
 * protocol number of VRRP, and taken by none in linux/rtnetlink.h.
 */
export const OUR_PROTOCOL = 112;

const AF_INET = 2;
const AF_INET6 = 10;
/** RT_TABLE_COMPAT: the table is too large for its byte and stands in an attribute alone. */
const TABLE_IN_ATTRIBUTE = 252;
const RTNH_F_ONLINK = 4;
/** RTN_*. */
const ROUTE_TYPES: Record<Route["type"], number> = { unicast: 1, blackhole: 6, unreachable: 7, prohibit: 8 };
/** RT_SCOPE_*. */
const SCOPES: Record<RouteScope, number> = { global: 0, site: 200, link: 253, host: 254 };
/** FR_ACT_*. */
const RULE_ACTIONS: Record<"lookup" | DeadEnd, number> = {
  lookup: 1,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
};

/** A hop as the kernel takes it: the interface by its index. */
type KernelHop = { readonly ifindex: number; readonly hop: Route["hops"][number] };

/** RTA_* of a next hop: the gateway, and RTA_VIA for one of another family than the route's. */
const hopAttributes = attributes({ gateway: [5, binary], via: [18, binary] });
const metrics = attributes({ mtu: [2, u32] });

/** RTA_MULTIPATH, struct rtnexthop: length, flags, weight - 1, interface, then attributes. */
function multipath(hops: readonly KernelHop[], v6: boolean): Uint8Array {
  const out = new Writer();
  for (const { ifindex, hop } of hops) {
    const start = out.offset;
    out
      .u16ne(0)
      .u8(hop.onlink === true ? RTNH_F_ONLINK : 0)
      .u8(hop.weight - 1)
      .u32ne(ifindex);
    hopAttributes.write(out, gatewayOf(hop, v6));
    out.patchU16ne(start, out.offset - start);
  }
  return out.finish();
}

const routeAttributes = attributes({
  to: [1, binary],
  ifindex: [4, u32],
  gateway: [5, binary],
  metric: [6, u32],
  source: [7, binary],
  metrics: [8, nested(metrics)],
  hops: [9, binary],
  table: [15, u32],
  via: [18, binary],
});

const ruleAttributes = attributes({
  to: [1, binary],
  from: [2, binary],
  iif: [3, cstring],
  priority: [6, u32],
  mark: [10, u32],
  table: [15, u32],
  mask: [16, u32],
  oif: [17, cstring],
  protocol: [21, u8],
});

/** Gives the index of an interface by its name. */
export type IndexOf = (name: string) => number;

/**
 * Adds a route. An IPv4 one goes before another's of the same destination and metric, which comes into force again
 * when ours goes; IPv6 would make one route with two next hops of them, so that the kernel is to refuse it (EEXIST).
 */
export const addRouteRequest = (route: Route, indexOf: IndexOf): Request => ({
  ...routeRequest(NEW_ROUTE, route, indexOf),
  flags: familyOf(route.to.address) === "ipv6" ? CREATE | EXCLUSIVE : CREATE,
});
export const removeRouteRequest = (route: Route, indexOf: IndexOf): Request =>
  routeRequest(DELETE_ROUTE, route, indexOf);

export const addRuleRequest = (rule: Rule): Request => ({
  ...ruleRequest(NEW_RULE, rule),
  flags: CREATE | EXCLUSIVE,
});
export const removeRuleRequest = (rule: Rule): Request => ruleRequest(DELETE_RULE, rule);

/** struct rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type, flags. */
function routeRequest(type: number, route: Route, indexOf: IndexOf): Request {
  const v6 = familyOf(route.to.address) === "ipv6";
  const hops = route.hops.map((hop): KernelHop => ({
    hop,
    ifindex: hop.interface === undefined ? 0 : indexOf(hop.interface),
  }));
  const only = hops.length === 1 ? hops[0] : undefined;
  const { to, metric, source, mtu, table } = route;
  return {
    type,
    flags: 0,
    body(out) {
      out
        .u8(v6 ? AF_INET6 : AF_INET)
        .u8(to.length)
        .u8(0)
        .u8(0)
        .u8(table < TABLE_IN_ATTRIBUTE || table === MAIN_TABLE ? table : TABLE_IN_ATTRIBUTE)
        .u8(OUR_PROTOCOL)
        .u8(scopeOf(route, v6))
        .u8(ROUTE_TYPES[route.type])
        .u32ne(only?.hop.onlink === true ? RTNH_F_ONLINK : 0);
      routeAttributes.write(out, {
        ...(to.length > 0 && { to: ipBytes(to.address) }),
        ...(only !== undefined && only.ifindex !== 0 && { ifindex: only.ifindex }),
        ...(only !== undefined && gatewayOf(only.hop, v6)),
        ...(metric !== undefined && { metric }),
        ...(source !== undefined && { source: ipBytes(source) }),
        ...(mtu !== undefined && { metrics: { mtu } }),
        ...(hops.length > 1 && { hops: multipath(hops, v6) }),
        table,
      });
    },
  };
}

function gatewayOf({ via }: KernelHop["hop"], v6: boolean): { gateway?: Uint8Array; via?: Uint8Array } {
  if (via === undefined) return {};
  const bytes = ipBytes(via);
  if ((bytes.length === 16) === v6) return { gateway: bytes };
  // struct rtvia: the family in host order, then the address.
  const family = bytes.length === 16 ? AF_INET6 : AF_INET;
  return { via: new Writer(18).u16ne(family).raw(bytes).finish() };
}

/** IPv6 routes have no scope; the kernel refuses a gateway within the scope "link". */
function scopeOf({ scope, hops, type }: Route, v6: boolean): number {
  if (v6) return SCOPES.global;
  if (scope !== undefined) return SCOPES[scope];
  return type === "unicast" && hops.every(({ via }) => via === undefined) ? SCOPES.link : SCOPES.global;
}

/** struct fib_rule_hdr: family, lengths of destination and source, TOS, table, two reserved, action, flags. */
function ruleRequest(type: number, rule: Rule): Request {
  const { family, from, to, iif, oif, fwmark, priority, action } = rule;
  const table = action === "lookup" ? (rule.table ?? MAIN_TABLE) : undefined;
  return {
    type,
    flags: 0,
    body(out) {
      out
        .u8(family === "ipv6" ? AF_INET6 : AF_INET)
        .u8(to?.length ?? 0)
        .u8(from?.length ?? 0)
        .u8(0)
        .u8(table === undefined || table > 255 ? 0 : table)
        .u16ne(0)
        .u8(RULE_ACTIONS[action])
        .u32ne(0);
      ruleAttributes.write(out, {
        ...(to !== undefined && to.length > 0 && { to: ipBytes(to.address) }),
        ...(from !== undefined && from.length > 0 && { from: ipBytes(from.address) }),
        ...(iif !== undefined && { iif }),
        priority,
        ...(fwmark !== undefined && { mark: fwmark.value, mask: fwmark.mask }),
        ...(table !== undefined && { table }),
        ...(oif !== undefined && { oif }),
        protocol: OUR_PROTOCOL,
      });
    },
  };
}
