// The wanted table: what the configuration names, and what is known of the servers, as the policy of the services
// (services/decide.ts) makes entries of it. Cheap to change: what is found out of a server only marks its service,
// which is decided once a tick however many of its servers changed. Knows no kernel.

import type { ServiceConfig } from "../config/model.js";
import type { HealthState } from "../core/health-state.js";
import type { Instant } from "../core/units.js";
import { canonicalOrder } from "../ipvs/diff.js";
import {
  serverId,
  serviceId,
  type ListedTable,
  type RealServer,
  type ServerId,
  type ServiceEntry,
  type ServiceId,
} from "../ipvs/model.js";
import { decide, NO_MEMORY, type ServiceFact, type ServiceMemory } from "../services/decide.js";
import type { ServerInput } from "../services/server-input.js";
import { weigh, type Weighing } from "../services/weight.js";
import type { ServerAdjustment } from "./checks.js";
import { ServiceDeadlines } from "./service-deadlines.js";

export type WantedPorts = {
  readonly now: () => Instant;
  readonly tell: (service: string, fact: ServiceFact) => void;
};
/** What the policy makes of one server. */
export type Standing = { readonly weighing: Weighing; readonly isWanted: boolean };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
/** What is found out is written into it: thousands of servers need no new value for each result. */
type ServerState = Mutable<ServerInput> & { readonly server: RealServer };
type ServiceState = {
  config: ServiceConfig;
  readonly id: ServiceId;
  /** In canonical order. */
  readonly servers: ReadonlyMap<ServerId, ServerState>;
  memory: ServiceMemory;
  /** When it is to be decided anew by itself; Infinity: never. */
  deadline: number;
};

export class WantedTable {
  private readonly ports: WantedPorts;
  private byName = new Map<string, ServiceState>();
  private entries = new Map<ServiceId, ServiceEntry>();
  /** Those of which something was found out since they were decided. */
  private readonly stale = new Set<ServiceState>();
  private readonly deadlines = new ServiceDeadlines<ServiceState>();

  constructor(ports: WantedPorts) {
    this.ports = ports;
  }

  /** When a service is to be decided anew by itself; Infinity: never. */
  get nextDeadline(): number {
    return this.deadlines.next;
  }

  /** As it was decided at last. */
  get table(): ReadonlyMap<ServiceId, ServiceEntry> {
    return this.entries;
  }

  /**
   * Takes new services. A server that was known keeps its state; of an unknown one the kernel's table tells what the
   * predecessor knew: in a service that is there, those present are up and the others down until they are proven.
   * In a service that is not there all serve until a check says otherwise. Gives the services that changed.
   */
  configure(services: readonly ServiceConfig[], listed: ListedTable): ReadonlySet<ServiceId> {
    const old = new Map(Array.from(this.byName.values(), (state) => [state.id, state]));
    this.refresh();
    this.deadlines.clear();
    const before = this.entries;
    this.byName = new Map();
    this.entries = new Map();
    const changed = new Set(before.keys());
    for (const config of services) {
      const id = serviceId(config.service.key);
      if (this.take(config, id, old.get(id), before.get(id), listed)) changed.add(id);
      else changed.delete(id);
    }
    return changed;
  }

  /** Takes services anew that are known by these names and keys; all others stay. Gives those that changed. */
  change(services: readonly ServiceConfig[], listed: ListedTable): ReadonlySet<ServiceId> {
    this.refresh();
    const changed = new Set<ServiceId>();
    for (const config of services) {
      const id = serviceId(config.service.key);
      if (this.take(config, id, this.byName.get(config.name), this.entries.get(id), listed)) changed.add(id);
    }
    return changed;
  }

  /** Of a service under a new name, too: its servers are what they were under the old one. */
  presumed(service: string, server: ServerId): HealthState {
    return this.byName.get(service)?.servers.get(server)?.health ?? "unknown";
  }

  /** Gives the service when it is to be decided anew. */
  setServer(service: string, server: ServerId, up: boolean): ServiceId | undefined {
    const state = this.byName.get(service);
    const known = state?.servers.get(server);
    if (state === undefined || known === undefined) return undefined;
    const served = known.health !== "down";
    known.health = up ? "up" : "down";
    return served === up ? undefined : this.mark(state);
  }

  /** Of anything but its health. Gives the service, which is to be decided anew. */
  adjust(service: string, server: ServerId, input: ServerAdjustment): ServiceId | undefined {
    const state = this.byName.get(service);
    const known = state?.servers.get(server);
    if (state === undefined || known === undefined) return undefined;
    Object.assign(known, input);
    return this.mark(state);
  }

  /** Those whose time has come. */
  takeDue(): readonly ServiceId[] {
    return this.deadlines.takeDue(this.ports.now()).map((state) => this.mark(state));
  }

  /** Decides what is to be decided anew. */
  refresh(): void {
    for (const state of this.stale) this.decide(state);
    this.stale.clear();
  }

  standing(service: string, server: ServerId): Standing | undefined {
    const state = this.byName.get(service);
    const view = state?.servers.get(server);
    if (state === undefined || view === undefined) return undefined;
    const isWanted = this.entries.get(state.id)?.servers.has(server) === true;
    return { weighing: weigh(view, this.ports.now()), isWanted };
  }

  private mark(state: ServiceState): ServiceId {
    this.stale.add(state);
    return state.id;
  }

  private decide(state: ServiceState): void {
    const { memory, servers, facts, deadline } = decide(state.servers, state.memory, this.ports.now());
    state.memory = memory;
    this.entries.set(state.id, { service: state.config.service, servers });
    state.deadline = deadline;
    this.deadlines.set(state, deadline);
    for (const fact of facts) this.ports.tell(state.config.name, fact);
  }

  /** Gives whether the kernel is to have something else now. */
  private take(
    config: ServiceConfig,
    id: ServiceId,
    known: ServiceState | undefined,
    same: ServiceEntry | undefined,
    listed: ListedTable,
  ): boolean {
    if (known !== undefined && same !== undefined && sameConfig(known.config, config)) {
      // The old configuration can go.
      known.config = config;
      this.byName.set(config.name, known);
      this.entries.set(id, same);
      this.deadlines.set(known, known.deadline);
      return false;
    }
    if (known !== undefined) this.deadlines.set(known, Infinity);
    const state = newState(id, config, known, listed);
    this.byName.set(config.name, state);
    this.decide(state);
    return true;
  }

  idOf(service: string): ServiceId | undefined {
    return this.byName.get(service)?.id;
  }
}

const NOTHING_KNOWN = { override: undefined, load: undefined, ramp: undefined } as const;

function newState(
  id: ServiceId,
  config: ServiceConfig,
  old: ServiceState | undefined,
  listed: ListedTable,
): ServiceState {
  const inKernel = listed.get(id)?.servers;
  const servers = new Map<ServerId, ServerState>();
  for (const { server, checks } of canonicalOrder(config.servers)) {
    const name = serverId(server);
    const known = old?.servers.get(name);
    const presumed = inKernel === undefined ? "unknown" : inKernel.has(name) ? "up" : "down";
    // Nothing would ever prove a server that has no checks.
    const health = checks.length === 0 ? "up" : (known?.health ?? presumed);
    const { override, load, ramp } = known ?? NOTHING_KNOWN;
    servers.set(name, { server, health, override, load, ramp });
  }
  return { config, id, servers, memory: old?.memory ?? NO_MEMORY, deadline: Infinity };
}

/** Whether they want the same of the kernel. Makes nothing: a reload asks it of every service. */
function sameConfig(a: ServiceConfig, b: ServiceConfig): boolean {
  const { persistence: p, scheduler } = a.service;
  const { persistence: q } = b.service;
  return (
    scheduler === b.service.scheduler &&
    p?.timeout === q?.timeout &&
    p?.prefixLength === q?.prefixLength &&
    a.servers.length === b.servers.length &&
    a.servers.every((one, i) => {
      const other = b.servers[i];
      return (
        other !== undefined &&
        one.server.address === other.server.address &&
        one.server.port === other.server.port &&
        one.server.weight === other.server.weight &&
        one.server.forwarding === other.server.forwarding &&
        (one.checks.length === 0) === (other.checks.length === 0)
      );
    })
  );
}
