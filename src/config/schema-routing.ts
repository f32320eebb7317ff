// What a route and a rule of policy routing look like in the file, with the words of `ip route` and `ip rule`.
// Only the shape; what keys mean together is checked in resolve-routing.ts.

import { parsePrefix, type Prefix } from "../core/address.js";
import { DEAD_ENDS, ROUTE_SCOPES } from "../core/routing.js";
import { err, ok } from "../core/result.js";
import { shown } from "./shown.js";
import { choice, flag, integer, interfaceName, ipAddress, list, prefix, section, value } from "./values.js";

const MOST_U32 = 2 ** 32 - 1;

const table = () => integer({ min: 1, max: MOST_U32, what: "A routing table" });

/** A network, or everything. */
const destination = () =>
  value({ kind: "`default` or address/length", type: "string" }, (input) => {
    if (input === "default") return ok<Prefix | "default">("default");
    return typeof input === "string" ? parsePrefix(input) : err(`${shown(input)} is not a network`);
  });

export type Fwmark = { readonly value: number; readonly mask: number };

/** 5, "0x5" or "0x5/0xff". */
const fwmark = () =>
  value({ kind: "mark or mark/mask", type: ["integer", "string"] }, (input) => {
    const parts = String(input).split("/");
    const numbers = parts.map((part) => (/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(part) ? Number(part) : -1));
    const [mark = -1, mask = MOST_U32] = numbers;
    if (parts.length > 2 || numbers.some((one) => one < 0 || one > MOST_U32))
      return err(`${shown(input)} is not a firewall mark\nWrite 5, 0x5 or 0x5/0xff.`);
    return ok<Fwmark>({ value: mark, mask });
  });

const hopShape = () => ({
  via: ipAddress().optional().describe("The gateway. One with an IPv6 address can serve an IPv4 route."),
  interface: interfaceName()
    .optional()
    .meta({ otherwise: "the instance's, or the kernel's choice with `via`" })
    .describe("Where the packets leave."),
  onlink: flag()
    .optional()
    .meta({ default: false })
    .describe("The gateway is on the link, although no other route says so. Needs `interface`."),
});

export const routeSchema = section({
  to: destination().describe("The destination, or `default`."),
  type: choice(["unicast", ...DEAD_ENDS])
    .prefault("unicast")
    .describe("`blackhole` drops packets, `unreachable` and `prohibit` refuse them."),
  ...hopShape(),
  "next-hops": list(
    section({
      ...hopShape(),
      weight: integer({ min: 1, max: 256 }).prefault(1).describe("How many parts of all packets it gets."),
    }),
    { min: 2, max: 64 },
  )
    .optional()
    .describe("Several gateways that share the packets, in place of `via` and `interface`."),
  source: ipAddress()
    .optional()
    .meta({ otherwise: "the kernel's choice" })
    .describe("The source address that packets of this host get; often a virtual one."),
  metric: integer({ min: 0, max: MOST_U32 })
    .optional()
    .meta({ otherwise: "0, IPv6: 1024" })
    .describe("Of several routes to a destination the lowest metric wins."),
  table: table().prefault(254).describe("The routing table; 254 is `main`."),
  scope: choice(ROUTE_SCOPES)
    .optional()
    .meta({ otherwise: "`link` without a gateway, else `global`" })
    .describe("How far away the destination is; IPv4 only."),
  mtu: integer({ min: 68, max: 65_535 }).optional().describe("Largest packet on the way, in bytes."),
});

export const ruleSchema = section({
  priority: integer({ min: 1, max: 32_765, what: "The priority of a rule" }).describe(
    "The order in which rules are asked; the table `main` is 32766.",
  ),
  from: prefix().optional().describe("Packets with a source address in this network."),
  to: prefix().optional().describe("Packets for this network."),
  iif: interfaceName().optional().describe("Packets that came in here; `lo`: packets of this host."),
  oif: interfaceName().optional().describe("Packets of sockets that are bound to this interface."),
  fwmark: fwmark().optional().describe("Packets with this mark of the firewall: `5`, `0x5` or `0x5/0xff`."),
  table: table().optional().describe("The routing table that such packets are looked up in."),
  type: choice(["lookup", ...DEAD_ENDS])
    .prefault("lookup")
    .describe("`lookup` needs `table`; `blackhole`, `unreachable` and `prohibit` end the way."),
  family: choice(["ipv4", "ipv6"])
    .optional()
    .meta({ otherwise: "that of `from` and `to`, else ipv4" })
    .describe("For rules without addresses."),
});

const staticAddress = section({
  address: prefix().describe("ADDRESS/LENGTH; without a length it is /32 or /128."),
  interface: interfaceName().describe("The interface that carries this address."),
});

export const staticSchema = section({
  addresses: list(staticAddress).optional().describe("Addresses of this director alone."),
  routes: list(routeSchema).optional().describe("Routes, as under an instance."),
  rules: list(ruleSchema).optional().describe("Rules, as under an instance."),
});
