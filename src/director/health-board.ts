// Every real server with its checks: turns results into "this server is up" and "this server is down", and
// says so. Knows nothing of the kernel: who keeps the table is told, and is asked what it presumes of a server
// that has not been checked yet.

import type { CheckResult, Checker } from "../checkers/checker.js";
import { findChecker } from "../checkers/registry.js";
import type { CheckConfig, ServerConfig, ServiceConfig } from "../config/model.js";
import type { VipdEvent } from "../control/event.js";
import type { ServerStatus } from "../control/ipc.js";
import type { IpAddress } from "../core/address.js";
import type { HealthState } from "../core/health-state.js";
import type { Instant, Milliseconds } from "../core/units.js";
import { keysOf } from "../ipvs/group.js";
import { serverId, serviceId, type ServerId, type ServiceId } from "../ipvs/model.js";
import type { Load } from "../services/server-input.js";
import { loadedWeight, steadyLoad } from "../services/weight.js";
import { Availability } from "./availability.js";
import { CheckRecord } from "./check-record.js";
import { CheckRuns, runKey, type Asker, type RunPorts } from "./check-runs.js";
import { targetOf } from "./check-target.js";
import type { CheckJob } from "./check-scheduler.js";
import type { Presumed } from "./ipvs-wanted.js";
import { OptionNumbers } from "./option-numbers.js";

export type BoardPorts = RunPorts & {
  /** Milliseconds since 1970, for "since" in the status. */
  readonly wallTime: () => number;
  readonly report: (event: VipdEvent) => void;
  /** Whoever keeps the table: told once for every change, and once when a server is first known. */
  readonly setServer: (service: string, server: ServerId, up: boolean) => void;
  /** "unknown": it serves, and its first result decides; "waits": it does not serve before that. */
  readonly presume: (service: string, server: ServerId) => Presumed;
  readonly setLoad: (service: string, server: ServerId, load: Load | undefined) => void;
  readonly isTrackDown: (id: string) => boolean;
  /** Whether this director is master of an instance with this address. */
  readonly holds: (address: IpAddress) => boolean;
};

type ServiceRecord = {
  readonly config: ServiceConfig;
  readonly id: ServiceId;
  alive: number;
  readonly servers: Map<ServerId, ServerRecord>;
  /** Its checks do not run: the director does not hold its address. */
  rests: boolean;
};
type ServerRecord = {
  readonly service: ServiceRecord;
  readonly id: ServerId;
  readonly config: ServerConfig;
  readonly checks: readonly CheckRecord[];
  /** How they ask for their runs. */
  askers: readonly ServerAsker[];
  /** Whether it counts as serving, since when, why, and for how much of the time. */
  up: boolean;
  since: number;
  why: string;
  /** Kept from its first change on; before that it was what it is since `began`. */
  availability: Availability | undefined;
  readonly began: Instant;
  /** Whether its health is older than the service's present address, which the table does not know it by. */
  readonly hasMoved: boolean;
  /** What the table was told. */
  told: boolean | undefined;
  /** What counts of what it says it can take. */
  load: Load | undefined;
};
type ServerAsker = Asker & { readonly server: ServerRecord };
type Changes = ReturnType<CheckRuns<ServerAsker>["takeChanges"]>;

/** Before anything was found out. */
const whyPresumed: Readonly<Record<Presumed, string>> = {
  unknown: "it serves until a check says otherwise",
  waits: "it waits for its first check",
  up: "it was in the kernel's table at the start",
  down: "it was not in the kernel's table at the start",
};

const ALWAYS = { total: 100, day: 100 };
const NEVER = { total: 0, day: 0 };
const NO_ASKERS: readonly ServerAsker[] = [];

export type ServerHealth = Pick<ServerStatus, "up" | "since" | "why" | "availability" | "checks">;

export class HealthBoard {
  private readonly ports: BoardPorts;
  private services = new Map<string, ServiceRecord>();
  private runs: CheckRuns<ServerAsker>;
  private readonly optionNumbers = new OptionNumbers();

  constructor(ports: BoardPorts) {
    this.ports = ports;
    this.runs = this.newRuns();
  }

  /** How many checks there are to run. */
  get size(): number {
    return this.runs.size;
  }

  /** Takes new services; what they have in common with the old ones keeps its health. Gives the checks to run. */
  configure(services: readonly ServiceConfig[]): readonly CheckJob[] {
    const next = new Map<string, ServiceRecord>();
    const runs = this.newRuns();
    for (const config of services) {
      const service = this.serviceRecord(config, runs);
      next.set(config.name, service);
      if (!service.rests) this.ask(service, runs);
    }
    this.services = next;
    this.runs = runs;
    runs.takeChanges();
    this.optionNumbers.forgetUnused(() => this.checksInUse());
    return runs.jobs;
  }

  /** The same for some services, while all others stay. Gives the checks that begin, go on as new ones, and end. */
  change(services: readonly ServiceConfig[]): Changes {
    for (const config of services) {
      const old = this.services.get(config.name);
      const service = this.serviceRecord(config, this.runs);
      if (old !== undefined) this.rest(old);
      this.services.set(config.name, service);
      if (!service.rests) this.ask(service, this.runs);
    }
    this.optionNumbers.forgetUnused(() => this.checksInUse());
    return this.runs.takeChanges();
  }

  /** The addresses have changed that this director holds: checks that run only there begin and end. */
  follow(): Changes {
    for (const service of this.services.values()) {
      const rests = this.mustRest(service.config);
      if (rests === service.rests) continue;
      service.rests = rests;
      if (rests) this.rest(service);
      else {
        // What was found out long ago says little, and protects nothing.
        for (const server of service.servers.values()) for (const check of server.checks) check.renew();
        this.ask(service, this.runs);
      }
    }
    return this.runs.takeChanges();
  }

  /** After the table has taken the same configuration: tells it what is known of these services. */
  tellAll(services: readonly ServiceConfig[]): void {
    for (const { name } of services)
      for (const server of this.services.get(name)?.servers.values() ?? []) {
        this.evaluate(server, server.checks.length === 0 ? "not checked" : "its checks were configured anew");
        this.weigh(server);
        if (server.told === undefined && server.hasMoved)
          this.ports.setServer(name, server.id, (server.told = server.up));
      }
  }

  /** At a clean stop: tells those that are up of as down. */
  tellStop(services: readonly ServiceConfig[]): void {
    for (const { name } of services)
      for (const server of this.services.get(name)?.servers.values() ?? [])
        if (server.up) this.turn(server, false, "vipd stops");
  }

  server(service: string, server: ServerId): ServerHealth | undefined {
    const record = this.services.get(service)?.servers.get(server);
    if (record === undefined) return undefined;
    const { up, since, why, availability, checks } = record;
    const time = this.ports.wallTime();
    return {
      up,
      since,
      why,
      availability: availability?.share(this.ports.now()) ?? (up ? ALWAYS : NEVER),
      checks: checks.map((check) => check.status(time)),
    };
  }

  rests(service: string): boolean {
    return this.services.get(service)?.rests ?? false;
  }

  alive(service: string): number {
    return this.services.get(service)?.alive ?? 0;
  }

  /** `runs`: where others may have found out already what is not known of a server. */
  private serviceRecord(config: ServiceConfig, runs: CheckRuns<ServerAsker>): ServiceRecord {
    const old = this.services.get(config.name);
    const id = serviceId(config.service.key);
    const service: ServiceRecord = { config, id, alive: 0, servers: new Map(), rests: this.mustRest(config) };
    for (const server of config.servers) {
      const record = this.serverRecord(service, server, old, runs);
      service.servers.set(record.id, record);
      if (record.up) service.alive++;
    }
    return service;
  }

  private newRuns(): CheckRuns<ServerAsker> {
    const { means, now } = this.ports;
    return new CheckRuns({
      means,
      now,
      take: ({ server, record }, result, took) => this.result(server, record, result, took),
      isHeld: ({ server, record }) => this.holds(server, record),
    });
  }

  private mustRest(config: ServiceConfig): boolean {
    if (config.policy?.checkWhen !== "master") return false;
    const keys = keysOf(config).filter((key) => key.kind === "address");
    return keys.length > 0 && !keys.some(({ address }) => this.ports.holds(address));
  }

  private serverRecord(
    service: ServiceRecord,
    config: ServerConfig,
    oldService: ServiceRecord | undefined,
    runs: CheckRuns<ServerAsker>,
  ): ServerRecord {
    const id = serverId(config.server);
    const { name } = service.config;
    const old = oldService?.servers.get(id);
    const presumed = old === undefined ? this.ports.presume(name, id) : "unknown";
    const checks: CheckRecord[] = [];
    for (const check of config.checks) {
      const key = this.keyOf(check, checks);
      const known = old?.checks.find((record) => record.key === key);
      if (known !== undefined) known.config = check;
      checks.push(known ?? this.newRecord(service, config, key, check, presumed, runs));
    }
    // Nothing would ever prove a server that has no checks.
    const up = old?.up ?? (checks.length === 0 || presumed === "up" || presumed === "unknown");
    // The table knows services by their addresses, and presumes anew when one has changed: it is told again.
    const hasMoved = old !== undefined && oldService?.id !== service.id;
    const told = hasMoved ? undefined : old?.told;
    return {
      service,
      id,
      config,
      checks,
      askers: NO_ASKERS,
      up,
      since: old?.since ?? this.ports.wallTime(),
      why: old?.why ?? (checks.length === 0 ? "not checked" : whyPresumed[presumed]),
      availability: old?.availability,
      began: old?.began ?? this.ports.now(),
      hasMoved,
      told,
      load: hasMoved ? undefined : old?.load,
    };
  }

  private newRecord(
    service: ServiceRecord,
    server: ServerConfig,
    key: string,
    check: CheckConfig,
    presumed: Presumed,
    runs: CheckRuns<ServerAsker>,
  ): CheckRecord {
    const subject = { service: service.config.name, server: serverId(server.server) };
    const found = (): HealthState => {
      const run = this.runKeyOf(service.config, server, check);
      return runs.stateOf(run) ?? this.runs.stateOf(run) ?? "unknown";
    };
    const state = presumed === "up" || presumed === "down" ? presumed : service.rests ? "unknown" : found();
    return new CheckRecord(subject, key, check, state, this.ports.wallTime());
  }

  private ask({ config, servers }: ServiceRecord, runs: CheckRuns<ServerAsker>): void {
    for (const server of servers.values())
      server.askers = server.checks.map((record) => {
        const asker = { key: this.runKeyOf(config, server.config, record.config), record, server };
        runs.join(checkerOf(record.config), targetOf(config, server.config), asker);
        return asker;
      });
  }

  private rest({ servers }: ServiceRecord): void {
    for (const server of servers.values()) {
      for (const asker of server.askers) this.runs.leave(asker);
      server.askers = NO_ASKERS;
    }
  }

  private runKeyOf(service: ServiceConfig, server: ServerConfig, check: CheckConfig): string {
    return runKey(checkerOf(check), check, this.optionNumbers.of(check), targetOf(service, server));
  }

  private *checksInUse(): Iterable<CheckConfig> {
    for (const { servers } of this.services.values())
      for (const { checks } of servers.values()) for (const { config } of checks) yield config;
  }

  /** What makes it the same check of a server after a new configuration. */
  private keyOf(check: CheckConfig, taken: readonly CheckRecord[]): string {
    const needs = check.needs === undefined ? "" : ` ${JSON.stringify(check.needs)}`;
    const key = `${check.type} ${this.optionNumbers.of(check)}${needs}`;
    let unique = key;
    for (let nth = 2; taken.some((record) => record.key === unique); nth++) unique = `${key} ${nth}`;
    return unique;
  }

  /** Whether something that the check needs is down; it and its events are told of it then. */
  private holds(server: ServerRecord, check: CheckRecord): boolean {
    const why = this.missing(server, check);
    if (why === undefined) return false;
    for (const event of check.hold(why)) this.ports.report(event);
    return true;
  }

  private missing(server: ServerRecord, { config: { needs = [] } }: CheckRecord): string | undefined {
    for (const need of needs)
      switch (need.kind) {
        case "check": {
          const other = server.checks[need.check];
          if (other === undefined) break;
          if (other.state === "down") return `${other.config.type} is down`;
          if (this.missing(server, other) !== undefined) return `${other.config.type} waits`;
          break;
        }
        case "track":
          if (this.ports.isTrackDown(need.id)) return `track ${need.name} is down`;
          break;
        case "service": {
          const other = this.services.get(need.service);
          if (other?.alive === 0) return `service ${need.service} has no server that is up`;
          break;
        }
        case "server": {
          const other = this.services.get(need.service)?.servers.get(need.server);
          if (other?.up === false) return `${need.server} of service ${need.service} is down`;
          break;
        }
      }
    return undefined;
  }

  private result(server: ServerRecord, check: CheckRecord, result: CheckResult, took: Milliseconds): void {
    // What it needs may have gone while it ran: then the result says nothing of what the check is there to find out.
    if (check.config.needs !== undefined && this.holds(server, check)) return;
    const taken = check.take(result, took, this.ports.now(), this.ports.wallTime());
    for (const event of taken.events) this.ports.report(event);
    if (taken.changed) this.evaluate(server, check.cause());
    this.weigh(server);
  }

  /** Of several checks that say what a server can take the smallest word counts; the table hears of changes alone. */
  private weigh(server: ServerRecord): void {
    const configured = server.config.server.weight;
    let next: Load | undefined;
    for (const { load, config } of server.checks) {
      if (load === undefined) continue;
      const said: Load = { ...load, label: config.type };
      if (next === undefined || loadedWeight(configured, said) < loadedWeight(configured, next)) next = said;
    }
    if (next === undefined && server.load === undefined) return;
    const counts = steadyLoad(server.load, next, configured);
    if (isSameLoad(counts, server.load)) return;
    server.load = counts;
    this.ports.setLoad(server.service.config.name, server.id, counts);
  }

  private evaluate(server: ServerRecord, cause: string): void {
    const health = healthOf(server);
    if (health === "unknown") return;
    const up = health === "up";
    if (server.told !== up) {
      server.told = up;
      this.ports.setServer(server.service.config.name, server.id, up);
    }
    if (server.up !== up) this.turn(server, up, cause);
  }

  private turn(server: ServerRecord, up: boolean, cause: string): void {
    server.up = up;
    server.since = this.ports.wallTime();
    server.why = cause;
    server.availability ??= new Availability(!up, server.began);
    server.availability.turn(up, this.ports.now());
    server.service.alive += up ? 1 : -1;
    this.ports.report({
      kind: "server-changed",
      service: server.service.config.name,
      key: server.service.id,
      server: server.id,
      up,
      weight: server.config.server.weight,
      cause,
      alive: server.service.alive,
      total: server.service.servers.size,
    });
  }
}

/** One failed check is enough to take a server out; all must have succeeded to have it in for sure. */
function healthOf(server: ServerRecord): HealthState {
  let health: HealthState = "up";
  for (const check of server.checks) {
    // What a check knew before it waited neither brings a server up nor takes it out.
    if (check.isUnproven) health = "unknown";
    else if (check.state === "down") return "down";
    else if (check.state === "unknown") health = "unknown";
  }
  return health;
}

function checkerOf({ type }: CheckConfig): Checker {
  const checker = findChecker(type);
  if (checker === undefined) throw new Error(`there is no checker "${type}"`);
  return checker;
}

const isSameLoad = (a: Load | undefined, b: Load | undefined): boolean =>
  a === b ||
  (a?.label === b?.label &&
    ((a?.kind === "percent" && b?.kind === "percent" && a.percent === b.percent) ||
      (a?.kind === "absolute" && b?.kind === "absolute" && a.weight === b.weight)));
