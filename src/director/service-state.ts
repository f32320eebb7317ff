// What is known of a service and its servers between two decisions, and what of that is presumed when it is new: what an
// earlier configuration knew, or what the kernel's table tells of a predecessor's checks.

import { DEFAULT_POLICY, type ServerConfig, type ServiceConfig } from "../config/model.js";
import type { HealthState } from "../core/health-state.js";
import { canonicalOrder } from "../ipvs/diff.js";
import { furtherServices, idAt, type KeyService } from "../ipvs/group.js";
import {
  serverId,
  serviceId,
  type ListedEntry,
  type ListedTable,
  type ServerId,
  type ServiceId,
} from "../ipvs/model.js";
import { LOST_BEFORE, NO_MEMORY, type ServiceMemory } from "../services/decide.js";
import type { Override, ServerInput, ServerView } from "../services/server-input.js";

export type OverrideOf = (service: string, server: ServerId) => Override | undefined;
/** What a server without results is taken for. "waits": nothing is known of it, and it does not serve. */
export type Presumed = HealthState | "waits";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
/** What is found out is written into it: thousands of servers need no new value for each result. */
type ServerState = Mutable<ServerInput> & Pick<ServerView, "server" | "inhibit" | "waits">;
export type ServiceState = {
  config: ServiceConfig;
  /** Of its first key. */
  readonly id: ServiceId;
  readonly further: readonly KeyService[];
  /** In canonical order. */
  readonly servers: ReadonlyMap<ServerId, ServerState>;
  memory: ServiceMemory;
  /** When it is to be decided anew by itself; Infinity: never. */
  deadline: number;
};

/** Of all its keys. */
export const idsOf = ({ id, further }: ServiceState): readonly ServiceId[] =>
  further.length === 0 ? [id] : [id, ...further.map((one) => one.id)];

/** A group that begins with another key has been there all the same. */
export function knownByFurther(
  config: ServiceConfig,
  old: ReadonlyMap<ServiceId, ServiceState>,
): ServiceState | undefined {
  for (const key of config.group?.keys ?? []) {
    const known = old.get(serviceId(key));
    if (known !== undefined) return known;
  }
  return undefined;
}

export function newState(
  id: ServiceId,
  config: ServiceConfig,
  old: ServiceState | undefined,
  listed: ListedTable,
  overrideOf: OverrideOf,
): ServiceState {
  const further = furtherServices(config);
  const inKernel = listed.get(id)?.servers ?? listedFurther(config.servers, further, listed);
  const servers = new Map<ServerId, ServerState>();
  for (const one of canonicalOrder(config.servers)) {
    const name = serverId(one.server);
    const known = old?.servers.get(name);
    const inhibit = one.inhibit === true;
    const override = overrideOf(config.name, name);
    if (known !== undefined) {
      const health = one.checks.length === 0 ? "up" : known.health;
      servers.set(name, { ...known, server: one.server, inhibit, health, override });
      continue;
    }
    const presumed = presumeOf(config, one, old !== undefined, inKernel);
    servers.set(name, {
      server: one.server,
      inhibit,
      waits: presumed === "waits",
      health: presumed === "waits" ? "unknown" : presumed,
      failedAt: undefined,
      override,
      load: undefined,
      ramp: undefined,
    });
  }
  const { sorry } = config.policy ?? DEFAULT_POLICY;
  const sorryServes = sorry.some((server) => (inKernel?.get(serverId(server))?.weight ?? 0) > 0);
  const memory = old?.memory ?? (sorryServes ? LOST_BEFORE : NO_MEMORY);
  return { config, id, further, servers, memory, deadline: Infinity };
}

/** The servers that the kernel has at another key than the first, under the names that they have at the first. */
function listedFurther(
  servers: ServiceConfig["servers"],
  further: readonly KeyService[],
  listed: ListedTable,
): ListedEntry["servers"] | undefined {
  const there = further.find(({ id }) => listed.has(id));
  const entry = there === undefined ? undefined : listed.get(there.id);
  if (there === undefined || entry === undefined) return undefined;
  return new Map(
    servers.flatMap(({ server }) => {
      const one = entry.servers.get(idAt(there, server));
      return one === undefined ? [] : [[serverId(server), one] as const];
    }),
  );
}

/** What a server is taken for of which nothing is known. `isAdded`: its service has been there without it. */
function presumeOf(
  { policy }: ServiceConfig,
  { server, checks, inhibit }: ServerConfig,
  isAdded: boolean,
  inKernel: ListedEntry["servers"] | undefined,
): Presumed {
  // Nothing would ever prove a server that has no checks.
  if (checks.length === 0) return "up";
  if (isAdded || inKernel === undefined)
    return (policy?.beforeFirstCheck ?? (isAdded ? "wait" : "serve")) === "wait" ? "waits" : "unknown";
  const listed = inKernel.get(serverId(server));
  if (listed === undefined) return "down";
  // A predecessor's checks have inhibited it.
  return inhibit === true && listed.weight === 0 && server.weight > 0 ? "down" : "up";
}
