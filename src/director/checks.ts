// The whole of the checks process without its process: the schedule, the health it gives, and the table that
// follows. Whatever it is told comes in by calls; whatever it has to say goes out by `report`.

import { DEFAULT_POLICY, type ServerConfig, type ServiceConfig } from "../config/model.js";
import type { IpAddress } from "../core/address.js";
import type { VipdEvent } from "../control/event.js";
import type { Vacancy } from "../vrrp/reasons.js";
import type { ChecksStatus, SentAhead, ServiceStatus, ToChecks } from "../control/ipc.js";
import { after, formatDuration, minutes, seconds } from "../core/units.js";
import type { Connections } from "../ipvs/impact.js";
import { serverId, serviceId, type ListedServer, type ServerId } from "../ipvs/model.js";
import type { PreparedTable } from "../ipvs/prepared.js";
import type { Timers } from "../ports/timers.js";
import type { ServiceMemory } from "../services/decide.js";
import { NO_ORDERS, type Orders } from "../services/order.js";
import type { ServerAdjustment } from "../services/server-input.js";
import type { Standing } from "./ipvs-wanted.js";
import type { OverrideOf, Presumed } from "./service-state.js";
import { OrderedServers } from "./ordered-servers.js";
import { CheckScheduler, type SchedulerPorts } from "./check-scheduler.js";
import { AddressesHere } from "./addresses-here.js";
import { TakeoverCount } from "./takeover-count.js";
import { HealthBoard, type BoardPorts } from "./health-board.js";

export type ChecksOrder = Omit<
  Extract<ToChecks, { readonly kind: "configure" }>,
  "kind" | "scripts" | "tracks" | "knownTracks" | "ahead"
>;

/** What is known of a configuration before its services are. */
export type AheadOrder = Pick<ChecksOrder, "runtimeDirectory" | "ipvs" | "sync" | "orders">;

/** Whoever keeps the kernel's table as it should be. */
export type TableKeeper = {
  /**
   * Before the first `configure`: sends the table that this will make, where nothing stands against it. `sent`: another
   * process has done it.
   */
  sendAhead(order: AheadOrder, table: PreparedTable, sent?: SentAhead): void;
  /** Takes services and sync daemons over; gives what makes it impossible, for people, or null. */
  configure(order: ChecksOrder): string | null;
  /** Takes services anew that it has by these names and keys; all others stay. False: it has none. */
  change(services: readonly ServiceConfig[]): boolean;
  /** What a server without results is taken for: as the predecessor left it, or as its service's policy says. */
  presume(service: string, server: ServerId): Presumed;
  setServer(service: string, server: ServerId, up: boolean): void;
  /** What others than its checks have found out of a server, or ordered of it. */
  adjust(service: string, server: ServerId, input: ServerAdjustment): void;
  /** What it was told goes into the kernel before this returns: much else is to be done now that can wait. */
  hurry(): void;
  /** Whether this director is master of any instance now; `configure` says it, too. */
  setMaster(isMaster: boolean): void;
  /** By whom it asks what is ordered of a server; of changes `adjust` tells. */
  askOverrides(overrideOf: OverrideOf): void;
  /** The servers of a service as the data plane lists them now; undefined: it cannot. */
  connections(service: string): ReadonlyMap<ServerId, ListedServer> | undefined;
  /** What the policy of its service makes of it; undefined: it is not known. */
  standing(service: string, server: ServerId): Standing | undefined;
  /** What was decided of a service as a whole; undefined: it is not known. */
  memory(service: string): ServiceMemory | undefined;
  inKernel(service: string, server: ServerId): boolean;
  /** The connections that a server had when it was taken out; undefined: it is in the table, or they are not known. */
  leftWith(service: string, server: ServerId): Connections | undefined;
  status(): Pick<ChecksStatus, "sync" | "table">;
  /** Gives whether all is gone that was to go. */
  stop(table: "remove" | "keep"): boolean;
};

export type ChecksPorts = Pick<BoardPorts, "means" | "wallTime" | "isTrackDown"> & {
  readonly timers: Timers;
  readonly random: SchedulerPorts["random"];
  readonly limits: SchedulerPorts["limits"];
  readonly grain?: SchedulerPorts["grain"];
  readonly table: TableKeeper;
  readonly report: (event: VipdEvent) => void;
};

/** How often it is looked at whether checks ran late. */
const LOOK_EVERY = minutes(1);
/** Checks that begin later than this say that the machine is too busy. */
const TOO_LATE = seconds(1);

export class Checks {
  private readonly ports: ChecksPorts;
  private readonly board: HealthBoard;
  private readonly scheduler: CheckScheduler;
  private readonly ordered: OrderedServers;
  private order: ChecksOrder | undefined;
  private services: ChecksOrder["services"] = [];
  private readonly held = new AddressesHere();
  private readonly takeovers: TakeoverCount;
  private stopLooking: () => void = () => undefined;

  constructor(ports: ChecksPorts) {
    this.ports = ports;
    const { means, wallTime, isTrackDown, timers, random, limits, grain, table, report } = ports;
    this.board = new HealthBoard({
      means,
      wallTime,
      isTrackDown,
      report,
      now: () => timers.now(),
      setServer: (service, server, up) => {
        table.setServer(service, server, up);
      },
      setLoad: (service, server, load) => table.adjust(service, server, { load }),
      weightOf: (service, server) => table.standing(service, server)?.weighing.effective,
      presume: (service, server) => table.presume(service, server),
      holds: (address) => this.held.has(address),
    });
    this.scheduler = new CheckScheduler({
      timers,
      random,
      limits,
      onTimeouts: () => table.hurry(),
      ...(grain === undefined ? {} : { grain }),
    });
    this.ordered = new OrderedServers({
      timers,
      wallTime,
      report,
      connections: (service) => table.connections(service),
      adjust: (service, server, override) => table.adjust(service, server, { override }),
    });
    this.takeovers = new TakeoverCount({
      timers,
      report,
      services: () => this.services,
      connections: (service) => table.connections(service),
      sync: () =>
        this.order?.sync?.roles.includes("backup") === true
          ? table.status().sync.some(({ role, running }) => role === "backup" && running)
          : null,
    });
    table.askOverrides((service, server) => this.ordered.overrideOf(service, server));
  }

  /** Before the first `configure`: the table that a start from nothing makes of it. */
  sendAhead(order: AheadOrder, table: PreparedTable, sent?: SentAhead): void {
    const { orders, windows } = order.orders ?? NO_ORDERS;
    if (this.order === undefined && (sent !== undefined || orders.length + windows.length === 0))
      this.ports.table.sendAhead(order, table, sent);
  }

  /** Gives what makes it impossible, for people; then everything goes on as before. */
  configure(order: ChecksOrder): string | null {
    const services = shareChecks(order.services);
    this.ordered.configure(services, order.orders);
    const error = this.ports.table.configure({ ...order, services });
    if (error !== null) return error;
    this.order = order;
    this.services = services;
    this.held.replace(order.masters);
    const jobs = this.board.configure(services);
    this.board.tellAll(services);
    this.ordered.settle();
    this.scheduler.configure(jobs);
    this.look();
    return null;
  }

  /**
   * Services that differ from what they were, under the names and keys that they had. Of thousands, a reload changes
   * a few, and costs what these cost.
   */
  change(services: ChecksOrder["services"]): string | null {
    const { order } = this;
    if (order === undefined) return "there is no configuration to change";
    const changed = new Map(shareChecks(services).map((service) => [service.name, service]));
    const all = this.services.map((service) => changed.get(service.name) ?? service);
    this.ordered.configure(all, order.orders);
    if (!this.ports.table.change([...changed.values()])) return this.configure({ ...order, services: all });
    this.services = all;
    const { jobs, ended } = this.board.change([...changed.values()]);
    this.board.tellAll([...changed.values()]);
    this.ordered.settle();
    this.scheduler.change(jobs, ended);
    return null;
  }

  /** An instance has become master of these addresses, or with none is master no longer. `vacancy`: it took over. */
  setMaster(instance: string, addresses: readonly IpAddress[], vacancy?: Vacancy): void {
    if (vacancy === undefined || addresses.length === 0) this.takeovers.lost(instance);
    else this.takeovers.taken(instance, addresses, vacancy);
    if (!this.held.set(instance, addresses) || this.order === undefined) return;
    const others = Object.entries(this.order.masters).filter(([name]) => name !== instance);
    const masters = Object.fromEntries(addresses.length === 0 ? others : [...others, [instance, addresses]]);
    this.order = { ...this.order, masters };
    this.ports.table.setMaster(Object.keys(masters).length > 0);
    const { jobs, ended } = this.board.follow();
    this.scheduler.change(jobs, ended, "at once");
  }

  /** What people order and windows that open or close, all of it each time. */
  take(orders: Orders): void {
    if (this.order === undefined) return;
    this.order = { ...this.order, orders };
    this.ordered.configure(this.services, orders);
    this.ordered.settle();
  }

  /** Gives whether all is gone that was to go. */
  stop(table: "remove" | "keep"): boolean {
    this.leave();
    this.board.tellStop(this.services.filter(({ policy }) => policy?.downOnStop === true));
    return this.ports.table.stop(table);
  }

  /** Ends the checks and leaves the table to whoever comes next. */
  leave(): void {
    this.stopLooking();
    this.scheduler.stop();
    this.ordered.stop();
    this.takeovers.stop();
  }

  /** `ordered`: only services and servers of which something is ordered. */
  status(pid: number, ordered = false): Omit<ChecksStatus, "tracks"> {
    return {
      pid,
      services: ordered
        ? this.services.flatMap((config) => this.orderedStatus(config))
        : this.services.map((config) => this.serviceStatus(config)),
      ...this.ports.table.status(),
    };
  }

  private orderedStatus(config: ServiceConfig): ServiceStatus[] {
    const ordered = this.ordered.ofService(config.name);
    if (ordered === undefined) return [];
    const servers = config.servers.filter(({ server }) => ordered.has(serverId(server)));
    return servers.length === 0 ? [] : [this.serviceStatus({ ...config, servers })];
  }

  private serviceStatus({ name, service, group, servers, policy }: ServiceConfig): ServiceStatus {
    const { quorum, hysteresis, sorry } = policy ?? DEFAULT_POLICY;
    const memory = this.ports.table.memory(name);
    return {
      name,
      service: serviceId(service.key),
      ...(group === undefined ? {} : { further: group.keys.map(serviceId) }),
      scheduler: service.scheduler,
      alive: this.board.alive(name),
      quorum: { up: memory?.quorum?.up ?? false, weight: memory?.quorum?.weight ?? 0, quorum, hysteresis },
      sorry: sorry.map((server) => {
        const id = serverId(server);
        return { server: id, serves: this.ports.table.inKernel(name, id) && memory?.quorum?.up === false };
      }),
      checked: !this.board.rests(name),
      mass_failure: memory?.massFails ?? false,
      held: memory?.held.size ?? 0,
      servers: servers.map(({ server }) => {
        const id = serverId(server);
        const health = this.board.server(name, id);
        const standing = this.ports.table.standing(name, id);
        const left_with = this.ports.table.leftWith(name, id);
        return {
          server: id,
          up: health?.up ?? false,
          since: health?.since ?? 0,
          why: health?.why ?? "",
          availability: health?.availability ?? { total: 0, day: 0 },
          weight: server.weight,
          place: standing?.place ?? "out",
          weighing: standing?.weighing ?? { effective: server.weight, configured: server.weight, terms: [] },
          wanted: standing?.isWanted ?? false,
          in_kernel: this.ports.table.inKernel(name, id),
          ...(left_with && { left_with }),
          ...this.ordered.status(name, id),
          checks: health?.checks ?? [],
        };
      }),
    };
  }

  private look(): void {
    this.stopLooking();
    const { timers, report } = this.ports;
    this.stopLooking = timers.wakeAt(after(timers.now(), LOOK_EVERY), () => {
      const lateness = this.scheduler.takeLateness();
      if (lateness > TOO_LATE) {
        const text = `checks began up to ${formatDuration(lateness)} late: too little processor time for ${this.board.size} checks`;
        report({ kind: "warning", subject: "checks", text });
      }
      this.look();
    });
  }
}

/** Equal checks become one value: the servers of a service are mostly checked alike, and there may be thousands. */
function shareChecks(services: ChecksOrder["services"]): ChecksOrder["services"] {
  const seen = new Map<string, ServerConfig["checks"]>();
  // Unpacked services share theirs already (control/packed-services.ts): nothing is to be made anew for them.
  const done = new Map<ServerConfig["checks"], ServerConfig["checks"]>();
  const shared = (checks: ServerConfig["checks"]): ServerConfig["checks"] => {
    let known = done.get(checks);
    if (known === undefined) {
      const text = JSON.stringify(checks);
      known = seen.get(text) ?? checks;
      seen.set(text, known);
      done.set(checks, known);
    }
    return known;
  };
  return services.map((service) =>
    service.servers.every(({ checks }) => shared(checks) === checks)
      ? service
      : {
          ...service,
          servers: service.servers.map((server) => ({ ...server, checks: shared(server.checks) })),
        },
  );
}
