// The wanted table: what the configuration names, less the servers that are down. Cheap to change: one server's
// health touches its own service alone. Knows no kernel.

import type { HealthState } from "../checkers/health.js";
import type { ServiceConfig } from "../config/model.js";
import { canonicalOrder } from "../ipvs/diff.js";
import {
  serverId,
  serviceId,
  type ListedTable,
  type RealServer,
  type ServerId,
  type ServiceEntry,
  type ServiceId,
  type VirtualService,
} from "../ipvs/model.js";

/** `health`: the last word of its checks; before that, what the kernel's table told. Serves unless it is "down". */
type ServerState = { readonly server: RealServer; health: HealthState };
type ServiceState = {
  config: ServiceConfig;
  readonly id: ServiceId;
  readonly service: VirtualService;
  /** In canonical order. */
  readonly servers: ReadonlyMap<ServerId, ServerState>;
};

export class WantedTable {
  private byName = new Map<string, ServiceState>();
  private entries = new Map<ServiceId, ServiceEntry>();

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

  /** Gives the service when this changes its wanted entry. */
  setServer(service: string, server: ServerId, up: boolean): ServiceId | undefined {
    const state = this.byName.get(service);
    const known = state?.servers.get(server);
    if (state === undefined || known === undefined) return undefined;
    const served = known.health !== "down";
    known.health = up ? "up" : "down";
    if (served === up) return undefined;
    this.entries.set(state.id, entryOf(state));
    return state.id;
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
      return false;
    }
    const state = newState(id, config, known, listed);
    this.byName.set(config.name, state);
    this.entries.set(id, entryOf(state));
    return true;
  }

  idOf(service: string): ServiceId | undefined {
    return this.byName.get(service)?.id;
  }
}

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
    servers.set(name, { server, health });
  }
  return { config, id, service: config.service, servers };
}

function entryOf({ service, servers }: ServiceState): ServiceEntry {
  const up = new Map<ServerId, RealServer>();
  for (const [id, state] of servers) if (state.health !== "down") up.set(id, state.server);
  return { service, servers: up };
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
