// The wanted table: what the configuration names, and what is known of the servers, as the policy of the services
// (services/decide.ts) makes entries of it. Cheap to change: what is found out of a server only marks its service,
// which is decided once a tick however many of its servers changed. Knows no kernel.

import { DEFAULT_POLICY, type MassFailure, type ServiceConfig } from "../config/model.js";
import type { Instant } from "../core/units.js";
import { fanOut, type KeyService } from "../ipvs/group.js";
import {
  serviceId,
  type ListedTable,
  type ServerId,
  type ServiceEntry,
  type ServiceId,
} from "../ipvs/model.js";
import { decide, realServe, type ServiceFact, type ServiceMemory } from "../services/decide.js";
import { DEFAULT_MASS_FAILURE, type FailureCount } from "../services/mass-failure.js";
import { placeOf, type Place } from "../services/place.js";
import type { Ramp, ServerAdjustment } from "../services/server-input.js";
import { weigh, type Weighing } from "../services/weight.js";
import { DirectorFailures } from "./director-failures.js";
import { sameConfig } from "./same-service.js";
import { ServiceDeadlines } from "./service-deadlines.js";
import {
  idsOf,
  knownByFurther,
  newState,
  type OverrideOf,
  type Presumed,
  type ServiceState,
} from "./service-state.js";

export type WantedPorts = {
  readonly now: () => Instant;
  readonly tell: (service: ServiceConfig, fact: ServiceFact) => void;
  /** Of the director as a whole. */
  readonly tellMassFailure: (count: FailureCount, isOver: boolean) => void;
  /** What is ordered of a server. Of a change of it `adjust` tells. */
  readonly overrideOf: OverrideOf;
};
/** What the policy makes of one server. */
export type Standing = { readonly weighing: Weighing; readonly isWanted: boolean; readonly place: Place };

export class WantedTable {
  private readonly ports: WantedPorts;
  private byName = new Map<string, ServiceState>();
  private entries = new Map<ServiceId, ServiceEntry>();
  /** Those of which something was found out since they were decided. */
  private readonly stale = new Set<ServiceState>();
  private readonly deadlines = new ServiceDeadlines<ServiceState>();
  private readonly failures = new DirectorFailures();
  private massFailure: MassFailure = DEFAULT_MASS_FAILURE;

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
   * In a service that is not there the policy says which. Gives the services that changed.
   */
  configure(
    services: readonly ServiceConfig[],
    listed: ListedTable,
    massFailure: MassFailure = DEFAULT_MASS_FAILURE,
  ): ReadonlySet<ServiceId> {
    const old = new Map<ServiceId, ServiceState>();
    for (const state of this.byName.values()) for (const id of idsOf(state)) old.set(id, state);
    const decided = this.refresh();
    const isAnew = JSON.stringify(massFailure) !== JSON.stringify(this.massFailure);
    this.massFailure = massFailure;
    this.deadlines.clear();
    this.failures.clear();
    const before = this.entries;
    this.byName = new Map();
    this.entries = new Map();
    const changed = new Set(before.keys());
    for (const config of services) {
      const id = serviceId(config.service.key);
      const known = old.get(id) ?? knownByFurther(config, old);
      const isChanged = this.take(config, id, known, isAnew ? undefined : before, listed);
      for (const one of this.idsNamed(config.name))
        if (isChanged) changed.add(one);
        else changed.delete(one);
    }
    for (const id of decided) changed.add(id);
    return changed;
  }

  /** Takes services anew that are known by these names and keys; all others stay. Gives those that changed. */
  change(services: readonly ServiceConfig[], listed: ListedTable): ReadonlySet<ServiceId> {
    const changed = new Set<ServiceId>(this.refresh());
    for (const config of services) {
      const id = serviceId(config.service.key);
      const known = this.byName.get(config.name);
      if (known !== undefined) this.countFailures(known, -1);
      if (this.take(config, id, known, this.entries, listed))
        for (const one of this.idsNamed(config.name)) changed.add(one);
    }
    return changed;
  }

  /** Of a service under a new name, too: its servers are what they were under the old one. */
  presumed(service: string, server: ServerId): Presumed {
    const known = this.byName.get(service)?.servers.get(server);
    if (known === undefined) return "unknown";
    return known.health === "unknown" && known.waits ? "waits" : known.health;
  }

  /** Gives the service when it is to be decided anew. */
  setServer(service: string, server: ServerId, up: boolean): ServiceId | undefined {
    const state = this.byName.get(service);
    const known = state?.servers.get(server);
    if (state === undefined || known === undefined) return undefined;
    const { health, failedAt } = known;
    const next = up ? "up" : "down";
    if (health === next) return undefined;
    known.health = next;
    known.failedAt = up ? undefined : this.ports.now();
    known.ramp = up && health === "down" ? this.rampOf(state) : undefined;
    this.failures.count(known.server.address, health === "down", failedAt, -1);
    this.failures.count(known.server.address, !up, known.failedAt, 1);
    // That it serves is mostly proven only.
    return health === "unknown" && up && !known.waits ? undefined : this.mark(state);
  }

  /** Of anything but its health. Gives the service, which is to be decided anew. */
  adjust(service: string, server: ServerId, input: ServerAdjustment): ServiceId | undefined {
    const state = this.byName.get(service);
    const known = state?.servers.get(server);
    if (state === undefined || known === undefined) return undefined;
    const isBack = "override" in input && input.override === undefined && known.override !== undefined;
    if (isBack && known.health !== "down") known.ramp = this.rampOf(state);
    Object.assign(known, input);
    return this.mark(state);
  }

  private rampOf({ config }: ServiceState): Ramp | undefined {
    const over = config.policy?.slowStart;
    return over === undefined ? undefined : { since: this.ports.now(), over };
  }

  /** Those whose time has come. */
  takeDue(): readonly ServiceId[] {
    return this.deadlines.takeDue(this.ports.now()).map((state) => this.mark(state));
  }

  /** Decides what is to be decided anew, and gives which services of the kernel's these are. */
  refresh(): readonly ServiceId[] {
    if (this.stale.size === 0) return [];
    const count = this.failures.evaluate(this.massFailure, this.ports.now());
    if (count !== undefined) {
      this.ports.tellMassFailure(count, !this.failures.isMassFailure);
      // It concerns every service that has a server down.
      for (const state of this.byName.values())
        if (state.memory.quorum?.serving !== state.servers.size) this.mark(state);
    }
    const decided: ServiceId[] = [];
    for (const state of this.stale) {
      this.decide(state);
      decided.push(...idsOf(state));
    }
    this.stale.clear();
    return decided;
  }

  standing(service: string, server: ServerId): Standing | undefined {
    const state = this.byName.get(service);
    const view = state?.servers.get(server);
    if (state === undefined || view === undefined) return undefined;
    const { memory, config } = state;
    const now = this.ports.now();
    const place = placeOf(
      view,
      memory.held.has(server),
      realServe(config.policy ?? DEFAULT_POLICY, memory),
      now,
    );
    const isWanted = this.entries.get(state.id)?.servers.has(server) === true;
    return { weighing: weigh(view, now), isWanted, place };
  }

  /** What was decided of a service as a whole. */
  memory(service: string): ServiceMemory | undefined {
    return this.byName.get(service)?.memory;
  }

  /** Those whose servers are to be told of as down at a stop, and have their quorum. */
  *downAtStop(): Iterable<ServiceConfig> {
    for (const { config, memory } of this.byName.values())
      if (config.policy?.downOnStop === true && memory.quorum?.up === true) yield config;
  }

  private mark(state: ServiceState): ServiceId {
    this.stale.add(state);
    return state.id;
  }

  private decide(state: ServiceState): void {
    const rules = {
      policy: state.config.policy ?? DEFAULT_POLICY,
      massFailure: this.massFailure,
      directorFails: this.failures.isMassFailure,
    };
    const { memory, servers, facts, deadline } = decide(rules, state.servers, state.memory, this.ports.now());
    state.memory = memory;
    this.entries.set(state.id, { service: state.config.service, servers });
    if (state.further.length > 0)
      for (const [id, entry] of fanOut(state.further, servers)) this.entries.set(id, entry);
    state.deadline = deadline;
    this.deadlines.set(state, deadline);
    for (const fact of facts) this.ports.tell(state.config, fact);
  }

  /** Gives whether the kernel is to have something else now. */
  private take(
    config: ServiceConfig,
    id: ServiceId,
    known: ServiceState | undefined,
    before: ReadonlyMap<ServiceId, ServiceEntry> | undefined,
    listed: ListedTable,
  ): boolean {
    if (
      known !== undefined &&
      before !== undefined &&
      // What is ordered belongs to the name.
      known.config.name === config.name &&
      sameConfig(known.config, config)
    ) {
      // The old configuration can go.
      known.config = config;
      this.byName.set(config.name, known);
      for (const one of idsOf(known)) {
        const same = before.get(one);
        if (same !== undefined) this.entries.set(one, same);
      }
      this.deadlines.set(known, known.deadline);
      this.countFailures(known, 1);
      return false;
    }
    if (known !== undefined) this.deadlines.set(known, Infinity);
    const state = newState(id, config, known, listed, this.ports.overrideOf);
    this.byName.set(config.name, state);
    this.countFailures(state, 1);
    this.decide(state);
    return true;
  }

  private countFailures({ servers }: ServiceState, by: 1 | -1): void {
    for (const { server, health, failedAt } of servers.values())
      this.failures.count(server.address, health === "down", failedAt, by);
  }

  idOf(service: string): ServiceId | undefined {
    return this.byName.get(service)?.id;
  }

  /** The services of the kernel that a service has beside that of its first key. */
  furtherOf(service: string): readonly KeyService[] {
    return this.byName.get(service)?.further ?? [];
  }

  private idsNamed(service: string): readonly ServiceId[] {
    const state = this.byName.get(service);
    return state === undefined ? [] : idsOf(state);
  }
}
