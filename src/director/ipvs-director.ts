// Keeps a data plane's table as the configuration and the health of the servers want it. Health changes of one tick
// go out together, at the cost of the services they touch; from time to time the whole table is read back, and what
// somebody changed in our part of it is put right. What was refused is tried again with growing patience.

import type { ServiceConfig } from "../config/model.js";
import type { VipdEvent } from "../control/event.js";
import type { ChecksStatus } from "../control/ipc.js";
import type { Result } from "../core/result.js";
import {
  after,
  between,
  instant,
  milliseconds,
  seconds,
  type Instant,
  type Milliseconds,
} from "../core/units.js";
import { commandKey, describeCommand, type Command } from "../ipvs/command.js";
import { diffService } from "../ipvs/diff.js";
import { addConnections, keysOf } from "../ipvs/group.js";
import {
  serviceId,
  type ListedEntry,
  type ListedServer,
  type ServerId,
  type ServiceId,
} from "../ipvs/model.js";
import type { ApplyResult, DataPlane } from "../ports/data-plane.js";
import type { KernelSettings } from "../ports/kernel-settings.js";
import type { Timers } from "../ports/timers.js";
import type { ServiceMemory } from "../services/decide.js";
import type { ChecksOrder, ServerAdjustment, TableKeeper } from "./checks.js";
import { takeovers, type Takeover } from "../ipvs/takeover.js";
import type { Owned, Ownership, Recorded } from "./ipvs-ownership.js";
import { TableLook } from "./ipvs-look.js";
import { TableReporter, type Failure, type Why } from "./ipvs-report.js";
import { SyncKeeper } from "./ipvs-sync.js";
import { SettingsKeeper } from "./settings-keeper.js";
import { eventOf, quorumLostAtStop } from "./service-events.js";
import { WantedTable, type OverrideOf, type Presumed, type Standing } from "./ipvs-wanted.js";

export type IpvsDirectorPorts = {
  /** Called when there is something for it to do, until it succeeds; the error says how to get a data plane. */
  readonly openPlane: () => Result<DataPlane, string>;
  readonly openOwnership: (runtimeDirectory: string) => Ownership;
  readonly openSettings: () => KernelSettings;
  readonly timers: Timers;
  readonly report: (event: VipdEvent) => void;
};

/** What of the kernel's table is not on record as ours: services that are wanted, and the others. */
type Found = { readonly takeovers: readonly Takeover[]; readonly others: readonly ServiceId[] };

const FIRST_RETRY = seconds(1);
const LAST_RETRY = seconds(60);

export class IpvsDirector implements TableKeeper {
  private readonly ports: IpvsDirectorPorts;
  private readonly tell: TableReporter;
  private readonly wanted: WantedTable;
  private readonly sync: SyncKeeper;
  private overrideOf: OverrideOf = () => undefined;
  private readonly settings: SettingsKeeper;
  private runtimeDirectory = "";
  private plane: DataPlane | undefined;
  private ownership: Ownership | undefined;
  private owned: Owned = { services: new Set(), sync: new Set() };
  /** What we believe to be in the kernel of the services that are wanted or ours. */
  private applied = new Map<ServiceId, ListedEntry>();
  /** Of services with several keys: the first one of each. It is told of once. */
  private readonly groups = new Map<ServiceId, ServiceId>();
  private readonly dirty = new Set<ServiceId>();
  /** Services whose last commands failed, or may have; that they are not as wanted is nobody's doing but ours. */
  private readonly refused = new Set<ServiceId>();
  private isReadable = true;
  private isSyncFine = true;
  private reconcileEvery: Milliseconds = seconds(60);
  private retry: Milliseconds = FIRST_RETRY;
  private repairs = 0;
  private checkedAt: Instant = instant(0);
  private cancelFlush: (() => void) | undefined;
  /** When services are to be decided anew by themselves; Infinity: never. */
  private deadline = Infinity;
  /** Why what is decided just now is decided. */
  private why: Why = "start";
  private cancelDeadline: () => void = () => undefined;
  private cancelReconcile: (() => void) | undefined;
  private look: TableLook | undefined;

  constructor(ports: IpvsDirectorPorts) {
    this.ports = ports;
    this.tell = new TableReporter(ports.report);
    this.sync = new SyncKeeper(ports.report);
    this.settings = new SettingsKeeper(ports.openSettings, ports.report);
    this.wanted = new WantedTable({
      now: () => ports.timers.now(),
      tell: (service, fact) => {
        const event = eventOf(service, fact, this.why);
        if (event !== undefined) ports.report(event);
      },
      tellMassFailure: (count, isOver) =>
        ports.report({
          kind: "mass-failure",
          service: null,
          over: isOver,
          ...count,
          reaction: null,
          held: 0,
        }),
      overrideOf: (service, server) => this.overrideOf(service, server),
    });
  }

  configure(order: ChecksOrder): string | null {
    const isStart = this.plane === undefined;
    const problem = this.open(order);
    if (problem !== null || this.plane === undefined) return problem;
    const { plane } = this;
    const wantedIds = new Set<ServiceId>();
    // What is still to be removed is told of together, too.
    for (const id of this.groups.keys()) if (!this.owned.services.has(id)) this.groups.delete(id);
    for (const one of order.services) {
      const first = serviceId(one.service.key);
      for (const key of keysOf(one)) {
        const id = serviceId(key);
        wantedIds.add(id);
        if (one.group !== undefined) this.groups.set(id, first);
      }
    }
    const recorded = isStart ? this.ownership?.load() : undefined;
    let found: Found = { takeovers: [], others: [] };
    try {
      if (recorded !== undefined) {
        this.owned = recorded.owned;
        this.applied.clear();
        this.checkedAt = this.ports.timers.now();
      }
      // Of what is in force already our own memory tells enough; anything new may be there by somebody else's hand.
      if (isStart || [...wantedIds].some((id) => !this.applied.has(id))) found = this.learn(plane, wantedIds);
      const sync = new Set([...this.owned.sync, ...(order.sync?.roles ?? [])]);
      this.own({ services: new Set([...this.owned.services, ...wantedIds]), sync });
    } catch (error) {
      // A start that did not succeed has not been: the next one begins anew.
      if (isStart) this.plane = undefined;
      if (isStart) plane.close();
      return messageOf(error);
    }
    this.reconcileEvery = order.ipvs.reconcileEvery;
    this.beginAnew();
    this.tellFound(found, recorded);
    this.why = isStart ? "start" : "reload";
    for (const id of this.wanted.configure(order.services, this.applied, order.ipvs.massFailure))
      this.dirty.add(id);
    for (const id of this.owned.services) if (!wantedIds.has(id)) this.dirty.add(id);
    this.sync.configure(order.sync);
    // Before the sync daemons, which look at some of them once.
    this.settings.configure(order);
    this.flush(isStart ? "start" : "reload");
    this.keepSync(plane);
    this.plan();
    return null;
  }

  change(services: readonly ServiceConfig[]): boolean {
    if (this.plane === undefined) return false;
    this.beginAnew();
    this.why = "reload";
    for (const id of this.wanted.change(services, this.applied)) this.dirty.add(id);
    this.flush("reload");
    this.plan();
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

  askOverrides(overrideOf: OverrideOf): void {
    this.overrideOf = overrideOf;
  }

  connections(service: string): ReadonlyMap<ServerId, ListedServer> | undefined {
    const id = this.wanted.idOf(service);
    const entry = id === undefined ? undefined : this.applied.get(id);
    const { plane } = this;
    try {
      if (entry === undefined || plane === undefined) return undefined;
      return this.sumOfGroup(plane, service, plane.servers(entry.service));
    } catch {
      // A look at the table says what is wrong with it.
      return undefined;
    }
  }

  /** With the connections of a service's other keys added. */
  private sumOfGroup(
    plane: DataPlane,
    service: string,
    first: ReadonlyMap<ServerId, ListedServer>,
  ): ReadonlyMap<ServerId, ListedServer> {
    let sum = first;
    for (const key of this.wanted.furtherOf(service)) {
      const entry = this.applied.get(key.id);
      if (entry !== undefined) sum = addConnections(sum, plane.servers(entry.service), key);
    }
    return sum;
  }

  standing(service: string, server: ServerId): Standing | undefined {
    return this.wanted.standing(service, server);
  }

  memory(service: string): ServiceMemory | undefined {
    return this.wanted.memory(service);
  }

  inKernel(service: string, server: ServerId): boolean {
    const id = this.wanted.idOf(service);
    return id !== undefined && this.applied.get(id)?.servers.has(server) === true;
  }

  status(): Pick<ChecksStatus, "sync" | "table"> {
    const { plane } = this;
    if (plane === undefined) return { sync: [], table: null };
    const checked_ms_ago = between(this.checkedAt, this.ports.timers.now());
    const isEmpty = this.wanted.table.size === 0 && this.applied.size === 0 && this.sync.roles.size === 0;
    // Where nothing of ours is, or is meant to be, there is nothing to be in order.
    const table =
      isEmpty && this.isInOrder()
        ? null
        : { in_order: this.isInOrder(), checked_ms_ago, repairs: this.repairs };
    return { sync: this.sync.status(plane), table };
  }

  stop(table: "remove" | "keep"): boolean {
    this.cancelFlush?.();
    this.cancelReconcile?.();
    this.cancelDeadline();
    this.look?.cancel();
    const { plane } = this;
    if (plane === undefined) return true;
    for (const service of this.wanted.downAtStop()) this.ports.report(quorumLostAtStop(service));
    const isDone = table === "keep" || this.removeAll(plane);
    // A table that stays keeps its settings, and a successor puts them back.
    if (table === "remove") this.settings.restore(this.runtimeDirectory);
    this.plane = undefined;
    plane.close();
    return isDone;
  }

  /**
   * Instead of a director that has ended without a "stop": removes what is on record as ours. Gives whether all of it
   * is gone; what stays is told.
   */
  removeRecorded(runtimeDirectory: string): boolean {
    this.runtimeDirectory = runtimeDirectory;
    this.ownership = this.ports.openOwnership(runtimeDirectory);
    const { owned, lost } = this.ownership.load();
    if (lost !== undefined) return this.stays(lost === "missing" ? "there is no record of them" : lost.why);
    this.owned = owned;
    const opened = this.ports.openPlane();
    if (!opened.ok) return this.stays(opened.error);
    this.plane = opened.value;
    try {
      this.learn(this.plane, new Set());
    } catch (error) {
      this.plane.close();
      return this.stays(messageOf(error));
    }
    return this.stop("remove");
  }

  private stays(why: string): false {
    this.tell.removalFailed([...this.owned.services], why);
    return false;
  }

  /** With a new configuration, what was refused is tried again at once. */
  private beginAnew(): void {
    this.retry = FIRST_RETRY;
    this.tell.allWell();
    for (const id of this.refused) this.dirty.add(id);
  }

  /** All that changes in one tick goes out together. */
  private willChange(id: ServiceId | undefined, why: Why): void {
    if (id === undefined || this.plane === undefined) return;
    this.dirty.add(id);
    const { timers } = this.ports;
    this.cancelFlush ??= timers.wakeAt(timers.now(), () => {
      this.flush(why);
      if (!this.isInOrder()) this.plan();
    });
  }

  /** Services change by the mere passing of time, too. */
  private awaitDeadline(): void {
    const at = this.wanted.nextDeadline;
    if (at === this.deadline) return;
    this.cancelDeadline();
    this.deadline = at;
    if (at === Infinity) return;
    this.cancelDeadline = this.ports.timers.wakeAt(instant(at), () => {
      this.deadline = Infinity;
      for (const id of this.wanted.takeDue()) this.willChange(id, "policy");
      this.awaitDeadline();
    });
  }

  private isInOrder(): boolean {
    return this.refused.size === 0 && this.isReadable && this.isSyncFine;
  }

  private open({ runtimeDirectory, services, sync }: ChecksOrder): string | null {
    this.runtimeDirectory = runtimeDirectory;
    if (this.plane !== undefined) return null;
    const opened = this.ports.openPlane();
    // Without ip_vs nothing can be left to remove; who wants nothing of it gets along.
    if (!opened.ok) return services.length === 0 && sync === null ? null : opened.error;
    this.plane = opened.value;
    this.ownership = this.ports.openOwnership(runtimeDirectory);
    return null;
  }

  /** Believes what the kernel lists, as far as it concerns us and is not known. */
  private learn(plane: DataPlane, wantedIds: ReadonlySet<ServiceId>): Found {
    const learnt = new Map<ServiceId, ListedEntry>();
    const others: ServiceId[] = [];
    for (const service of plane.services()) {
      const id = serviceId(service.key);
      if (!wantedIds.has(id) && !this.owned.services.has(id)) others.push(id);
      else if (!this.applied.has(id)) learnt.set(id, { service, servers: plane.servers(service) });
    }
    for (const [id, entry] of learnt) this.applied.set(id, entry);
    return { takeovers: takeovers(learnt, wantedIds, this.owned.services), others };
  }

  private tellFound(found: Found, recorded: Recorded | undefined): void {
    if (recorded?.lost !== undefined) this.tell.lostRecord(recorded.lost, found.others);
    this.tell.takeovers(found.takeovers);
  }

  private own(owned: Owned): void {
    this.ownership?.save(owned);
    this.owned = owned;
  }

  /** Brings what is dirty into the kernel. */
  private flush(why: Why): void {
    this.cancelFlush?.();
    this.cancelFlush = undefined;
    this.why = why;
    for (const id of this.wanted.refresh()) this.dirty.add(id);
    this.awaitDeadline();
    const { plane } = this;
    if (plane === undefined) return;
    const commands: Command[] = [];
    const gone: ServiceId[] = [];
    for (const id of this.dirty) {
      const entry = this.wanted.table.get(id);
      if (entry === undefined) gone.push(id);
      else diffService(this.applied.get(id), entry, commands);
    }
    for (const id of gone) diffService(this.applied.get(id), undefined, commands);
    const ids = [...this.dirty];
    for (const id of ids) this.look?.change(id);
    // Somebody changed the table under us: a look at it tells what is to be done.
    if (this.carryOut(plane, why, commands, ids)) this.reconcile();
  }

  /** Applies commands that make `ids` as they are wanted. Gives whether the table was not as it was believed. */
  private carryOut(
    plane: DataPlane,
    why: Why,
    commands: readonly Command[],
    ids: readonly ServiceId[],
  ): boolean {
    const began = this.ports.timers.now();
    const results = applyAll(plane, commands);
    const took = between(began, this.ports.timers.now());
    const failures = new Map<ServiceId, Failure>();
    for (const [i, result] of results.entries()) {
      if (result.ok) continue;
      const command = commands[i] as Command;
      const id = serviceId(commandKey(command));
      const { error, outOfStep, isUnknown = false } = result;
      // Once a service was refused, what is said of its servers follows from that.
      if (!failures.has(id)) failures.set(id, { command, error, outOfStep, isUnknown });
    }
    // What a look has found was no assumption: another look would not help.
    const isAfterLook = why === "repair" || why === "retry";
    for (const id of ids) {
      this.dirty.delete(id);
      const failure = failures.get(id);
      if (failure === undefined) this.believe(id);
      else if (!failure.outOfStep || failure.isUnknown || isAfterLook) this.refused.add(id);
    }
    const done = commands.filter((_, i) => results[i]?.ok);
    if (done.length > 0 || why === "start" || why === "reload")
      this.tell.applied(why, done, took, this.groups);
    const told = [...failures.values()].filter(({ outOfStep }) => !outOfStep || isAfterLook);
    this.tell.failures(why, told, this.nextWait());
    if (this.isInOrder()) this.tell.allWell();
    this.disown();
    return told.length < failures.size;
  }

  /** What was applied without a complaint is as it is wanted. */
  private believe(id: ServiceId): void {
    const entry = this.wanted.table.get(id);
    if (entry === undefined) this.applied.delete(id);
    else this.applied.set(id, entry);
    this.refused.delete(id);
  }

  /** Services that are gone are no longer ours. */
  private disown(): void {
    const services = new Set<ServiceId>();
    for (const id of this.owned.services)
      if (this.wanted.table.has(id) || this.applied.has(id)) services.add(id);
    if (services.size === this.owned.services.size) return;
    try {
      this.own({ ...this.owned, services });
    } catch (error) {
      this.tell.warning(messageOf(error));
    }
  }

  private keepSync(plane: DataPlane): void {
    try {
      this.isSyncFine = this.sync.apply(plane, this.owned.sync);
      if (this.isSyncFine && this.owned.sync.size > this.sync.roles.size)
        this.own({ ...this.owned, sync: this.sync.roles });
    } catch (error) {
      this.isSyncFine = false;
      this.tell.warning(messageOf(error));
    }
  }

  /** Reads the table back and puts right what is not as wanted in our part of it. One that goes on begins anew. */
  private reconcile(): void {
    this.cancelReconcile?.();
    this.look?.cancel();
    const { plane } = this;
    if (plane === undefined) return;
    const differing = new Set<ServiceId>();
    const look = new TableLook(plane, this.ports.timers, {
      concerns: (id) => this.wanted.table.has(id) || this.owned.services.has(id),
      take: (id, entry) => {
        if (!this.compare(id, entry)) differing.add(id);
      },
      done: (error) => {
        this.look = undefined;
        this.isReadable = error === null;
        if (error === null) this.repair(plane, look, differing);
        else this.tell.failure("repair", `read the table of ${plane.name}`, error, this.nextWait());
        this.keepSync(plane);
        this.plan();
      },
    });
    this.look = look;
    look.begin();
  }

  /** Takes in what the kernel lists of a service. Gives whether it is as wanted. */
  private compare(id: ServiceId, entry: ListedEntry): boolean {
    const commands: Command[] = [];
    diffService(entry, this.wanted.table.get(id), commands);
    // What is as it should be needs no second copy of every server.
    if (commands.length === 0) this.believe(id);
    else this.applied.set(id, entry);
    return commands.length === 0;
  }

  /** What follows from a look: of what `differs`, and what is not there, by what is wanted now. */
  private repair(plane: DataPlane, look: TableLook, differs: Set<ServiceId>): void {
    const wanted = this.wanted.table;
    this.checkedAt = this.ports.timers.now();
    for (const id of this.applied.keys()) if (look.isMissing(id)) this.applied.delete(id);
    for (const id of wanted.keys()) if (look.isMissing(id)) differs.add(id);
    const repairs = new Map<ServiceId, readonly Command[]>();
    const retries = new Map<ServiceId, readonly Command[]>();
    for (const id of differs) {
      const commands: Command[] = [];
      // What is dirty waits for its tick, which is near.
      if (!this.dirty.has(id)) diffService(this.applied.get(id), wanted.get(id), commands);
      // What has failed before is no damage done by others.
      if (commands.length > 0) (this.refused.has(id) ? retries : repairs).set(id, commands);
    }
    for (const id of this.refused)
      if (!retries.has(id) && !this.dirty.has(id) && !look.hasChanged(id)) this.refused.delete(id);
    if (repairs.size > 0) {
      this.repairs++;
      this.carryOut(plane, "repair", [...repairs.values()].flat(), [...repairs.keys()]);
    }
    this.carryOut(plane, "retry", [...retries.values()].flat(), [...retries.keys()]);
  }

  /** Sets the time of the next look at the kernel; one that goes on does so itself when it is done. */
  private plan(): void {
    if (this.look !== undefined) return;
    const { timers } = this.ports;
    this.cancelReconcile?.();
    this.cancelReconcile = timers.wakeAt(after(timers.now(), this.nextWait()), () => {
      this.retry = this.isInOrder() ? FIRST_RETRY : milliseconds(Math.min(this.retry * 2, LAST_RETRY));
      this.reconcile();
    });
  }

  private nextWait(): Milliseconds {
    return this.isInOrder() ? this.reconcileEvery : milliseconds(Math.min(this.retry, this.reconcileEvery));
  }

  /** Gives whether all of it is gone. What stays is ours still. */
  private removeAll(plane: DataPlane): boolean {
    try {
      const sync = this.sync.stopAll(plane, this.owned.sync);
      const commands = this.removals();
      const began = this.ports.timers.now();
      const results = plane.apply(commands);
      const done = commands.filter((_, i) => {
        const result = results[i];
        return result?.ok && !result.unchanged;
      });
      this.tell.applied("stop", done, between(began, this.ports.timers.now()), this.groups);
      const refused = commands.filter((_, i) => results[i]?.ok === false);
      for (const [i, result] of results.entries())
        if (!result.ok) this.tell.failure("stop", describeCommand(commands[i] as Command), result.error, 0);
      this.own({ services: new Set(refused.map((command) => serviceId(commandKey(command)))), sync });
      return refused.length + sync.size === 0;
    } catch (error) {
      return this.stays(messageOf(error));
    }
  }

  /**
   * By what we remember alone: to remove what is gone already does no harm, and to read thousands of servers back
   * first takes far longer than to remove their services.
   */
  private removals(): readonly Command[] {
    const commands: Command[] = [];
    for (const id of this.owned.services) {
      const entry = this.applied.get(id) ?? this.wanted.table.get(id);
      if (entry === undefined) continue;
      const { service, servers } = entry;
      commands.push({ kind: "remove-service", key: service.key, servers: servers.size });
    }
    return commands;
  }
}

/** A data plane that fails as a whole has done nobody knows what. */
function applyAll(plane: DataPlane, commands: readonly Command[]): readonly ApplyResult[] {
  try {
    return plane.apply(commands);
  } catch (error) {
    return commands.map(() => ({ ok: false, outOfStep: true, isUnknown: true, error: messageOf(error) }));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
