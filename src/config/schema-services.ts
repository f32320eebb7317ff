// What may stand under `services` and `check`, with the words of the documentation. The types of check come
// in as an argument: which ones exist is the checker registry's knowledge.

import { z } from "zod";

import { minutes, milliseconds, seconds } from "../core/units.js";
import { MOST_KEYS } from "../ipvs/group.js";
import { SCHEDULERS } from "../ipvs/model.js";
import type { CheckerSpec } from "./checker-spec.js";
import { groupAddresses, portList } from "./group-values.js";
import { serverKernelShape, serviceKernelShape } from "./schema-kernel.js";
import { serverNotifySchema, serviceNotifySchema } from "./schema-notify.js";
import { policyDefaultsShape, policyShape } from "./schema-policy.js";
import {
  choice,
  duration,
  flag,
  integer,
  list,
  maybeEndpoint,
  port,
  section,
  text,
  weight,
} from "./values.js";
import { DEFAULT_WEIGHT } from "./written-server.js";

/** The words of keepalived, ipvsadm and ldirectord. */
const ALIASES = {
  dr: "direct-routing",
  gate: "direct-routing",
  gatewaying: "direct-routing",
  route: "direct-routing",
  masq: "nat",
  masquerade: "nat",
  masquerading: "nat",
  tun: "tunnel",
  ipip: "tunnel",
} as const;

const forwarding = () => choice(["direct-routing", "nat", "tunnel"], ALIASES);
const protocol = () => choice(["tcp", "udp", "sctp"]);

const timingShape = () => ({
  every: duration({ min: milliseconds(100), max: minutes(60) })
    .optional()
    .meta({ default: "5s" })
    .describe("From the start of one check to the start of the next."),
  timeout: duration({ min: milliseconds(10), max: minutes(60) })
    .optional()
    .meta({ otherwise: "3s, or `every` if that is shorter" })
    .describe(
      "The whole check must be done in this time, from connect to verdict. It may not be longer than `every`: " +
        "checks of one server do not overlap.",
    ),
  rise: integer({ min: 1, max: 100 })
    .optional()
    .meta({ default: 1 })
    .describe("Successes in a row that bring a server back."),
  fall: integer({ min: 1, max: 100 })
    .optional()
    .meta({ default: 3 })
    .describe("Failures in a row that take a server out."),
  "every-failing": duration({ min: milliseconds(100), max: minutes(60) })
    .optional()
    .meta({ otherwise: "`every`" })
    .describe("Instead of `every` after a run that failed: to be sure sooner, or to ask a dead server less."),
  "warm-up": duration({ min: milliseconds(0), max: minutes(60) })
    .optional()
    .meta({ otherwise: "none: the first run is within a second" })
    .describe(
      "So long a new check waits for its first run, which is then spread over `every`: for servers that need " +
        "their time to begin. What was checked before a reload goes on without.",
    ),
  jitter: integer({ min: 0, max: 50, what: "A share of the interval" })
    .optional()
    .meta({ default: 0 })
    .describe("Percent of the interval: by chance each run begins up to so much later than its time."),
});

const needSchema = (names: readonly string[]) =>
  section({
    check: z
      .union([choice(names), integer({ min: 1, max: 20, what: "A place in the list of checks" })])
      .optional()
      .describe(
        "Another check of the same server: its type, or its place in the list of checks, from 1, when there are " +
          "several of the type.",
      ),
    track: text({ max: 64 }).optional().describe("The name of a track: it is down."),
    service: text({ max: 64 }).optional().describe("The name of another service: none of its servers is up."),
    server: maybeEndpoint().optional().describe("Of that service only this server is meant."),
  }).superRefine((need, context) => {
    const { check, track, service, server } = need;
    const named = [check, track, service].filter((one) => one !== undefined).length;
    if (named !== 1 || (server !== undefined && service === undefined))
      context.addIssue({
        code: "custom",
        message:
          "must name one thing that a check can depend on\n" +
          "Write { check: tcp }, { track: NAME }, { service: NAME } or { service: NAME, server: ADDRESS }.",
      });
  });

export const timingSchema = section(timingShape());

export const serviceDefaultsSchema = section({
  protocol: protocol().optional().meta({ default: "tcp" }).describe("Protocol of services with an address."),
  scheduler: choice(SCHEDULERS).optional().meta({ default: "wlc" }).describe("Scheduler of all services."),
  forwarding: forwarding()
    .optional()
    .describe(
      "How packets reach the real servers. There is no built-in default: the wrong one fails silently.",
    ),
  ...policyDefaultsShape(),
  notify: serviceNotifySchema
    .optional()
    .describe("Programs that are told of real servers and quorums, where a service has none for it."),
});

/** One check, several, or `none`. */
export function checkSchema(checkers: readonly CheckerSpec[]) {
  const names = checkers.map((checker) => checker.name);
  const options: Record<string, z.ZodOptional<z.ZodType>> = {};
  for (const checker of checkers)
    options[checker.name] = checker.options.optional().describe(checker.summary);
  const need = needSchema(names);
  const one = section({
    ...options,
    ...timingShape(),
    "depends-on": z
      .union([need, list(need, { min: 1, max: 8 })])
      .optional()
      .describe("While this is down, or one of these, the check is not run and keeps what is known of it."),
  }).superRefine((check, context) => {
    const given = names.filter((name) => (check as Record<string, unknown>)[name] !== undefined);
    if (given.length === 1) return;
    const message =
      given.length === 0
        ? `names no type of check\nAdd one of: ${names.join(", ")}.`
        : `names several types of check\nWrite a list with one in each: [{ ${given[0]}: {} }, { ${given[1]}: {} }].`;
    context.addIssue({ code: "custom", message });
  });
  const word = choice([...names, "none"]);
  return z.union([word, one, list(z.union([choice(names), one]), { min: 1, max: 20 })]);
}

export function serviceSchema(checkers: readonly CheckerSpec[]) {
  const check = checkSchema(checkers);
  const server = section({
    address: maybeEndpoint().describe("The real server's address, or address and port."),
    port: port()
      .optional()
      .meta({ otherwise: "the service's; with several ports, that of each" })
      .describe("The real server's port. Only `nat` can map ports."),
    weight: weight()
      .prefault(DEFAULT_WEIGHT)
      .describe("Share of new connections compared with the other servers. 0: no new connections."),
    forwarding: forwarding()
      .optional()
      .meta({ otherwise: "the service's" })
      .describe("Overrides the service's."),
    check: check
      .optional()
      .meta({ otherwise: "the service's" })
      .describe("Replaces the service's checks for this server."),
    ...serverKernelShape({ otherwise: "the service's" }),
    "inhibit-on-failure": flag()
      .optional()
      .meta({ otherwise: "the service's" })
      .describe("Whether it stays in the table with weight 0 when it fails."),
    notify: serverNotifySchema
      .optional()
      .describe(
        "Programs that are told when this server comes and goes; where one is missing, the service's.",
      ),
  });
  return section({
    address: maybeEndpoint()
      .optional()
      .describe(
        'The service\'s `ADDRESS:PORT`, `"[IPV6]:PORT"`, or an address beside `port`. Port 0 is every port, and needs `persistence`.',
      ),
    port: integer({ min: 0, max: 65_535, what: "A port" })
      .optional()
      .describe("The port, where `address` has none, or `addresses` have none."),
    addresses: list(groupAddresses(), { min: 1, max: MOST_KEYS })
      .optional()
      .describe(
        "Instead of `address`: many for one pool of servers, which are checked once. Each is an address, a range " +
          '(`"10.0.0.5-10.0.0.20"`, `"10.0.0.5-20"`, `"[2001:db8::1-ff]"`), with ports behind it (`:80`, `:80,443`, ' +
          "`:8000-8010`) or without. At most 4096 addresses, ports and marks together.",
      ),
    ports: list(portList(), { min: 1, max: MOST_KEYS })
      .optional()
      .describe("The ports of all `addresses` that have none of their own."),
    fwmarks: list(integer({ min: 1, max: 2 ** 32 - 1, what: "A firewall mark" }), { min: 1, max: MOST_KEYS })
      .optional()
      .describe("Instead of `fwmark`: several, alone or beside `addresses`."),
    protocol: protocol()
      .optional()
      .meta({ default: "tcp" })
      .describe("Protocol of a service with an address."),
    fwmark: integer({ min: 1, max: 2 ** 32 - 1, what: "A firewall mark" })
      .optional()
      .describe("Instead of `address`: takes the packets that the firewall has marked with this number."),
    family: choice(["ipv4", "ipv6"])
      .optional()
      .meta({ default: "ipv4" })
      .describe("Which packets of a `fwmark` or of `fwmarks` are meant."),
    scheduler: choice(SCHEDULERS)
      .optional()
      .meta({ default: "wlc" })
      .describe(
        "How the kernel shares out new connections; the names of the ip_vs_* modules. Where both directors are to choose " +
          "the same server for a client, `mh`: after a server has failed and come back they agree on all but a few clients.",
      ),
    forwarding: forwarding()
      .optional()
      .meta({ requiredUnless: "`defaults.service.forwarding` is set" })
      .describe(
        "How packets reach the real servers: `direct-routing` (same link, real servers carry the address on lo), " +
          "`nat` (answers must come back through the director) or `tunnel` (IPIP).",
      ),
    persistence: z
      .union([
        duration({ min: seconds(1), max: minutes(44_640) }),
        section({
          timeout: duration({ min: seconds(1), max: minutes(44_640) })
            .prefault("5m")
            .describe("How long a client keeps its real server; whole seconds."),
          "prefix-length": integer({ min: 1, max: 128 })
            .optional()
            .meta({ otherwise: "32 or 128: each client for itself" })
            .describe("Clients whose addresses agree in this many leading bits keep the same real server."),
        }),
      ])
      .optional()
      .describe("A client keeps its real server for this long: a duration, or a mapping."),
    check: check
      .optional()
      .meta({ default: "none" })
      .describe(
        "How real servers are checked: a checker with its options and the timing beside it, a list of them (all " +
          "must succeed), the bare name of a checker, or `none`. Without checks servers count as up.",
      ),
    ...serviceKernelShape(),
    ...policyShape(forwarding),
    notify: serviceNotifySchema
      .optional()
      .describe("Programs that are told when the real servers and the quorum come and go."),
    servers: list(z.union([maybeEndpoint(), server]), { max: 10_000 }).describe(
      "The real servers: each an address, or a mapping.",
    ),
  });
}
