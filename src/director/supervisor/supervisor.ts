// The supervisor: holds the configuration, keeps the two child processes running, reloads and stops. Files,
// processes, sockets and the log come in as ports, so that a test can play all of them.

import type { LogConfig } from "../../config/model.js";
import type { EventRecord, VipdEvent } from "../../control/event.js";
import { PROTOCOL, type Handed, type Inheritance, type StaticInheritance } from "../../control/handover.js";
import type {
  AddressesByInstance,
  ChecksStatus,
  ResumeOrder,
  SenderSequences,
  Status,
  ToChecks,
  ToVrrp,
  VrrpStatus,
} from "../../control/ipc.js";
import type { IpAddress } from "../../core/address.js";
import type { OrderedServer, OrderRequest } from "../../control/protocol.js";
import { between, milliseconds, seconds, type Instant, type Milliseconds } from "../../core/units.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { span } from "../../control/reason.js";
import { whyAnother } from "../instance-change.js";
import { Child, type ChildName, type ChildPatience, type Spawn } from "./child.js";
import {
  servicesOf,
  type ConfigHead,
  type LoadConfig,
  type LoadedConfig,
  type LoadOutcome,
} from "./config-source.js";
import { EventLog } from "./event-log.js";
import type { OrderStore } from "./order-file.js";
import { OrderBook } from "./orders.js";
import { joined, type Goods } from "./held-goods.js";
import { Holdings, removableAddresses } from "./holdings.js";
import { LoopWatch } from "./loop-watch.js";
import { Masters } from "./masters.js";
import { StaticGoods, type StaticPorts } from "./static-goods.js";
import { MaintenanceWindows } from "./windows.js";
import { TrackValues } from "./track-values.js";
import { StrandedAddresses, type AddressOnInterface, type RemoveAddresses } from "./stranded-addresses.js";

export type SupervisorPorts = {
  readonly spawn: Spawn;
  readonly loadConfig: LoadConfig;
  readonly removeAddresses: RemoveAddresses;
  /** Keeps for a successor which addresses we may hold (held-addresses.ts). Throws when it cannot. */
  readonly recordAddresses: (addresses: readonly AddressOnInterface[]) => void;
  /** Takes our part of the kernel's table away, where the check process did not. Gives whether all of it is gone. */
  readonly removeTable: () => Promise<boolean>;
  /** Takes away those on record; gives one sentence for each that may still be there. */
  readonly releaseAddresses: () => readonly string[];
  /** Routes and rules: the same for them (held-goods.ts). */
  readonly goods: {
    readonly record: (goods: Goods) => void;
    readonly release: () => readonly string[];
    readonly remove: (goods: Goods) => readonly string[];
    readonly open: StaticPorts["open"];
  };
  readonly orders: OrderStore;
  readonly configureLog: (log: LogConfig) => void;
  /** Tells the operator's programs of changes (notify/notifier.ts). */
  readonly notifier: {
    configure(config: ConfigHead): void;
    observe(event: VipdEvent): void;
    /** Resolves when all is told, or the time is over. */
    finish(within: Milliseconds): Promise<void>;
  };
  readonly monotonic: () => Instant;
  readonly wall: () => number;
};
export type SupervisorOptions = {
  readonly version: string;
  readonly configPath: string;
  readonly node?: string;
  readonly runtimeDirectory: string;
  readonly patience?: Partial<Record<ChildName, ChildPatience>>;
};
export type OrderOutcome =
  | { readonly ok: true; readonly servers: readonly OrderedServer[] }
  | { readonly ok: false; readonly problem: string };
export type ReloadOutcome = {
  readonly ok: boolean;
  readonly changes: readonly string[];
  readonly problems: readonly string[];
};

const PATIENCE: Record<ChildName, ChildPatience> = {
  // Addresses of a master are taken away in time, however long its successor takes to start.
  vrrp: { pingEvery: seconds(1), misses: 3, start: seconds(60) },
  // It may be busy for a while with a large table.
  checks: { pingEvery: seconds(1), misses: 15, busy: seconds(60), start: seconds(60) },
};
const CONFIGURE_WITHIN = seconds(15);
const STATUS_WITHIN = seconds(2);
/** What the operator's programs have for the last notifications; systemd waits no longer than for 20 s in all. */
const NOTIFIED_WITHIN = seconds(5);
const HAND_OVER_WITHIN = seconds(1);
const STOP_WITHIN: Record<ChildName, ReturnType<typeof seconds>> = { vrrp: seconds(3), checks: seconds(10) };

/**
 * A frozen master keeps its addresses while its peer takes them. With adverts of half a second and more it is
 * killed before that: after two to two and a half intervals. Shorter ones get a second all the same, because a
 * process killed for a hiccup is an outage of our own making.
 */
export function vrrpPatience(instances: readonly InstanceConfig[]): ChildPatience {
  const shortest = Math.min(...instances.map(({ advertInterval }) => advertInterval), 2000);
  return { pingEvery: milliseconds(Math.max(250, shortest / 2)), misses: 4, start: PATIENCE.vrrp.start };
}

/** How exactly the time of a death is known: an eighth of the shortest interval, so that one in time can resume. */
export const loopWatchEvery = (instances: readonly InstanceConfig[]): Milliseconds =>
  milliseconds(
    Math.min(250, Math.max(50, Math.min(...instances.map(({ advertInterval }) => advertInterval)) / 8)),
  );

export type PrepareOutcome =
  | { readonly ok: true; readonly keeps: readonly string[]; readonly vrrp: number }
  | { readonly ok: false; readonly why: string };
export type StartOutcome = { readonly ok: true } | { readonly ok: false; readonly report: string | null };

/** What became of a configuration that a child was given. */
type Taken = { readonly kind: "done" } | { readonly kind: "refused" | "late"; readonly why: string };

function withoutSaved(config: LoadedConfig | undefined): LoadedConfig | undefined {
  if (config === undefined) return undefined;
  const { saved, ...rest } = config;
  return saved === undefined ? config : rest;
}

type ConfiguredWaiter = (error: string | null) => void;

export class Supervisor {
  readonly events: EventLog;
  private readonly ports: SupervisorPorts;
  private readonly options: SupervisorOptions;
  private readonly vrrp: Child<ToVrrp, VrrpStatus>;
  private readonly checks: Child<ToChecks, ChecksStatus>;
  private readonly loop: LoopWatch;
  private readonly masters = new Masters();
  private readonly tracks = new TrackValues();
  /** Of authenticated adverts, as the VRRP process said last. */
  private sequences: readonly SenderSequences[] = [];
  private readonly stranded: StrandedAddresses;
  private readonly holdings = new Holdings();
  private readonly startedAt: number;
  private readonly statics: StaticGoods;
  private readonly orders: OrderBook;
  private readonly windows: MaintenanceWindows;
  private config: LoadedConfig | undefined;
  /** What a reload has the checks try. */
  private trial: LoadedConfig | undefined;
  private loadedAt = 0;
  /** A predecessor is at work: until `takeOver` the children get ready and do nothing. */
  private standby: { readonly statics: StaticInheritance } | undefined;
  private prepared: Extract<LoadOutcome, { ok: true }> | undefined;
  /** VRRP waits at the first start until the kernel's table is in place: no address without its servers. */
  private vrrpReleased = false;
  private hasVrrp = false;
  private reloading: Promise<ReloadOutcome> | undefined;
  private nextReload: Promise<ReloadOutcome> | undefined;
  private stopped: Promise<boolean> | undefined;
  /** Whether the child took the last configuration it was told. */
  private readonly upToDate: Record<ChildName, boolean> = { vrrp: false, checks: false };
  /** Who waits for a configuration that is not sent yet, and for each one that is sent: answers come in order. */
  private readonly unsent: Record<ChildName, ConfiguredWaiter[]> = { vrrp: [], checks: [] };
  private readonly sent: Record<ChildName, ConfiguredWaiter[][]> = { vrrp: [], checks: [] };

  constructor(ports: SupervisorPorts, options: SupervisorOptions) {
    this.ports = ports;
    this.options = options;
    this.events = new EventLog(ports.wall);
    this.startedAt = ports.wall();
    this.loop = new LoopWatch(ports.monotonic);
    const time = { now: ports.monotonic, lastTurn: () => this.loop.lastTurn };
    this.vrrp = new Child(
      "vrrp",
      ports.spawn,
      this.owner("vrrp"),
      options.patience?.vrrp ?? PATIENCE.vrrp,
      time,
    );
    this.checks = new Child(
      "checks",
      ports.spawn,
      this.owner("checks"),
      options.patience?.checks ?? PATIENCE.checks,
      time,
    );
    this.orders = new OrderBook({
      store: ports.orders,
      wall: ports.wall,
      report: (event) => this.emit(event),
      changed: () => this.sendOrders(),
    });
    this.windows = new MaintenanceWindows({
      wall: ports.wall,
      wait: (ms, work) => {
        const timer = setTimeout(work, ms);
        return () => clearTimeout(timer);
      },
      report: (event) => this.emit(event),
      changed: (open) => {
        this.orders.setWindows(open);
        if (this.config !== undefined) this.sendOrders();
      },
    });
    this.statics = new StaticGoods({
      open: ports.goods.open,
      clock: { now: ports.monotonic },
      report: (event) => this.emit(event),
      record: () => this.record(),
    });
    this.stranded = new StrandedAddresses(ports.removeAddresses, (instance, waited, removed, refused) => {
      const errors = [...refused, ...ports.goods.remove(this.holdings.goodsOfLost(instance))];
      const text =
        errors.length === 0
          ? `the VRRP process is not back after ${span(waited)}: removed ${removed} address${removed === 1 ? "" : "es"}, because the peer may be master now`
          : `the VRRP process is not back after ${span(waited)}: ${errors.join("; ")}`;
      this.emit({ kind: "warning", subject: `vrrp ${instance}`, text });
    });
  }

  /** Resolves when both children run as configured; `report` says for people why there is no start, null: it was stopped. */
  async start(): Promise<StartOutcome> {
    this.orders.load();
    // The table waits for its process, which starts first, and for the configuration, which takes longer if anything.
    this.checks.start();
    const outcome = await this.load();
    // What is under way is in the first configuration of the checks.
    if (outcome.ok) await this.windows.configure(outcome.config.head.maintenance);
    if (this.stopped !== undefined) return { ok: false, report: null };
    if (!outcome.ok) return this.refuse("the configuration is not valid", outcome.report);
    this.accept(outcome.config, outcome.warnings, outcome.changes);
    const hasServices = outcome.config.services > 0;
    if (!hasServices) this.vrrpReleased = true;
    if (!hasServices || this.checks.isReady) this.startVrrp();
    const steps = [this.configure("checks"), ...(hasServices ? [] : [this.configure("vrrp")])];
    const table = await (steps[0] as Promise<Taken>);
    if (table.kind === "refused" && hasServices) return this.refuse(table.why, table.why);
    this.vrrpReleased = true;
    this.startVrrp();
    const vrrp = await (steps[1] ?? this.configure("vrrp"));
    if (vrrp.kind === "refused") return this.refuse(vrrp.why, vrrp.why);
    // A slow machine is no reason to give up: the child goes on with what it was told.
    for (const taken of [table, vrrp])
      if (taken.kind === "late") this.emit({ kind: "warning", subject: "vipd", text: taken.why });
    this.emit({ kind: "ready", version: this.options.version, node: outcome.config.head.node });
    return { ok: true };
  }

  /**
   * It waits for the table anyway. On a machine with few processors its start would hold up the checks process, which
   * the table waits for, so that it begins when that one is there, or when there is no table to wait for.
   */
  private startVrrp(): void {
    if (this.hasVrrp || this.stopped !== undefined) return;
    this.hasVrrp = true;
    this.vrrp.start();
  }

  private async refuse(why: string, report: string): Promise<StartOutcome> {
    if (this.stopped !== undefined) return { ok: false, report: null };
    await this.stop(why);
    return { ok: false, report };
  }

  /**
   * Instead of `start`, while a predecessor is at work: reads the configuration and gets both children ready. Gives
   * the instances that can go on as they are.
   */
  async prepare({ instances, statics }: Inheritance): Promise<PrepareOutcome> {
    this.standby = { statics };
    this.checks.start();
    this.startVrrp();
    const outcome = await this.load();
    if (!outcome.ok) return { ok: false, why: outcome.report };
    this.config = outcome.config;
    this.prepared = outcome;
    for (const name of ["vrrp", "checks"] as const) {
      const taken = await this.configure(name);
      if (taken.kind !== "done") return { ok: false, why: taken.why };
    }
    const wanted = outcome.config.head.vrrp;
    const keeps = instances.filter((old) => {
      const now = wanted.find(({ name }) => name === old.name);
      return now !== undefined && whyAnother(old, now) === undefined;
    });
    return { ok: true, keeps: keeps.map(({ name }) => name), vrrp: this.vrrp.pid ?? 0 };
  }

  /** After `prepare`: the VRRP process goes on with what was handed over. Gives the pause, or null when it does not. */
  async takeOver(handed: Handed): Promise<Milliseconds | null> {
    const { prepared, standby } = this;
    if (prepared === undefined || standby === undefined) return null;
    const answer = await this.vrrp.answerTo({ kind: "take-over", handed }, HAND_OVER_WITHIN);
    if (answer?.kind !== "taken") return null;
    this.standby = undefined;
    this.vrrpReleased = true;
    this.tracks.take(handed.tracks);
    this.holdings.settle(prepared.config.head.vrrp);
    try {
      this.statics.inherit(standby.statics);
    } catch (error) {
      this.emit({ kind: "warning", subject: "vrrp", text: `static routes: ${(error as Error).message}` });
    }
    this.accept(prepared.config, prepared.warnings, prepared.changes);
    return answer.pause;
  }

  /** After `takeOver`, when the predecessor's processes have ended: the checks begin, and take the table over. */
  async own(records: readonly EventRecord[]): Promise<void> {
    this.events.inherit(records);
    this.record();
    // The predecessor has written its last.
    this.orders.load();
    await this.windows.configure(this.config?.head.maintenance);
    const table = await this.configure("checks");
    if (table.kind !== "done") this.emit({ kind: "warning", subject: "vipd", text: table.why });
    const node = this.config?.head.node ?? "";
    this.emit({ kind: "ready", version: this.options.version, node });
  }

  /** Why no successor can be had now; undefined: one can. */
  get notNow(): string | undefined {
    if (this.stopped !== undefined) return "vipd is stopping";
    if (this.reloading !== undefined) return "a reload is under way";
    return this.upToDate.vrrp && this.config !== undefined ? undefined : "vipd is not ready yet";
  }

  get version(): string {
    return this.options.version;
  }

  /** For a successor. */
  get inheritance(): Inheritance {
    const instances = this.config?.head.vrrp ?? [];
    return { protocol: PROTOCOL, instances, statics: this.statics.inheritance };
  }

  /** The VRRP process stops where it is. Null: it does not, and goes on or is started again. */
  async handOver(keeps: readonly string[]): Promise<Handed | null> {
    const answer = await this.vrrp.answerTo({ kind: "hand-over", keeps }, HAND_OVER_WITHIN);
    if (answer?.kind === "handed") return answer.handed;
    this.takeBack();
    return null;
  }

  takeBack(): void {
    this.vrrp.send({ kind: "take-back" });
    this.vrrp.setNeeded(true);
  }

  /** A successor goes on: both children end, and what is in the kernel stays. */
  async leave(): Promise<void> {
    this.stopped = Promise.resolve(true);
    this.checks.send({ kind: "rest" });
    await this.vrrp.stop({ kind: "stop", keepAddresses: false }, STOP_WITHIN.vrrp);
    const told = this.ports.notifier.finish(NOTIFIED_WITHIN);
    await this.checks.stop({ kind: "stop", table: "keep" }, STOP_WITHIN.checks);
    await told;
    this.stranded.cancel();
    this.statics.stop();
    this.loop.stop();
    this.orders.stop();
    this.windows.stop();
  }

  /** One at a time; all that are asked for while one runs are one, after it. A file that is not valid changes nothing. */
  reload(): Promise<ReloadOutcome> {
    if (this.reloading === undefined) {
      this.reloading = this.reloadNow().finally(() => (this.reloading = undefined));
      return this.reloading;
    }
    this.nextReload ??= this.reloading
      .catch(() => undefined)
      .then(() => {
        this.nextReload = undefined;
        return this.reload();
      });
    return this.nextReload;
  }

  /**
   * VRRP goes first, so that the peer takes over while the services still work here. Bounded in time. Gives whether the
   * kernel's table is as it was to be left.
   */
  stop(why: string, table?: "keep" | "remove"): Promise<boolean> {
    this.stopped ??= this.stopNow(why, table);
    return this.stopped;
  }

  /** Whether a configuration was ever accepted. */
  get isConfigured(): boolean {
    return this.config !== undefined;
  }

  async status(): Promise<Status> {
    const [vrrp, checks] = await Promise.all([
      this.vrrp.status(STATUS_WITHIN),
      this.checks.status(STATUS_WITHIN),
    ]);
    const head = this.config?.head;
    return {
      version: this.options.version,
      node: head?.node ?? "",
      pid: process.pid,
      started_at: this.startedAt,
      processes: [this.vrrp, this.checks].map((child) => ({
        process: child.name,
        pid: child.pid,
        restarts: child.restarts,
        since: child.since === null ? null : this.ports.wall() - between(child.since, this.ports.monotonic()),
      })),
      config: {
        path: this.options.configPath,
        loaded_at: this.loadedAt,
        instances: head?.vrrp.length ?? 0,
        services: this.config?.services ?? 0,
      },
      vrrp,
      checks,
      nodes: head?.nodes ?? [],
      ...(checks === null ? {} : { idle_orders: this.orders.idle(checks.services) }),
    };
  }

  /** Takes an operator's order, and answers when it is in force. */
  async order(request: OrderRequest): Promise<OrderOutcome> {
    const before = await this.checks.status(STATUS_WITHIN);
    if (before === null) return { ok: false, problem: "the check process does not answer: try again" };
    const targets = this.orders.take(request, before.services);
    if (!targets.ok) return { ok: false, problem: targets.error };
    this.sendOrders();
    const ordered = await this.ordered();
    const servers = targets.value.map(
      ({ service, server }): OrderedServer =>
        ordered.find((one) => one.service === service && one.server === server) ?? {
          service,
          server,
          up: false,
          order: null,
        },
    );
    return { ok: true, servers };
  }

  async ordered(): Promise<readonly OrderedServer[]> {
    const checks = await this.checks.status(STATUS_WITHIN, { ordered: true });
    return (checks?.services ?? []).flatMap(({ name: service, servers }) =>
      servers.map(({ server, up, order = null }) => ({ service, server, up, order })),
    );
  }

  private sendOrders(): void {
    this.checks.send({ kind: "orders", orders: this.orders.all });
  }

  emit(event: VipdEvent): void {
    this.events.emit(event);
  }

  private observeMaster(event: VipdEvent): void {
    const instance = this.masters.observe(event);
    if (instance === undefined) return;
    const { vrrp = [] } = this.config?.head ?? {};
    const addresses = addressesOf(vrrp.find(({ name }) => name === instance));
    const isMaster = this.masters.isMaster(instance);
    this.checks.send({ kind: "master", instance, addresses: isMaster ? addresses : [] });
  }

  /** What the checks process is to know of VRRP from the start. */
  private masterAddresses(instances: readonly InstanceConfig[]): AddressesByInstance {
    const masters = instances.filter(({ name }) => this.masters.isMaster(name));
    return Object.fromEntries(masters.map((one) => [one.name, addressesOf(one)]));
  }

  private owner(name: ChildName): ConstructorParameters<typeof Child>[2] {
    return {
      hello: () => {
        this.sendConfig(name);
        if (name === "checks") this.startVrrp();
      },
      event: (record) => {
        if (name === "vrrp") this.observeMaster(record.event);
        this.events.take(record);
        this.ports.notifier.observe(record.event);
      },
      sequences: (list) => (this.sequences = list),
      configured: (error) => {
        this.upToDate[name] = error === null;
        const waiters = this.sent[name].shift() ?? [];
        if (this.standby !== undefined) return waiters.forEach((waiter) => waiter(error));
        // Whoever waits says what became of it; after a restart by itself nobody waits.
        if (error !== null && waiters.length === 0)
          this.emit({ kind: "warning", subject: "vipd", text: error });
        for (const waiter of waiters) waiter(error);
        if (name !== "vrrp") return;
        if (error === null)
          this.vrrpTaken(); // It runs no instance. What its predecessor left is still taken away, and its successor tries again.
        else this.vrrp.replace("could not take its configuration");
      },
      tracks: (values) => {
        this.tracks.take(values);
        this.vrrp.send({ kind: "tracks", values });
      },
      unreadable: () => {
        this.config = withoutSaved(this.config);
        this.trial = withoutSaved(this.trial);
        this.unsent[name].unshift(...(this.sent[name].shift() ?? []));
        this.sendConfig(name);
      },
      started: (pid, restarts) => this.emit({ kind: "process-started", process: name, pid, restarts }),
      ended: ({ pid, how, alive, restart }) => {
        this.emit({ kind: "process-exited", process: name, pid, how, restart_ms: restart });
        // The next one is told the last configuration alone, for all who wait.
        this.unsent[name].unshift(...this.sent[name].splice(0).flat());
        if (name === "vrrp" && restart !== null && this.standby === undefined) this.vrrpLost(alive);
      },
    };
  }

  private vrrpLost(alive: Instant): void {
    const names = this.masters.processLost(alive);
    // Those it was told of, which the configuration may have left behind since.
    const instances = this.holdings.lose(names);
    const ago = milliseconds(between(alive, this.ports.monotonic()));
    this.stranded.expect(instances, ago);
  }

  private sendConfig(name: ChildName): void {
    const config = name === "checks" ? (this.trial ?? this.config) : this.config;
    if (config === undefined || this.stopped !== undefined) return;
    const { head } = config;
    if (this.standby !== undefined) return this.sendStandby(name, head);
    this.tracks.configure(head.tracks);
    if (name === "checks")
      this.note(
        name,
        this.checks.send({
          kind: "configure",
          runtimeDirectory: this.options.runtimeDirectory,
          scripts: head.scripts,
          tracks: head.tracks,
          knownTracks: this.tracks.report,
          ipvs: head.ipvs,
          sync: head.sync ?? null,
          masters: this.masterAddresses(head.vrrp),
          orders: this.orders.all,
          ...(config.saved === undefined
            ? { services: servicesOf(config) }
            : { services: [], saved: config.saved }),
        }),
      );
    else if (this.vrrpReleased && this.vrrp.isReady) {
      this.holdings.tell(head.vrrp);
      this.record();
      const isSame = ({ instance }: ResumeOrder): boolean => this.holdings.isSameRouter(instance, head.vrrp);
      this.note(
        name,
        this.vrrp.send({
          kind: "configure",
          process: head.vrrpProcess,
          instances: head.vrrp,
          resume: this.masters.resumeOrders().filter(isSame),
          tracks: this.tracks.report,
          ...(this.sequences.length === 0 ? {} : { sequences: this.sequences }),
        }),
      );
    }
  }

  /** Of the checks nothing is asked yet but to be there. */
  private sendStandby(name: ChildName, { vrrpProcess: settings, vrrp: instances }: ConfigHead): void {
    if (name === "vrrp")
      this.note(
        name,
        this.vrrp.send({ kind: "configure", process: settings, instances, resume: [], standby: true }),
      );
    else if (this.checks.isReady) for (const waiter of this.unsent.checks.splice(0)) waiter(null);
  }

  private vrrpTaken(): void {
    this.stranded.cancel();
    this.masters.taken();
    // A later configuration is on its way: what is not in that one is seen to when it has been taken.
    if (this.sent.vrrp.length > 0) return;
    const instances = this.config?.head.vrrp ?? [];
    // The process that held them is gone, and this one does not know them.
    const errors = [
      ...this.ports.goods.remove(this.holdings.orphanGoodsBeside(instances)),
      ...this.ports.removeAddresses(this.holdings.orphansBeside(instances)),
    ];
    for (const error of errors) this.emit({ kind: "warning", subject: "vrrp", text: error });
    this.holdings.settle(instances);
    this.record();
  }

  /** Puts the addresses that may be on the interfaces on record. */
  private record(): void {
    try {
      this.ports.recordAddresses([...this.holdings.held, ...this.statics.addresses]);
      this.ports.goods.record(joined(this.holdings.goods, this.statics.goods));
    } catch (error) {
      const text = `the virtual addresses could not be put on record, for a start after a crash: ${(error as Error).message}`;
      this.emit({ kind: "warning", subject: "vipd", text });
    }
  }

  /** Of a configuration that was sent, the answer belongs to those who wait now. */
  private note(name: ChildName, wasSent: boolean): void {
    if (wasSent) this.sent[name].push(this.unsent[name].splice(0));
  }

  /** A child that is not there yet is told at its hello. */
  private configure(name: ChildName, send = () => this.sendConfig(name)): Promise<Taken> {
    return new Promise((resolve) => {
      const why = `the ${name} process has not taken its configuration within ${CONFIGURE_WITHIN / 1000} s`;
      const late = setTimeout(() => resolve({ kind: "late", why }), CONFIGURE_WITHIN);
      this.unsent[name].push((error) => {
        clearTimeout(late);
        resolve(error === null ? { kind: "done" } : { kind: "refused", why: error });
      });
      send();
    });
  }

  private accept(config: LoadedConfig, warnings: readonly string[], changes: readonly string[]): void {
    this.config = config;
    this.loadedAt = this.ports.wall();
    this.ports.configureLog(config.head.log);
    this.ports.notifier.configure(config.head);
    if (this.options.patience === undefined) this.vrrp.setPatience(vrrpPatience(config.head.vrrp));
    this.loop.start(loopWatchEvery(config.head.vrrp));
    for (const text of warnings) this.emit({ kind: "warning", subject: "config", text });
    this.configureStatic(config);
    this.emit({
      kind: "config-loaded",
      path: config.path,
      node: config.head.node,
      instances: config.head.vrrp.length,
      services: config.services,
      servers: config.servers,
      changes,
    });
  }

  private configureStatic(config: LoadedConfig): void {
    try {
      this.statics.configure(config.head.static);
    } catch (error) {
      const text = `static addresses, routes and rules: ${(error as Error).message}`;
      this.emit({ kind: "warning", subject: "vrrp", text });
    }
  }

  /** A reader that breaks is a configuration that cannot be read: no reason to give up what runs. */
  private async load(previous?: LoadedConfig): Promise<LoadOutcome> {
    const { configPath: path, node } = this.options;
    try {
      return await this.ports.loadConfig({
        path,
        ...(node === undefined ? {} : { node }),
        ...(previous === undefined ? {} : { previous }),
      });
    } catch (error) {
      const problem = `${path}: the configuration could not be read: ${String(error)}`;
      return { ok: false, problems: [problem], report: problem };
    }
  }

  private async reloadNow(): Promise<ReloadOutcome> {
    if (this.stopped !== undefined) return { ok: false, changes: [], problems: ["vipd is stopping"] };
    const outcome = await this.load(this.config);
    if (!outcome.ok) {
      this.emit({ kind: "config-rejected", path: this.options.configPath, problems: outcome.problems });
      return {
        ok: false,
        changes: [],
        problems: outcome.report === "" ? outcome.problems : outcome.report.split("\n"),
      };
    }
    // The checks can refuse it, for want of IPVS for example: until they have taken it, the one before is in force.
    const { config, changed } = outcome;
    this.trial = config;
    const canChange = changed !== undefined && this.upToDate.vrrp && this.upToDate.checks;
    const table = canChange
      ? await this.configure("checks", () =>
          this.note("checks", this.checks.send({ kind: "change", services: changed })),
        )
      : await this.configure("checks");
    this.trial = undefined;
    if (table.kind === "refused") return this.goBack(table.why);
    this.accept(config, outcome.warnings, outcome.changes);
    await this.windows.configure(config.head.maintenance);
    const taken = canChange ? [table] : [table, await this.configure("vrrp")];
    const problems = taken.flatMap((one) => (one.kind === "done" ? [] : [one.why]));
    for (const text of problems) this.emit({ kind: "warning", subject: "config", text });
    return { ok: problems.length === 0, changes: outcome.changes, problems };
  }

  /** VRRP has not heard of the configuration that was refused; the checks are told again of the one in force. */
  private async goBack(why: string): Promise<ReloadOutcome> {
    const problems = [why];
    if (this.stopped === undefined) {
      this.emit({ kind: "config-rejected", path: this.options.configPath, problems });
      const back = await this.configure("checks");
      if (back.kind !== "done") this.emit({ kind: "warning", subject: "config", text: back.why });
    }
    return { ok: false, changes: [], problems };
  }

  private async stopNow(why: string, table: "keep" | "remove" | undefined): Promise<boolean> {
    this.emit({ kind: "stopping", why });
    this.orders.stop();
    this.windows.stop();
    // systemd signals every process of the unit: a check script that ends of it says nothing of its server.
    this.checks.send({ kind: "rest" });
    const resigned = await this.vrrp.stop({ kind: "stop", keepAddresses: false }, STOP_WITHIN.vrrp);
    this.stranded.cancel();
    if (!resigned) {
      // It went without a word: what it may have left on the interfaces is taken away here.
      for (const error of this.ports.removeAddresses(removableAddresses(this.config?.head.vrrp ?? [])))
        this.emit({ kind: "warning", subject: "vrrp", text: error });
    }
    // Also one that it could not remove.
    this.statics.stop();
    for (const text of [...this.ports.goods.release(), ...this.ports.releaseAddresses()])
      this.emit({ kind: "warning", subject: "vrrp", text });
    const told = this.ports.notifier.finish(NOTIFIED_WITHIN);
    const isDone = await this.stopChecks(table ?? this.config?.head.ipvs.onStop ?? "keep");
    await told;
    this.loop.stop();
    for (const name of ["vrrp", "checks"] as const)
      for (const waiter of [...this.unsent[name], ...this.sent[name].flat()]) waiter("vipd is stopping");
    this.emit({ kind: "stopped" });
    return isDone;
  }

  private async stopChecks(table: "keep" | "remove"): Promise<boolean> {
    const ended = await this.checks.stop({ kind: "stop", table }, STOP_WITHIN.checks);
    if (ended || table === "keep" || this.config === undefined) return true;
    if (this.config.services === 0 && this.config.head.sync === undefined) return true;
    const warn = (text: string): void => this.emit({ kind: "warning", subject: "ipvs", text });
    warn("the check process has not removed our services from the kernel: the supervisor does it");
    const isDone = await this.ports.removeTable().catch((error: unknown) => {
      warn(String(error));
      return false;
    });
    if (!isDone) warn("our services may still be in the kernel's table, and the next start takes them over");
    return isDone;
  }
}

const addressesOf = (instance: InstanceConfig | undefined): readonly IpAddress[] =>
  instance === undefined ? [] : instance.addresses.map(({ prefix }) => prefix.address);
