// Every real server with its checks: which of them run, whom their results concern, and what is known of each server.
// Knows nothing of the kernel: who keeps the table is told, and is asked what it presumes of a server that has not
// been checked yet.

import type { CheckResult } from "../checkers/checker.js";
import type { CheckConfig, ServiceConfig } from "../config/model.js";
import type { ServerStatus } from "../control/ipc.js";
import type { IpAddress } from "../core/address.js";
import type { Instant, Milliseconds } from "../core/units.js";
import { keysOf } from "../ipvs/group.js";
import type { ServerId } from "../ipvs/model.js";
import { CheckKeys, checkerOf } from "./check-keys.js";
import { missingNeed, type NeedsView } from "./check-needs.js";
import type { CheckRecord } from "./check-record.js";
import { CheckRuns, type RunPorts } from "./check-runs.js";
import type { CheckJob } from "./check-scheduler.js";
import { targetOf } from "./check-target.js";
import { RecordMaker, type FoundOut, type MakerPorts } from "./record-maker.js";
import type { ServerAsker, ServerRecord, ServiceRecord } from "./server-record.js";
import { ServerVerdict, type VerdictPorts } from "./server-verdict.js";

export type BoardPorts = RunPorts &
  VerdictPorts &
  MakerPorts & {
    readonly isTrackDown: (id: string) => boolean;
    /** Whether this director is master of an instance with this address. */
    readonly holds: (address: IpAddress) => boolean;
  };

type Changes = ReturnType<CheckRuns<ServerAsker>["takeChanges"]>;

const ALWAYS = { total: 100, day: 100 };
const NEVER = { total: 0, day: 0 };
const NO_ASKERS: ServerRecord["askers"] = [];

export type ServerHealth = Pick<ServerStatus, "up" | "since" | "why" | "availability" | "checks">;

export class HealthBoard {
  private readonly ports: BoardPorts;
  private services = new Map<string, ServiceRecord>();
  private runs: CheckRuns<ServerAsker>;
  private readonly keys = new CheckKeys();
  private readonly maker: RecordMaker;
  private readonly verdict: ServerVerdict;
  private readonly needs: NeedsView;

  constructor(ports: BoardPorts) {
    this.ports = ports;
    this.maker = new RecordMaker(ports, this.keys);
    this.verdict = new ServerVerdict(ports);
    this.needs = { service: (name) => this.services.get(name), isTrackDown: ports.isTrackDown };
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
    this.keys.forgetUnused(() => this.checksInUse());
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
    this.keys.forgetUnused(() => this.checksInUse());
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
        this.verdict.weigh(server);
        this.verdict.evaluate(
          server,
          server.checks.length === 0 ? "not checked" : "its checks were configured anew",
        );
        if (server.told === undefined && server.hasMoved) this.verdict.tellTable(server, server.up);
      }
  }

  /** At a clean stop: tells those that are up of as down. */
  tellStop(services: readonly ServiceConfig[]): void {
    for (const { name } of services)
      for (const server of this.services.get(name)?.servers.values() ?? [])
        if (server.up) this.verdict.turn(server, false, "vipd stops");
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
    const found: FoundOut = (key) => runs.stateOf(key) ?? this.runs.stateOf(key);
    return this.maker.service(config, old, this.mustRest(config), found);
  }

  private newRuns(): CheckRuns<ServerAsker> {
    const { means, now } = this.ports;
    return new CheckRuns({
      means,
      now,
      take: ({ server, record }, result, took, at) => this.result(server, record, result, took, at),
      isHeld: ({ server, record }) => this.holds(server, record),
    });
  }

  private mustRest(config: ServiceConfig): boolean {
    if (config.policy?.checkWhen !== "master") return false;
    const keys = keysOf(config).filter((key) => key.kind === "address");
    return keys.length > 0 && !keys.some(({ address }) => this.ports.holds(address));
  }

  private ask({ config, servers }: ServiceRecord, runs: CheckRuns<ServerAsker>): void {
    for (const server of servers.values())
      server.askers = server.checks.map((record) => {
        const asker = { key: this.keys.ofRun(config, server.config, record.config), record, server };
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

  private *checksInUse(): Iterable<CheckConfig> {
    for (const { servers } of this.services.values())
      for (const { checks } of servers.values()) for (const { config } of checks) yield config;
  }

  /** Whether something that the check needs is down; it and its events are told of it then. */
  private holds(server: ServerRecord, check: CheckRecord): boolean {
    const why = missingNeed(this.needs, server, check);
    if (why === undefined) return false;
    for (const event of check.hold(why)) this.ports.report(event);
    return true;
  }

  private result(
    server: ServerRecord,
    check: CheckRecord,
    result: CheckResult,
    took: Milliseconds,
    now: Instant,
  ): void {
    // What it needs may have gone while it ran: then the result says nothing of what the check is there to find out.
    if (check.config.needs !== undefined && this.holds(server, check)) return;
    const wallTime = this.ports.wallTime();
    if (check.takeEqual(result, took, wallTime)) return;
    const taken = check.take(result, took, now, wallTime);
    for (const event of taken.events) this.ports.report(event);
    // First, so that a server that comes back is told of with the weight that it comes back with.
    this.verdict.weigh(server);
    if (taken.changed) this.verdict.evaluate(server, check.cause());
  }
}
