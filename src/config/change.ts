// What a reload changes, in phrases for people. Compares two resolved configurations by the names and
// addresses a person knows things by; how the change is carried out is not known here.

import { formatPrefix, type Prefix } from "../core/address.js";
import { formatItem, itemsOf } from "../core/routing.js";
import { formatDuration, type Milliseconds } from "../core/units.js";
import { serverId, SERVICE_FLAG, serviceId, type RealServer } from "../ipvs/model.js";
import { authText } from "../vrrp/auth-text.js";
import type { InstanceConfig, TrackConfig, UnicastConfig } from "../vrrp/instance.js";
import {
  DEFAULT_POLICY,
  type CheckConfig,
  type Config,
  type NotifyConfig,
  type ServerConfig,
  type ServiceConfig,
  type StaticConfig,
  type TrackSource,
  type WindowConfig,
} from "./model.js";

/** One phrase for each change; empty when a reload would change nothing. */
export function diffConfig(old: Config, wanted: Config): string[] {
  return [
    ...(old.node === wanted.node ? [] : [`node ${old.node} -> ${wanted.node}`]),
    ...fields("log", facts(old.log), facts(wanted.log)),
    ...fields("process", facts(old.vrrpProcess), facts(wanted.vrrpProcess)),
    ...fields("static", staticFacts(old.static), staticFacts(wanted.static)),
    ...entries("vrrp", byName(old.vrrp), byName(wanted.vrrp), instanceFacts),
    ...fields("scripts", facts(old.scripts), facts(wanted.scripts)),
    ...secretChanges(byName(old.vrrp), wanted.vrrp),
    ...notifyChanges(old.notify, wanted.notify),
    ...entries("alerts", byName(old.alerts ?? []), byName(wanted.alerts ?? []), facts),
    ...entries("maintenance", byName(old.maintenance ?? []), byName(wanted.maintenance ?? []), windowFacts),
    ...entries("track", byName(old.tracks), byName(wanted.tracks), trackFacts),
    ...fields("ipvs", facts(old.ipvs), facts(wanted.ipvs)),
    ...syncChange(old, wanted),
    ...serviceChanges(byName(old.services), byName(wanted.services)),
  ];
}

type Facts = Readonly<Record<string, string>>;

function syncChange(old: Config, wanted: Config): string[] {
  if (old.sync === undefined) return wanted.sync === undefined ? [] : ["sync added"];
  return wanted.sync === undefined ? ["sync removed"] : fields("sync", facts(old.sync), facts(wanted.sync));
}

function serviceChanges(
  old: ReadonlyMap<string, ServiceConfig>,
  wanted: ReadonlyMap<string, ServiceConfig>,
): string[] {
  return [
    ...entries("service", old, wanted, serviceFacts),
    ...[...wanted].flatMap(([name, service]) => {
      const before = old.get(name);
      if (before === undefined) return [];
      return [
        ...keyChanges(name, before, service),
        ...entries(`service ${name}: server`, byId(before), byId(service), serverFacts),
      ];
    }),
  ];
}

/** Most keys that are named of those added, and of those removed. */
const MOST_NAMED = 4;

/** Of a service with several keys, without the first, which is one of its facts. */
function keyChanges(name: string, before: ServiceConfig, service: ServiceConfig): string[] {
  if (before.group === undefined && service.group === undefined) return [];
  const idsOf = ({ group }: ServiceConfig): ReadonlySet<string> => new Set(group?.keys.map(serviceId));
  const [old, wanted] = [idsOf(before), idsOf(service)];
  const [gone, fresh] = [[...old].filter((id) => !wanted.has(id)), [...wanted].filter((id) => !old.has(id))];
  const named = (ids: readonly string[], what: string): string[] => {
    const others = ids.length - MOST_NAMED;
    const list = `${ids.slice(0, MOST_NAMED).join(", ")}${others > 0 ? ` and ${others} more` : ""}`;
    return ids.length === 0 ? [] : [`service ${name}: ${list} ${what}`];
  };
  const [from, to] = [before.group?.ports, service.group?.ports];
  return [
    ...named(gone, "removed"),
    ...named(fresh, "added"),
    ...(from === to || from === undefined || to === undefined
      ? []
      : [`service ${name}: ports of the servers: those of the ${from} -> those of the ${to}`]),
  ];
}

/** Added, removed and changed entries of one kind. */
function entries<T>(
  kind: string,
  old: ReadonlyMap<string, T>,
  wanted: ReadonlyMap<string, T>,
  describe: (entry: T) => Facts,
): string[] {
  const changes: string[] = [];
  for (const name of old.keys()) if (!wanted.has(name)) changes.push(`${kind} ${name} removed`);
  for (const [name, entry] of wanted) {
    const before = old.get(name);
    if (before === undefined) changes.push(`${kind} ${name} added`);
    else changes.push(...fields(`${kind} ${name}`, describe(before), describe(entry)));
  }
  return changes;
}

function fields(subject: string, old: Facts, wanted: Facts): string[] {
  const names = [...new Set([...Object.keys(old), ...Object.keys(wanted)])];
  const changes = names
    .filter((name) => old[name] !== wanted[name])
    .map((name) => `${name} ${old[name] ?? "none"} -> ${wanted[name] ?? "none"}`);
  return changes.length === 0 ? [] : [`${subject}: ${changes.join(", ")}`];
}

const byName = <T extends { readonly name: string }>(list: readonly T[]): Map<string, T> =>
  new Map(list.map((entry) => [entry.name, entry]));
const byId = (service: ServiceConfig): Map<string, ServerConfig> =>
  new Map(service.servers.map((entry) => [serverId(entry.server), entry]));

function instanceFacts(instance: InstanceConfig): Facts {
  const {
    advertInterval,
    preemptDelay,
    startDelay,
    addresses,
    announce,
    virtualRouterId,
    sourceAddress,
    secondPath,
    tracks,
    unicast,
    auth,
    routing,
    ...rest
  } = instance;
  return {
    ...facts(rest),
    "router-id": String(virtualRouterId),
    "advert-interval": formatDuration(advertInterval),
    "preempt-delay": formatDuration(preemptDelay),
    "start-delay": formatDuration(startDelay),
    "source-address": sourceAddress ?? "the interface's",
    "second-path": secondPath ?? "none",
    unicast: unicast === undefined ? "none" : unicastText(unicast),
    auth: authText(auth),
    addresses: addresses.map(addressText).join(" "),
    ...(routing !== undefined && { routing: itemsOf(routing).map(formatItem).join(", ") }),
    tracks: tracks.length === 0 ? "none" : tracks.map(trackText).join(", "),
    announce:
      `${announce.repeat} times, again after ${formatDuration(announce.delay)}, ` +
      `refresh ${announce.refresh === 0 ? "never" : `every ${formatDuration(announce.refresh)} ${announce.refreshRepeat} times`}`,
  };
}

function trackText({ label, effect }: TrackConfig): string {
  if (effect.kind === "fault") return label;
  const sign = effect.weight > 0 ? "+" : "";
  return `${label} ${sign}${effect.weight}${effect.reverse ? " reversed" : ""}`;
}

const unicastText = ({ peers, checkSource, ttl }: UnicastConfig): string =>
  `${peers.join(" ")}, TTL ${ttl.min} to ${ttl.max}${checkSource ? "" : ", any source"}`;

/** Secrets differ without a word of what they are. */
function secretChanges(
  old: ReadonlyMap<string, InstanceConfig>,
  wanted: readonly InstanceConfig[],
): string[] {
  return wanted.flatMap(({ name, auth }) => {
    const before = old.get(name);
    const same = before === undefined || JSON.stringify(before.auth) === JSON.stringify(auth);
    return same || authText(before.auth) !== authText(auth) ? [] : [`vrrp ${name}: auth has another secret`];
  });
}

const addressText = (one: { prefix: Prefix; interface: string; excluded?: true }): string =>
  `${formatPrefix(one.prefix)} on ${one.interface}${one.excluded === true ? " (excluded)" : ""}`;

const staticFacts = (fixed: StaticConfig | undefined): Facts =>
  fixed === undefined
    ? {}
    : {
        addresses: fixed.addresses.map(addressText).join(" "),
        routing: itemsOf(fixed).map(formatItem).join(", "),
      };

function serviceFacts({ service, policy = DEFAULT_POLICY }: ServiceConfig): Facts {
  const { persistence } = service;
  const { sorry, inhibitSorry, ...rest } = policy;
  return {
    ...facts(rest),
    "sorry-server-inhibit": String(inhibitSorry),
    "sorry-server": sorry.length === 0 ? "none" : sorry.map(sorryText).join(" "),
    key: serviceId(service.key),
    scheduler: service.scheduler,
    persistence:
      persistence === undefined
        ? "none"
        : `${formatDuration(persistence.timeout)} /${persistence.prefixLength}`,
    flags: flagNames(service.flags),
    engine: service.engine ?? "none",
  };
}

const flagNames = (flags = 0): string =>
  Object.entries(SERVICE_FLAG)
    .flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name]))
    .join(" ") || "none";

const sorryText = (server: RealServer): string =>
  `${serverId(server)} ${server.forwarding} weight ${server.weight}`;

function serverFacts({ server, checks, inhibit }: ServerConfig): Facts {
  return {
    "inhibit-on-failure": String(inhibit ?? false),
    weight: String(server.weight),
    forwarding: server.forwarding,
    "upper-threshold": String(server.upper ?? 0),
    "lower-threshold": String(server.lower ?? 0),
    tunnel: server.tunnel === undefined ? "ipip" : JSON.stringify(server.tunnel),
    checks: checks.length === 0 ? "none" : checks.map(checkText).join(" and "),
  };
}

function notifyChanges(old: NotifyConfig, wanted: NotifyConfig): string[] {
  const facts = ({ all, fifo, services, ...rest }: NotifyConfig): Facts => ({
    programs: all === undefined ? "none" : JSON.stringify(all),
    "for all services": services?.all === undefined ? "none" : JSON.stringify(services.all),
    ...Object.fromEntries(
      Object.entries(services?.own ?? {}).map(([name, programs]) => [
        `service ${name}`,
        JSON.stringify(programs),
      ]),
    ),
    fifo: fifo === undefined ? "none" : JSON.stringify(fifo),
    ...Object.fromEntries(
      [...Object.entries(rest.instances), ...Object.entries(rest.groups)].map(([name, programs]) => [
        name,
        JSON.stringify(programs),
      ]),
    ),
  });
  return fields("notify", facts(old), facts(wanted));
}

const windowFacts = ({ lasts, targets, deadline, ...rest }: WindowConfig): Facts => ({
  ...facts(rest),
  targets: targets.join(" "),
  for: formatDuration(lasts),
  deadline: deadline === undefined ? "none" : formatDuration(deadline),
});

const trackFacts = ({ look, initial }: TrackSource): Facts => ({
  look: checkText(look),
  initial: initial === undefined ? "waited for" : initial ? "up" : "down",
});

function checkText({ type, options, timing, needs = [] }: CheckConfig): string {
  const { every, everyFailing, timeout, rise, fall, warmUp, jitter } = timing;
  return [
    `${type} ${JSON.stringify(options)} every ${formatDuration(every)}`,
    ...(everyFailing === undefined ? [] : [`every-failing ${formatDuration(everyFailing)}`]),
    `timeout ${formatDuration(timeout)}, rise ${rise}, fall ${fall}`,
    ...(warmUp === undefined ? [] : [`warm-up ${formatDuration(warmUp)}`]),
    ...(jitter === undefined ? [] : [`jitter ${Math.round(jitter * 100)}`]),
    ...needs.map((need) => `depends-on ${JSON.stringify(need)}`),
  ].join(", ");
}

const DURATIONS = new Set(["reconcileEvery"]);

/** The values of a plain record as text, under the names that the file uses. */
function facts(record: object): Facts {
  return Object.fromEntries(
    Object.entries(record as Record<string, unknown>).map(([key, value]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      DURATIONS.has(key)
        ? formatDuration(value as Milliseconds)
        : typeof value === "string"
          ? value
          : JSON.stringify(value),
    ]),
  );
}
