// What the results of a server's checks make of it: up or down, and how much it can take. Says so once for every
// change, to whoever keeps the table first, and then to everybody.

import type { VipdEvent } from "../control/event.js";
import type { HealthState } from "../core/health-state.js";
import type { Instant } from "../core/units.js";
import type { ServerId } from "../ipvs/model.js";
import type { Load } from "../services/server-input.js";
import { loadedWeight, steadyLoad } from "../services/weight.js";
import { Availability } from "./availability.js";
import type { ServerRecord } from "./server-record.js";

export type VerdictPorts = {
  readonly now: () => Instant;
  /** Milliseconds since 1970, for "since" in the status. */
  readonly wallTime: () => number;
  readonly report: (event: VipdEvent) => void;
  /** Whoever keeps the table: told once for every change, and once when a server is first known. */
  readonly setServer: (service: string, server: ServerId, up: boolean) => void;
  readonly setLoad: (service: string, server: ServerId, load: Load | undefined) => void;
  /** The weight in force, when all of that is counted in; undefined: the table does not know the server. */
  readonly weightOf: (service: string, server: ServerId) => number | undefined;
};

export class ServerVerdict {
  private readonly ports: VerdictPorts;

  constructor(ports: VerdictPorts) {
    this.ports = ports;
  }

  /** Something of its checks has changed. `cause`: what is told where that changes the server. */
  evaluate(server: ServerRecord, cause: string): void {
    const health = healthOf(server);
    if (health === "unknown") return;
    const up = health === "up";
    if (server.told !== up) this.tellTable(server, up);
    if (server.up !== up) this.turn(server, up, cause);
  }

  tellTable(server: ServerRecord, up: boolean): void {
    server.told = up;
    this.ports.setServer(server.service.config.name, server.id, up);
  }

  /** Of several checks that say what a server can take the smallest word counts; the table hears of changes alone. */
  weigh(server: ServerRecord): void {
    const configured = server.config.server.weight;
    let next: Load | undefined;
    for (const { load, config } of server.checks) {
      if (load === undefined) continue;
      const said: Load = { ...load, label: config.type };
      if (next === undefined || loadedWeight(configured, said) < loadedWeight(configured, next)) next = said;
    }
    if (next === undefined && server.load === undefined) return;
    const { policy } = server.service.config;
    const counts = steadyLoad(server.load, next, configured, policy?.weightHysteresis);
    if (isSameLoad(counts, server.load)) return;
    server.load = counts;
    this.ports.setLoad(server.service.config.name, server.id, counts);
  }

  turn(server: ServerRecord, up: boolean, cause: string): void {
    server.up = up;
    server.since = this.ports.wallTime();
    server.why = cause;
    server.availability ??= new Availability(!up, server.began);
    server.availability.turn(up, this.ports.now());
    server.service.alive += up ? 1 : -1;
    const { name } = server.service.config;
    this.ports.report({
      kind: "server-changed",
      service: name,
      key: server.service.id,
      server: server.id,
      up,
      weight: this.ports.weightOf(name, server.id) ?? server.config.server.weight,
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

const isSameLoad = (a: Load | undefined, b: Load | undefined): boolean =>
  a === b ||
  (a?.label === b?.label &&
    ((a?.kind === "percent" && b?.kind === "percent" && a.percent === b.percent) ||
      (a?.kind === "absolute" && b?.kind === "absolute" && a.weight === b.weight)));
