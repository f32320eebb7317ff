// Every real server with its checks: turns results into "this server is up" and "this server is down", and
// says so. Knows nothing of the kernel: who keeps the table is told, and is asked what it presumes of a server
// that has not been checked yet.

import type { CheckContext, CheckMeans, CheckResult, CheckTarget, Checker } from "../checkers/checker.js";
import { findChecker } from "../checkers/registry.js";
import type { CheckConfig, ServerConfig, ServiceConfig } from "../config/model.js";
import type { VipdEvent } from "../control/event.js";
import type { CheckStatus } from "../control/ipc.js";
import type { HealthState } from "../core/health-state.js";
import type { Milliseconds } from "../core/units.js";
import { serverId, serviceId, type ServerId, type ServiceId } from "../ipvs/model.js";
import { CheckRecord } from "./check-record.js";
import type { CheckJob, CheckRun } from "./check-scheduler.js";
import type { Presumed } from "./ipvs-wanted.js";
import { OptionNumbers } from "./option-numbers.js";

export type BoardPorts = Pick<CheckContext<unknown>, "now"> & {
  readonly means: CheckMeans;
  /** Milliseconds since 1970, for "since" in the status. */
  readonly wallTime: () => number;
  readonly report: (event: VipdEvent) => void;
  /** Whoever keeps the table: told once for every change, and once when a server is first known. */
  readonly setServer: (service: string, server: ServerId, up: boolean) => void;
  /** "unknown": it serves, and its first result decides; "waits": it does not serve before that. */
  readonly presume: (service: string, server: ServerId) => Presumed;
};

type ServiceRecord = {
  readonly name: string;
  readonly id: ServiceId;
  alive: number;
  readonly servers: Map<ServerId, ServerRecord>;
};
type ServerRecord = {
  readonly service: ServiceRecord;
  readonly id: ServerId;
  config: ServerConfig;
  checks: readonly CheckRecord[];
  /** Whether it counts as serving. */
  up: boolean;
  /** Whether its health is older than the service's present address, which the table does not know it by. */
  readonly hasMoved: boolean;
  /** What the table was told. */
  told: boolean | undefined;
};

export type ServerHealth = { readonly up: boolean; readonly checks: readonly CheckStatus[] };

export class HealthBoard {
  private readonly ports: BoardPorts;
  private services = new Map<string, ServiceRecord>();
  private readonly optionNumbers = new OptionNumbers();

  constructor(ports: BoardPorts) {
    this.ports = ports;
  }

  /** Takes new services; what they have in common with the old ones keeps its health. Gives the checks to run. */
  configure(services: readonly ServiceConfig[]): CheckJob[] {
    const jobs: CheckJob[] = [];
    const next = new Map<string, ServiceRecord>();
    for (const config of services) next.set(config.name, this.serviceRecord(config, jobs));
    this.services = next;
    this.optionNumbers.forgetUnused(() => this.checksInUse());
    return jobs;
  }

  /** The same for some services, while all others stay. `ended` are the keys of all checks they had. */
  change(services: readonly ServiceConfig[]): {
    readonly jobs: readonly CheckJob[];
    readonly ended: readonly string[];
  } {
    const jobs: CheckJob[] = [];
    const ended: string[] = [];
    for (const config of services) {
      for (const server of this.services.get(config.name)?.servers.values() ?? [])
        for (const check of server.checks) ended.push(check.key);
      this.services.set(config.name, this.serviceRecord(config, jobs));
    }
    this.optionNumbers.forgetUnused(() => this.checksInUse());
    return { jobs, ended };
  }

  /** After the table has taken the same configuration: tells it what is known of these services. */
  tellAll(services: readonly ServiceConfig[]): void {
    for (const { name } of services)
      for (const server of this.services.get(name)?.servers.values() ?? []) {
        this.evaluate(server, server.checks.length === 0 ? "not checked" : "its checks were configured anew");
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
    return { up: record.up, checks: record.checks.map((check) => check.status()) };
  }

  alive(service: string): number {
    return this.services.get(service)?.alive ?? 0;
  }

  /** Adds the checks to `jobs`. */
  private serviceRecord(config: ServiceConfig, jobs: CheckJob[]): ServiceRecord {
    const old = this.services.get(config.name);
    const id = serviceId(config.service.key);
    const service: ServiceRecord = { name: config.name, id, alive: 0, servers: new Map() };
    for (const server of config.servers) {
      const record = this.serverRecord(service, server, old);
      service.servers.set(record.id, record);
      if (record.up) service.alive++;
      for (const check of record.checks) jobs.push(this.job(config, record, check));
    }
    return service;
  }

  private serverRecord(
    service: ServiceRecord,
    config: ServerConfig,
    oldService: ServiceRecord | undefined,
  ): ServerRecord {
    const id = serverId(config.server);
    const old = oldService?.servers.get(id);
    const presumed = old === undefined ? this.ports.presume(service.name, id) : "unknown";
    const checks: CheckRecord[] = [];
    for (const check of config.checks) {
      const key = this.keyOf(service.name, id, check, checks);
      const known = old?.checks.find((record) => record.key === key);
      if (known !== undefined) known.config = check;
      checks.push(
        known ??
          new CheckRecord(
            { service: service.name, server: id },
            key,
            check,
            presumed === "waits" ? "unknown" : presumed,
            this.ports.wallTime(),
          ),
      );
    }
    // Nothing would ever prove a server that has no checks.
    const up = old?.up ?? (checks.length === 0 || presumed === "up" || presumed === "unknown");
    // The table knows services by their addresses, and presumes anew when one has changed: it is told again.
    const hasMoved = old !== undefined && oldService?.id !== service.id;
    return { service, id, config, checks, up, hasMoved, told: hasMoved ? undefined : old?.told };
  }

  private *checksInUse(): Iterable<CheckConfig> {
    for (const { servers } of this.services.values())
      for (const { checks } of servers.values()) for (const { config } of checks) yield config;
  }

  private keyOf(
    service: string,
    server: ServerId,
    check: CheckConfig,
    taken: readonly CheckRecord[],
  ): string {
    const key = `${service} ${server} ${check.type} ${this.optionNumbers.of(check)}`;
    let unique = key;
    for (let nth = 2; taken.some((record) => record.key === unique); nth++) unique = `${key} ${nth}`;
    return unique;
  }

  private job(service: ServiceConfig, server: ServerRecord, record: CheckRecord): CheckJob {
    const { type, options, timing } = record.config;
    const checker = findChecker(type);
    if (checker === undefined) throw new Error(`there is no checker "${type}"`);
    const target = targetOf(service, server.config);
    return {
      key: record.key,
      every: timing.every,
      timeout: timing.timeout,
      cost: checker.cost,
      run: (run) => this.run(checker, target, options, run),
      onResult: (result, took) => {
        this.result(server, record, result, took);
      },
    };
  }

  private async run(
    checker: Checker,
    target: CheckTarget,
    options: unknown,
    run: CheckRun,
  ): Promise<CheckResult> {
    const { means, now } = this.ports;
    // The options were made by this checker's own schema when the configuration was read.
    return checker.check({ target, options: options as never, ...means, now, ...run });
  }

  private result(server: ServerRecord, check: CheckRecord, result: CheckResult, took: Milliseconds): void {
    const taken = check.take(result, took, this.ports.now(), this.ports.wallTime());
    for (const event of taken.events) this.ports.report(event);
    if (taken.changed) this.evaluate(server, check.cause());
  }

  private evaluate(server: ServerRecord, cause: string): void {
    const health = healthOf(server);
    if (health === "unknown") return;
    const up = health === "up";
    if (server.told !== up) {
      server.told = up;
      this.ports.setServer(server.service.name, server.id, up);
    }
    if (server.up !== up) this.turn(server, up, cause);
  }

  private turn(server: ServerRecord, up: boolean, cause: string): void {
    server.up = up;
    server.service.alive += up ? 1 : -1;
    this.ports.report({
      kind: "server-changed",
      service: server.service.name,
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
    if (check.state === "down") return "down";
    if (check.state === "unknown") health = "unknown";
  }
  return health;
}

function targetOf({ name, service }: ServiceConfig, { server }: ServerConfig): CheckTarget {
  const { key } = service;
  return {
    service: name,
    virtual: key.kind === "fwmark" ? { kind: "fwmark", mark: key.mark } : key,
    address: server.address,
    port: server.port,
  };
}
