// The supervisor: joins the configuration, the two child processes and what is done with them: a start, reloads, an
// upgrade, a stop. It decides what is in force; how each of these goes is in a file of its own (children.ts,
// reloads.ts, inheriting.ts, stopping.ts).

import type { EventRecord, VipdEvent } from "../../control/event.js";
import { PROTOCOL, type Handed, type Inheritance } from "../../control/handover.js";
import type { Status } from "../../control/ipc.js";
import type { OrderedServer, OrderRequest } from "../../control/protocol.js";
import type { RememberedTakeover } from "../../control/remembered.js";
import { seconds, type Milliseconds } from "../../core/units.js";
import { Children } from "./children.js";
import type { LoadedConfig, LoadOutcome } from "./config-source.js";
import { Custody } from "./custody.js";
import { EventLog } from "./event-log.js";
import { Inheriting, type PrepareOutcome } from "./inheriting.js";
import { Inquiries, type OrderOutcome } from "./inquiries.js";
import type { KeptState } from "./kept-state.js";
import { OrderBook } from "./orders.js";
import { Reloads, type ReloadOutcome } from "./reloads.js";
import { leaveAll, stopAll, type StopOrder } from "./stopping.js";
import type { SupervisorOptions, SupervisorPorts } from "./supervisor-ports.js";
import { MaintenanceWindows } from "./windows.js";

const HAND_OVER_WITHIN = seconds(1);

export type StartOutcome = { readonly ok: true } | { readonly ok: false; readonly report: string | null };

type Loaded = Extract<LoadOutcome, { ok: true }>;

export class Supervisor {
  readonly events: EventLog;
  private readonly ports: SupervisorPorts;
  private readonly options: SupervisorOptions;
  private readonly children: Children;
  private readonly custody: Custody;
  private readonly orders: OrderBook;
  private readonly windows: MaintenanceWindows;
  private readonly inquiries: Inquiries;
  private readonly reloads: Reloads;
  private inheriting: Inheriting | undefined;
  private loadedAt = 0;
  private stopped: Promise<boolean> | undefined;

  constructor(ports: SupervisorPorts, options: SupervisorOptions) {
    this.ports = ports;
    this.options = options;
    const { wall, monotonic } = ports;
    const emit = (event: VipdEvent): void => this.emit(event);
    const events = (this.events = new EventLog(wall));
    const custody = (this.custody = new Custody(ports, emit));
    const children = new Children({ ports, options, events, custody, orders: () => this.orders });
    this.children = children;
    const orders = new OrderBook({
      store: ports.orders,
      wall,
      report: emit,
      changed: () => children.sendOrders(),
    });
    this.orders = orders;
    this.windows = new MaintenanceWindows({
      wall,
      wait: (ms, work) => {
        const timer = setTimeout(work, ms);
        return () => clearTimeout(timer);
      },
      report: emit,
      changed: (open) => {
        orders.setWindows(open);
        if (children.config !== undefined) children.sendOrders();
      },
    });
    this.inquiries = new Inquiries({ children, orders, options, monotonic, wall });
    this.reloads = new Reloads({
      children,
      path: options.configPath,
      load: (previous) => this.load(previous),
      accept: async (outcome) => {
        this.accept(outcome);
        await this.windows.configure(outcome.config.head.maintenance);
      },
      emit,
    });
  }

  /** Before `start`: the last stop has left what we had in place. */
  recall(kept: KeptState): void {
    this.children.recall(kept);
    this.custody.recall(kept);
  }

  /** Resolves when both children run as configured; `report` says for people why there is no start, null: it was stopped. */
  async start(): Promise<StartOutcome> {
    const { children } = this;
    this.orders.load();
    // The table waits for its process, which starts first, and for the configuration, which takes longer if anything.
    children.checks.start();
    const outcome = await this.load();
    // What is under way is in the first configuration of the checks.
    if (outcome.ok) await this.windows.configure(outcome.config.head.maintenance);
    if (this.stopped !== undefined) return { ok: false, report: null };
    if (!outcome.ok) return this.refuse("the configuration is not valid", outcome.report);
    this.accept(outcome);
    const hasServices = outcome.config.services > 0;
    if (!hasServices) children.vrrpReleased = true;
    if (!hasServices) children.startVrrp();
    const answers = [children.configure("checks"), ...(hasServices ? [] : [children.configure("vrrp")])];
    const table = await (answers[0] as (typeof answers)[number]);
    if (table.kind === "refused" && hasServices) return this.refuse(table.why, table.why);
    children.vrrpReleased = true;
    children.startVrrp();
    const vrrp = await (answers[1] ?? children.configure("vrrp"));
    if (vrrp.kind === "refused") return this.refuse(vrrp.why, vrrp.why);
    // A slow machine is no reason to give up: the child goes on with what it was told.
    for (const taken of [table, vrrp])
      if (taken.kind === "late") this.emit({ kind: "warning", subject: "vipd", text: taken.why });
    this.emit({ kind: "ready", version: this.options.version, node: outcome.config.head.node });
    return { ok: true };
  }

  private async refuse(why: string, report: string): Promise<StartOutcome> {
    if (this.stopped !== undefined) return { ok: false, report: null };
    await this.stop(why);
    return { ok: false, report };
  }

  /** Instead of `start`, while a predecessor is at work. */
  prepare(inheritance: Inheritance): Promise<PrepareOutcome> {
    this.inheriting = new Inheriting(inheritance, this.children, this.custody);
    return this.inheriting.prepare(() => this.load());
  }

  /** After `prepare`: the VRRP process goes on with what was handed over. Gives the pause, or null when it does not. */
  async takeOver(handed: Handed): Promise<Milliseconds | null> {
    const taken = await this.inheriting?.takeOver(handed);
    if (taken === undefined || taken === null) return null;
    this.accept(taken.config);
    return taken.pause;
  }

  /** After `takeOver`, when the predecessor's processes have ended: the checks begin, and take the table over. */
  async own(records: readonly EventRecord[], takeovers: readonly RememberedTakeover[]): Promise<void> {
    this.events.inherit(records);
    this.children.takeovers.recall(takeovers);
    this.custody.record();
    // The predecessor has written its last.
    this.orders.load();
    const { children } = this;
    await this.windows.configure(children.config?.head.maintenance);
    const table = await children.configure("checks");
    if (table.kind !== "done") this.emit({ kind: "warning", subject: "vipd", text: table.why });
    const node = children.config?.head.node ?? "";
    this.emit({ kind: "ready", version: this.options.version, node });
  }

  /** Why no successor can be had now; undefined: one can. */
  get notNow(): string | undefined {
    if (this.stopped !== undefined) return "vipd is stopping";
    if (this.reloads.isRunning) return "a reload is under way";
    return this.children.isUpToDate("vrrp") && this.isConfigured ? undefined : "vipd is not ready yet";
  }

  /** For a successor: what is remembered. */
  get takeovers(): readonly RememberedTakeover[] {
    return this.children.takeovers.all;
  }

  get version(): string {
    return this.options.version;
  }

  /** For a successor. */
  get inheritance(): Inheritance {
    const instances = this.children.config?.head.vrrp ?? [];
    return { protocol: PROTOCOL, instances, statics: this.custody.inheritance };
  }

  /** The VRRP process stops where it is. Null: it does not, and goes on or is started again. */
  async handOver(keeps: readonly string[]): Promise<Handed | null> {
    const answer = await this.children.vrrp.answerTo({ kind: "hand-over", keeps }, HAND_OVER_WITHIN);
    if (answer?.kind === "handed") return answer.handed;
    this.takeBack();
    return null;
  }

  takeBack(): void {
    this.children.vrrp.send({ kind: "take-back" });
    this.children.vrrp.setNeeded(true);
  }

  /** A successor goes on. */
  async leave(): Promise<void> {
    void this.end(Promise.resolve(true));
    await leaveAll(this.stoppingParts);
    this.orders.stop();
    this.windows.stop();
  }

  /** A file that is not valid changes nothing. */
  reload(): Promise<ReloadOutcome> {
    return this.reloads.ask();
  }

  /** Bounded in time. Gives whether the kernel's table is as it was to be left. */
  stop(why: string, order: StopOrder = {}): Promise<boolean> {
    return this.stopped ?? this.end(this.stopNow(why, order));
  }

  /** Whether a configuration was ever accepted. */
  get isConfigured(): boolean {
    return this.children.config !== undefined;
  }

  status(): Promise<Status> {
    return this.inquiries.status(this.loadedAt);
  }

  order(request: OrderRequest): Promise<OrderOutcome> {
    return this.inquiries.order(request);
  }

  ordered(): Promise<readonly OrderedServer[]> {
    return this.inquiries.ordered();
  }

  emit(event: VipdEvent): void {
    this.events.emit(event);
  }

  private end(stopped: Promise<boolean>): Promise<boolean> {
    this.stopped = stopped;
    this.children.isStopping = true;
    return stopped;
  }

  private get stoppingParts(): Parameters<typeof stopAll>[0] {
    const { ports, children, custody } = this;
    return { ports, children, custody, emit: (event) => this.emit(event) };
  }

  private async stopNow(why: string, order: StopOrder): Promise<boolean> {
    this.emit({ kind: "stopping", why });
    this.orders.stop();
    this.windows.stop();
    this.ports.firstTable?.takeBack();
    const isDone = await stopAll(this.stoppingParts, order);
    this.emit({ kind: "stopped" });
    return isDone;
  }

  /** What was read is in force from now on. */
  private accept({ config, warnings, more, changes }: Loaded): void {
    const { head } = config;
    this.children.config = config;
    this.loadedAt = this.ports.wall();
    this.ports.configureLog(head.log);
    this.ports.notifier.configure(head);
    this.children.watch(head.vrrp);
    const warn = (text: string): void => this.emit({ kind: "warning", subject: "config", text });
    warnings.forEach(warn);
    // It resolves whatever goes wrong (reader-process.ts).
    void more?.().then((texts) => texts.forEach(warn));
    this.custody.configureStatic(head);
    this.emit({
      kind: "config-loaded",
      path: config.path,
      node: head.node,
      instances: head.vrrp.length,
      services: config.services,
      servers: config.servers,
      changes,
    });
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
}
