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

type ServerState = { readonly server: RealServer; readonly presumed: HealthState; up: boolean };
type ServiceState = {
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
    const old = this.statesById();
    const before = this.entries;
    this.byName = new Map();
    this.entries = new Map();
    const changed = new Set(before.keys());
    for (const config of services) {
      const id = serviceId(config.service.key);
      const state = newState(config, old.get(id), listed);
      this.byName.set(config.name, state);
      const entry = entryOf(state);
      const same = before.get(id);
      if (same !== undefined && equalEntries(same, entry)) {
        this.entries.set(id, same);
        changed.delete(id);
      } else {
        this.entries.set(id, entry);
        changed.add(id);
      }
    }
    return changed;
  }

  presumed(service: string, server: ServerId): HealthState {
    return this.byName.get(service)?.servers.get(server)?.presumed ?? "unknown";
  }

  /** Gives the service when this changes its wanted entry. */
  setServer(service: string, server: ServerId, up: boolean): ServiceId | undefined {
    const state = this.byName.get(service);
    const known = state?.servers.get(server);
    if (state === undefined || known === undefined || known.up === up) return undefined;
    known.up = up;
    this.entries.set(state.id, entryOf(state));
    return state.id;
  }

  idOf(service: string): ServiceId | undefined {
    return this.byName.get(service)?.id;
  }

  private statesById(): Map<ServiceId, ServiceState> {
    return new Map(Array.from(this.byName.values(), (state) => [state.id, state]));
  }
}

function newState(config: ServiceConfig, old: ServiceState | undefined, listed: ListedTable): ServiceState {
  const id = serviceId(config.service.key);
  const inKernel = listed.get(id)?.servers;
  const servers = new Map<ServerId, ServerState>();
  for (const { server, checks } of canonicalOrder(config.servers)) {
    const name = serverId(server);
    const known = old?.servers.get(name);
    const presumed = inKernel === undefined ? "unknown" : inKernel.has(name) ? "up" : "down";
    // Nothing would ever prove a server that has no checks.
    const up = checks.length === 0 || (known?.up ?? presumed !== "down");
    servers.set(name, { server, presumed, up });
  }
  return { id, service: config.service, servers };
}

function entryOf({ service, servers }: ServiceState): ServiceEntry {
  const up = new Map<ServerId, RealServer>();
  for (const [id, state] of servers) if (state.up) up.set(id, state.server);
  return { service, servers: up };
}

/** Both were made from configurations, so that equal values have equal text. */
function equalEntries(a: ServiceEntry, b: ServiceEntry): boolean {
  if (a.servers.size !== b.servers.size || JSON.stringify(a.service) !== JSON.stringify(b.service))
    return false;
  for (const [id, server] of b.servers) {
    const other = a.servers.get(id);
    if (other?.weight !== server.weight || other.forwarding !== server.forwarding) return false;
  }
  return true;
}
