// Makes the records of a service anew when it is configured: what it has in common with the old ones keeps its health,
// and of what is new it is asked what others know already.

import type { CheckConfig, ServerConfig, ServiceConfig } from "../config/model.js";
import type { HealthState } from "../core/health-state.js";
import type { Instant } from "../core/units.js";
import { serverId, serviceId, type ServerId } from "../ipvs/model.js";
import type { CheckKeys } from "./check-keys.js";
import { CheckRecord } from "./check-record.js";
import type { Presumed } from "./service-state.js";
import type { ServerRecord, ServiceRecord } from "./server-record.js";

export type MakerPorts = {
  readonly now: () => Instant;
  readonly wallTime: () => number;
  /** "unknown": it serves, and its first result decides; "waits": it does not serve before that. */
  readonly presume: (service: string, server: ServerId) => Presumed;
};
/** What other askers of a run have found out, by its key. */
export type FoundOut = (run: string) => HealthState | undefined;

/** Before anything was found out. */
const whyPresumed: Readonly<Record<Presumed, string>> = {
  unknown: "it serves until a check says otherwise",
  waits: "it waits for its first check",
  up: "it was in the kernel's table at the start",
  down: "it was not in the kernel's table at the start",
};

const NO_ASKERS: ServerRecord["askers"] = [];

export class RecordMaker {
  private readonly ports: MakerPorts;
  private readonly keys: CheckKeys;

  constructor(ports: MakerPorts, keys: CheckKeys) {
    this.ports = ports;
    this.keys = keys;
  }

  service(
    config: ServiceConfig,
    old: ServiceRecord | undefined,
    rests: boolean,
    found: FoundOut,
  ): ServiceRecord {
    const id = serviceId(config.service.key);
    const service: ServiceRecord = { config, id, alive: 0, servers: new Map(), rests };
    for (const server of config.servers) {
      const record = this.server(service, server, old?.servers.get(serverId(server.server)), found);
      service.servers.set(record.id, record);
      if (record.up) service.alive++;
    }
    return service;
  }

  private server(
    service: ServiceRecord,
    config: ServerConfig,
    old: ServerRecord | undefined,
    found: FoundOut,
  ): ServerRecord {
    const id = serverId(config.server);
    const presumed = old === undefined ? this.ports.presume(service.config.name, id) : "unknown";
    const checks: CheckRecord[] = [];
    for (const check of config.checks) {
      const key = this.keys.ofServer(check, checks);
      const known = old?.checks.find((record) => record.key === key);
      if (known !== undefined) known.config = check;
      checks.push(known ?? this.check(service, config, key, check, presumed, found));
    }
    // Nothing would ever prove a server that has no checks.
    const up = old?.up ?? (checks.length === 0 || presumed === "up" || presumed === "unknown");
    // The table knows services by their addresses, and presumes anew when one has changed: it is told again.
    const hasMoved = old !== undefined && old.service.id !== service.id;
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
      told: hasMoved ? undefined : old?.told,
      load: hasMoved ? undefined : old?.load,
    };
  }

  private check(
    service: ServiceRecord,
    server: ServerConfig,
    key: string,
    check: CheckConfig,
    presumed: Presumed,
    found: FoundOut,
  ): CheckRecord {
    const subject = { service: service.config.name, server: serverId(server.server) };
    const state =
      presumed === "up" || presumed === "down"
        ? presumed
        : service.rests
          ? "unknown"
          : (found(this.keys.ofRun(service.config, server, check)) ?? "unknown");
    return new CheckRecord(subject, key, check, state, this.ports.wallTime());
  }
}
