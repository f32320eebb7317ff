// Keeps a data plane's table as the configuration and the health of the servers want it. Whatever happens comes in
// here, and is handed on: what is wanted now (ipvs-wanted.ts), when that goes into the kernel (ipvs-flush.ts), how
// (ipvs-writer.ts), and the reading back of it (ipvs-watch.ts). A start that fails has changed nothing.

import type { ServiceConfig } from "../config/model.js";
import type { ChecksStatus, SentAhead } from "../control/ipc.js";
import { messageOf } from "../core/thrown.js";
import type { Connections } from "../ipvs/impact.js";
import { keysOf } from "../ipvs/group.js";
import { serviceId, type ListedServer, type ServerId, type ServiceId } from "../ipvs/model.js";
import type { PreparedTable } from "../ipvs/prepared.js";
import type { DataPlane } from "../ports/data-plane.js";
import type { ServiceMemory } from "../services/decide.js";
import type { AheadOrder, ChecksOrder, TableKeeper } from "./checks.js";
import type { ServerAdjustment } from "../services/server-input.js";
import { comesFirst, putDown } from "./ahead.js";
import { AppliedTable, type Found } from "./ipvs-applied.js";
import { TableCondition } from "./ipvs-condition.js";
import { TableFlush } from "./ipvs-flush.js";
import { Leavers } from "./ipvs-leavers.js";
import { OwnedThings } from "./ipvs-owned.js";
import type { Recorded } from "./ipvs-ownership.js";
import type { IpvsDirectorPorts } from "./ipvs-ports.js";
import { removeAll } from "./ipvs-removal.js";
import { TableReporter, type Why } from "./ipvs-report.js";
import { SyncKeeper } from "./ipvs-sync.js";
import { WantedTable, type Standing } from "./ipvs-wanted.js";
import type { OverrideOf, Presumed } from "./service-state.js";
import { TableWatch } from "./ipvs-watch.js";
import { TableWriter, type TableParts } from "./ipvs-writer.js";
import { eventOf, quorumLostAtStop } from "./service-events.js";
import { SettingsKeeper } from "./settings-keeper.js";

export class IpvsDirector implements TableKeeper {
  private readonly ports: IpvsDirectorPorts;
  private readonly tell: TableReporter;
  private readonly wanted: WantedTable;
  private readonly applied: AppliedTable;
  private readonly owned = new OwnedThings();
  private readonly condition: TableCondition;
  private readonly leavers: Leavers;
  private readonly parts: TableParts;
  private readonly watch: TableWatch;
  private readonly flush: TableFlush;
  private readonly sync: SyncKeeper;
  private readonly settings: SettingsKeeper;
  private overrideOf: OverrideOf = () => undefined;
  private runtimeDirectory = "";
  private plane: DataPlane | undefined;
  /** It has taken a configuration. */
  private isStarted = false;
  /** What was on record when a prepared table was sent, before the first configuration. */
  private ahead: Pick<Recorded, "lost"> | undefined;

  constructor(ports: IpvsDirectorPorts) {
    this.ports = ports;
    const { timers, report } = ports;
    this.tell = new TableReporter(report);
    this.sync = new SyncKeeper(report);
    this.settings = new SettingsKeeper(ports.openSettings, report);
    this.wanted = this.newWanted();
    this.applied = new AppliedTable(this.wanted);
    this.condition = new TableCondition(this.applied.refused);
    this.leavers = new Leavers(this.applied);
    const { tell, wanted, applied, owned, condition, leavers } = this;
    this.parts = { timers, tell, wanted, applied, owned, condition, leavers };
    const writer = new TableWriter(this.parts);
    const keepSync = (plane: DataPlane): void => this.keepSync(plane);
    this.watch = new TableWatch({ ...this.parts, writer, keepSync });
    this.flush = new TableFlush({ ...this.parts, wanted, writer, watch: this.watch });
  }

  private newWanted(): WantedTable {
    const { timers, report } = this.ports;
    return new WantedTable({
      now: () => timers.now(),
      tell: (service, fact) => {
        const event = eventOf(service, fact, this.flush.why);
        if (event !== undefined) report(event);
      },
      tellMassFailure: (count, isOver) =>
        report({ kind: "mass-failure", service: null, over: isOver, ...count, reaction: null, held: 0 }),
      overrideOf: (service, server) => this.overrideOf(service, server),
    });
  }

  /**
   * The configuration that follows makes the same table, and says what is wrong where this goes wrong. Only into an
   * empty table: what is there says what a predecessor knew of the servers. And only without settings and modules,
   * which come before the services. `sent`: the supervisor has seen to all that, and has sent it.
   */
  sendAhead(order: AheadOrder, { ids, batches }: PreparedTable, sent?: SentAhead): void {
    if (this.isStarted || this.ahead !== undefined) return;
    if (sent === undefined && comesFirst(order.ipvs)) return;
    if (this.open(order) !== null || this.plane === undefined) return;
    const { plane, owned } = this;
    try {
      if (sent !== undefined) {
        const { lost, refusals } = sent;
        owned.load();
        this.ahead = lost === undefined ? {} : { lost };
        plane.takeAhead(batches, refusals);
        return;
      }
      if (plane.services().length > 0) return;
      this.ahead = putDown(owned, ids, order.sync);
      plane.sendAhead(batches);
    } catch {
      // The configuration that follows meets the same, and tells of it.
    }
  }

  configure(order: ChecksOrder): string | null {
    const isStart = !this.isStarted;
    const problem = this.open(order);
    if (problem !== null || this.plane === undefined) return problem;
    const { plane } = this;
    const wantedIds = new Set(order.services.flatMap((one) => keysOf(one).map(serviceId)));
    // What is still to be removed is told of together, too.
    this.tell.together(order.services, this.owned.services);
    const refused = this.begin(plane, order, wantedIds, isStart);
    if (refused !== null) {
      // A start that did not succeed has not been: the next one begins anew.
      if (isStart) this.close(plane);
      return refused;
    }
    this.isStarted = true;
    this.ahead = undefined;
    const why = isStart ? "start" : "reload";
    this.flush.why = why;
    const { dirty, entries } = this.applied;
    for (const id of this.wanted.configure(order.services, entries, order.ipvs.massFailure)) dirty.add(id);
    this.leavers.configure(order.services, true);
    for (const id of this.owned.services) if (!wantedIds.has(id)) dirty.add(id);
    this.sync.configure(order.sync);
    // Before the sync daemons, which look at some of them once.
    this.settings.configure(order);
    this.flush.now(plane, why);
    this.keepSync(plane);
    this.watch.lookLater(plane);
    return null;
  }

  /** Learns what is there, and puts what is to come on record. Gives what makes it impossible, for people, or null. */
  private begin(
    plane: DataPlane,
    order: ChecksOrder,
    wantedIds: ReadonlySet<ServiceId>,
    isStart: boolean,
  ): string | null {
    const { applied, owned, ahead } = this;
    const recorded = isStart ? (ahead ?? owned.load()) : undefined;
    let found: Found = { takeovers: [], others: [] };
    try {
      if (recorded !== undefined) {
        applied.entries.clear();
        this.watch.wasRead();
      }
      // Of what is in force already our own memory tells enough; anything new may be there by somebody else's hand.
      // What was sent ahead came into an empty table.
      if (ahead === undefined && (isStart || [...wantedIds].some((id) => !applied.entries.has(id))))
        found = applied.learn(plane, wantedIds, owned.services);
      owned.add(wantedIds, order.sync?.roles ?? []);
    } catch (error) {
      return messageOf(error);
    }
    this.condition.lookEvery(order.ipvs.reconcileEvery);
    this.beginAnew();
    if (recorded?.lost !== undefined) this.tell.lostRecord(recorded.lost, found.others);
    this.tell.takeovers(found.takeovers);
    return null;
  }

  change(services: readonly ServiceConfig[]): boolean {
    const { plane } = this;
    if (plane === undefined || !this.isStarted) return false;
    this.beginAnew();
    this.flush.why = "reload";
    for (const id of this.wanted.change(services, this.applied.entries)) this.applied.dirty.add(id);
    this.leavers.configure(services, false);
    this.flush.now(plane, "reload");
    this.watch.lookLater(plane);
    return true;
  }

  presume(service: string, server: ServerId): Presumed {
    return this.wanted.presumed(service, server);
  }

  setServer(service: string, server: ServerId, up: boolean): void {
    this.willChange(this.wanted.setServer(service, server, up), "health");
  }

  adjust(service: string, server: ServerId, input: ServerAdjustment): void {
    this.willChange(this.wanted.adjust(service, server, input), "policy");
  }

  hurry(): void {
    if (this.plane !== undefined) this.flush.hurry(this.plane);
  }

  setMaster(isMaster: boolean): void {
    if (this.isStarted) this.settings.setMaster(isMaster);
  }

  askOverrides(overrideOf: OverrideOf): void {
    this.overrideOf = overrideOf;
  }

  connections(service: string): ReadonlyMap<ServerId, ListedServer> | undefined {
    const id = this.wanted.idOf(service);
    const { plane } = this;
    try {
      if (id === undefined || plane === undefined) return undefined;
      return this.applied.connections(plane, id, this.wanted.furtherOf(service));
    } catch {
      // A look at the table says what is wrong with it.
      return undefined;
    }
  }

  standing(service: string, server: ServerId): Standing | undefined {
    return this.wanted.standing(service, server);
  }

  memory(service: string): ServiceMemory | undefined {
    return this.wanted.memory(service);
  }

  inKernel(service: string, server: ServerId): boolean {
    const id = this.wanted.idOf(service);
    return id !== undefined && this.applied.entries.get(id)?.servers.has(server) === true;
  }

  leftWith(service: string, server: ServerId): Connections | undefined {
    const id = this.wanted.idOf(service);
    // Of several keys each has lost its own part.
    if (id === undefined || this.wanted.furtherOf(service).length > 0) return undefined;
    return this.leavers.of(id, server);
  }

  status(): Pick<ChecksStatus, "sync" | "table"> {
    const { plane, wanted, applied, sync } = this;
    if (plane === undefined) return { sync: [], table: null };
    const in_order = this.condition.isInOrder;
    const isEmpty = wanted.table.size === 0 && applied.entries.size === 0 && sync.roles.size === 0;
    // Where nothing of ours is, or is meant to be, there is nothing to be in order.
    const table = isEmpty && in_order ? null : { in_order, ...this.watch.status };
    return { sync: sync.status(plane), table };
  }

  stop(table: "remove" | "keep"): boolean {
    this.flush.stop();
    this.watch.stop();
    const { plane } = this;
    if (plane === undefined) return true;
    for (const service of this.wanted.downAtStop()) this.ports.report(quorumLostAtStop(service));
    const isDone = table === "keep" || removeAll(plane, { ...this.parts, sync: this.sync });
    // A table that stays keeps its settings, and a successor puts them back.
    if (table === "remove") this.settings.restore(this.runtimeDirectory);
    this.close(plane);
    return isDone;
  }

  private close(plane: DataPlane): void {
    this.plane = undefined;
    this.isStarted = false;
    this.ahead = undefined;
    plane.close();
  }

  private open({
    runtimeDirectory,
    services,
    sync,
  }: AheadOrder & { readonly services?: readonly unknown[] }): string | null {
    this.runtimeDirectory = runtimeDirectory;
    if (this.plane !== undefined) return null;
    const opened = this.ports.openPlane();
    // Without ip_vs nothing can be left to remove; who wants nothing of it gets along.
    if (!opened.ok) return services?.length === 0 && sync === null ? null : opened.error;
    this.plane = opened.value;
    this.owned.open(this.ports.openOwnership(runtimeDirectory));
    return null;
  }

  /** With a new configuration, what was refused is tried again at once. */
  private beginAnew(): void {
    this.condition.beginAnew();
    this.tell.allWell();
    for (const id of this.applied.refused) this.applied.dirty.add(id);
  }

  private willChange(id: ServiceId | undefined, why: Why): void {
    if (id !== undefined && this.plane !== undefined) this.flush.soon(this.plane, id, why);
  }

  private keepSync(plane: DataPlane): void {
    const { sync, owned, condition } = this;
    try {
      condition.isSyncFine = sync.apply(plane, owned.sync);
      if (condition.isSyncFine && owned.sync.size > sync.roles.size) owned.keep({ sync: sync.roles });
    } catch (error) {
      condition.isSyncFine = false;
      this.tell.warning(messageOf(error));
    }
  }
}
