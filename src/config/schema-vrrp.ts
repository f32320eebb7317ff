// What may stand under `nodes`, `vrrp` and `sync`, with the words of the documentation. Only the shape and
// the range of each value by itself; what values mean together is checked in resolve-vrrp.ts.

import { z } from "zod";

import { authValue, unicastValue } from "./schema-adverts.js";
import { err, ok } from "../core/result.js";
import { minutes, milliseconds, seconds } from "../core/units.js";
import { entryName, interfacePerNode, nodeName } from "./schema-names.js";
import { routeSchema, ruleSchema } from "./schema-routing.js";
import { notifySchema } from "./schema-notify.js";
import { followedListSchema } from "./schema-tracks.js";
import { shown } from "./shown.js";
import {
  choice,
  duration,
  flag,
  integer,
  interfaceName,
  ipAddress,
  list,
  port,
  prefix,
  section,
  value,
} from "./values.js";

/** A file has 2 or 3 as a number, and the two together as text. */
const vrrpVersion = () =>
  value(
    { kind: "`2`, `3`, `2+3`", enum: [2, 3, "2+3"] },
    (input) =>
      VERSIONS.get(String(input)) ??
      err(`${shown(input)} is no version of VRRP\nIt is one of: 2, 3, 2+3 (both, to move from 2 to 3).`),
  );
const VERSIONS = new Map(([2, 3, "2+3"] as const).map((version) => [String(version), ok(version)]));

const priority = () => integer({ min: 1, max: 255, what: "A priority" });

export const nodeSchema = section({
  address: ipAddress()
    .optional()
    .describe(
      "The director's own address: for people and status output, and where `unicast: true` sends adverts from and " +
        "to. Otherwise adverts come from the interface's address.",
    ),
  priority: priority()
    .optional()
    .describe(
      "VRRP priority of this director for every instance that does not set its own. The highest one that " +
        "is alive is master. 255 belongs to a director that owns the addresses (RFC 9568 section 5.2.4).",
    ),
});

/** A key of an instance that `defaults.vrrp` can set for all. */
const announceShape = () => ({
  repeat: integer({ min: 1, max: 100 })
    .optional()
    .meta({ default: 5 })
    .describe("Gratuitous ARPs, or unsolicited neighbour advertisements, for each address in a burst."),
  delay: duration({ min: milliseconds(0), max: minutes(10) })
    .optional()
    .meta({ default: "5s" })
    .describe("From the first burst, right at the takeover, to the second one. `0s`: no second burst."),
  refresh: duration({ min: milliseconds(0), max: minutes(1440) })
    .optional()
    .meta({ default: "0s" })
    .describe("How often a master repeats the announcement. `0s`: never."),
  "refresh-repeat": integer({ min: 1, max: 100 })
    .optional()
    .meta({ default: 1 })
    .describe("Gratuitous ARPs, or unsolicited neighbour advertisements, for each address in a refresh."),
});

const sharedShape = () => ({
  version: vrrpVersion()
    .optional()
    .meta({ default: 3 })
    .describe(
      "2 (RFC 3768) or 3 (RFC 9568). The peers must use the same; intervals below 1s need 3. `2+3`, to move from 2 to " +
        "3 without a gap (RFC 9568 section 8.4, IPv4 alone): adverts of both are sent at `advert-interval`, and " +
        "heard; those of version 2 say the next whole second, and do not count where their sender speaks 3 as well " +
        "([how](operation.md#moving-from-version-2-to-3)).",
    ),
  "advert-interval": duration({ min: milliseconds(10), max: seconds(255) })
    .optional()
    .meta({ default: "1s" })
    .describe(
      "How often the master says that it lives; a backup takes over after a little more than three of them. " +
        "Version 3, and 2+3: 10ms to 40.95s in steps of 10ms. Version 2: whole seconds to 255s.",
    ),
  preempt: flag()
    .optional()
    .meta({ default: true })
    .describe(
      "Whether a director of higher priority takes over from a living master of lower priority. Where all " +
        "directors say `false`, whoever is master stays it: a newcomer that could not hear it yields again " +
        "whatever its priority is.",
    ),
  "preempt-delay": duration({ min: milliseconds(0), max: seconds(1000) })
    .optional()
    .meta({ default: "0s" })
    .describe("How long a living master of lower priority is left alone before it is preempted."),
  "start-delay": duration({ min: milliseconds(0), max: seconds(1000) })
    .optional()
    .meta({ default: "0s" })
    .describe(
      "From the start of vipd on, the instance only listens for this long and does not become master, even when " +
        "nobody else is. For switches that take their time before they forward. A reload or an interface that comes " +
        "back does not begin it again.",
    ),
  "lower-prio-no-advert": flag()
    .optional()
    .meta({ default: false })
    .describe(
      "Whether a master leaves an advert of lower priority unanswered, as before RFC 9568, instead of sending its " +
        "own at once: the other master then hears the next periodic one. It is reported and the addresses are " +
        "announced again all the same.",
    ),
  accept: flag()
    .optional()
    .meta({ default: true })
    .describe(
      "Whether a master that does not own the addresses accepts what is sent to them (RFC 9568's Accept_Mode, there off by " +
        "default). `false`: this host drops it, pings included, except neighbour discovery; IPVS has its services' packets " +
        "all the same. By a table of nf_tables (`inet vipd`), there as long as the instance; without nf_tables the instance " +
        "is in FAULT.",
    ),
  "other-addresses": choice(["accept", "refuse"])
    .optional()
    .meta({ default: "accept" })
    .describe(
      "What becomes of an advert with other virtual addresses than ours (their order does not matter). `accept`: it " +
        "counts, and the difference is said (RFC 9568, keepalived). `refuse`: it is discarded unless its priority is " +
        "255 (RFC 3768 section 7.1), and counted as `addresses`; while the lists of two directors differ, after a " +
        "reload of one of them, both are master.",
    ),
  checksum: choice(["rfc5798", "rfc9568"])
    .optional()
    .meta({ default: "rfc5798" })
    .describe(
      "Version 3 over IPv4: whether the checksum of adverts covers the pseudo-header (`rfc5798`, what " +
        "keepalived sends) or not (`rfc9568`). Both are understood in received adverts.",
    ),
  unicast: unicastValue(),
  auth: authValue(),
  announce: section(announceShape())
    .optional()
    .describe("When and how often the master tells its neighbours that the addresses are here."),
});

export const vrrpDefaultsSchema = section(sharedShape());

const addressEntry = section({
  address: prefix().describe("ADDRESS/LENGTH; without a length it is /32 or /128."),
  interface: interfacePerNode()
    .optional()
    .meta({ otherwise: "the instance's" })
    .describe("The interface that carries this address; one name, or one for each node."),
});

const virtualMac = section({
  name: interfaceName()
    .optional()
    .meta({ otherwise: "`vrrp.ID`, IPv6: `vrrp6.ID`" })
    .describe("The name of the link."),
  adverts: choice(["virtual", "interface"])
    .prefault("virtual")
    .describe(
      "The source MAC address of adverts. `interface`: the interface's own, where a switch minds that the " +
        "virtual one moves; unicast adverts always have it.",
    ),
});

export const instanceSchema = section({
  interface: interfacePerNode().describe(
    "The interface on which adverts are sent and received: one name for all nodes, or one for each: " +
      "`{ lb1: eth0, lb2: ens3 }`.",
  ),
  "router-id": integer({ min: 1, max: 255, what: "A virtual router id" }).describe(
    "The virtual router's number (VRID). All directors of one virtual router use the same; no other virtual " +
      "router on the link may.",
  ),
  addresses: list(z.union([prefix(), addressEntry]), { min: 1, max: 255 }).describe(
    "The virtual addresses: on the master's interface, and nowhere else. Each `ADDRESS/LENGTH`, or a mapping. " +
      'With IPv6 addresses among them, list a link-local one, too, the same on every director (`"fe80::1/64"`). ' +
      "IPv4 and IPv6 addresses together make two instances, `NAME/ipv4` and `NAME/ipv6`, in one sync group. " +
      "Without the sysctl `promote_secondaries` the kernel deletes all addresses of an IPv4 subnet with the first " +
      "one; vipd puts its own back at once, and says so.",
  ),
  "virtual-mac": z
    .union([flag(), virtualMac])
    .optional()
    .meta({ default: false })
    .describe(
      "The virtual router has a MAC address of its own (00:00:5e:00:01:ID, RFC 9568 section 7.3), which moves to " +
        "the master: neighbours need not learn another one. The addresses then lie on a link that vipd makes and " +
        "removes (a macvlan, on while master), and adverts and answers to ARP come from it. The interface below " +
        "gets `arp_ignore` 1 and `arp_announce` 2 meanwhile. Many virtual machines' hosts drop frames with " +
        "another MAC address than the machine's.",
    ),
  "excluded-addresses": list(z.union([prefix(), addressEntry]), { max: 1000 })
    .optional()
    .describe(
      "Addresses that move with the virtual ones, and that adverts do not mention: for more than an advert " +
        "holds, or of the other family.",
    ),
  routes: list(routeSchema)
    .optional()
    .describe(
      "Routes that are there while this director is master, and put back within a second when somebody " +
        "deletes one. One that somebody else has added stays as it is.",
    ),
  rules: list(ruleSchema)
    .optional()
    .describe("Rules of policy routing that are there while this director is master."),
  priority: z
    .union([priority(), z.record(nodeName(), priority())])
    .optional()
    .meta({ otherwise: "the node's" })
    .describe(
      "VRRP priority: one number for all nodes, or one for each: `{ lb1: 150, lb2: 100 }`. Two instances " +
        "with opposite priorities make an active/active pair.",
    ),
  "source-address": ipAddress()
    .optional()
    .meta({ otherwise: "the interface's first address, over IPv6 its first link-local one" })
    .describe(
      "Source address of the adverts, one that this director has; over IPv6 a link-local one of the interface. " +
        "It differs for each director, so most files leave it out. While no interface has it, the instance is in FAULT.",
    ),
  "second-path": interfacePerNode()
    .optional()
    .meta({ otherwise: "none" })
    .describe(
      "A second interface on which adverts are sent and heard as well, by multicast from that interface's own address; " +
        "one name, or one for each node. A backup that hears the master there alone stays backup, and says so. The " +
        "addresses stay where they are, and a fault of `interface` is a fault as ever. Not with `unicast` " +
        "([what it is for](operation.md#adverts-on-a-second-path)).",
    ),
  notify: notifySchema
    .optional()
    .describe("Programs that are told when this instance changes its state; before those for all."),
  track: followedListSchema()
    .optional()
    .describe(
      "What this instance follows: names of `tracks`, `{ interface: eth1 }`, or mappings with a weight of their own. " +
        "What is down lowers the priority by its weight, or is a fault.",
    ),
  group: entryName()
    .optional()
    .meta({ otherwise: "none" })
    .describe(
      "A sync group: the instances that name the same one are master together or not at all, and one in fault " +
        "puts all in fault. They have the same priorities and follow each other's tracks. For directors that " +
        "stand between two networks.",
    ),
  ...sharedShape(),
});

const role = () => choice(["master", "backup"]);

export const syncSchema = section({
  interface: interfacePerNode().describe(
    "Where the kernel sends and receives connection states. Anybody on this link can inject connections: use " +
      "one of its own between the directors.",
  ),
  id: integer({ min: 0, max: 255, what: "A sync id" }).describe("Both directors of a pair use the same."),
  roles: list(role(), { min: 1, max: 2 })
    .prefault(["master", "backup"])
    .describe(
      "Which of the kernel's daemons run. Both: nothing is swapped at a failover, and nothing is lost.",
    ),
  "max-length": integer({ min: 100, max: 65_507 })
    .optional()
    .meta({ otherwise: "that of 1500 bytes with headers, and for the backup of the interface's MTU" })
    .describe("Most bytes of payload in a datagram."),
  group: ipAddress().optional().meta({ default: "224.0.0.81" }).describe("Multicast group."),
  port: port().optional().meta({ default: 8848 }).describe("UDP port."),
  ttl: integer({ min: 1, max: 255 }).optional().meta({ default: 1 }).describe("Multicast TTL."),
  backup: section({
    interface: interfacePerNode().optional().meta({ otherwise: "as above" }).describe("Where it receives."),
    id: integer({ min: 0, max: 255, what: "A sync id" })
      .optional()
      .meta({ otherwise: "as above" })
      .describe("Whose states it takes: 0 is everybody's."),
    "max-length": integer({ min: 1024, max: 65_507 })
      .optional()
      .meta({ otherwise: "as above" })
      .describe("Most bytes that it takes in a datagram; the kernel's least is 1024."),
    group: ipAddress().optional().meta({ otherwise: "as above" }).describe("Multicast group."),
    port: port().optional().meta({ otherwise: "as above" }).describe("UDP port."),
  })
    .optional()
    .describe(
      "What the backup daemon has instead of the values above: for directors that take the states of several " +
        "masters, or send and receive on different links.",
    ),
});
