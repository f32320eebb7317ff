// The two child processes and what they are told: the configuration in force, or the one that a reload has the checks
// try. Whoever changes it says so here and hears what became of it. A child that starts again by itself is told again.
// Refuses to know when a configuration changes, and why.

import type { ChecksStatus, ToChecks, ToVrrp, VrrpStatus } from "../../control/ipc.js";
import type { SenderSequences } from "../../control/remembered.js";
import type { VipdEvent } from "../../control/event.js";
import type { IpAddress } from "../../core/address.js";
import type { Milliseconds } from "../../core/units.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { AwaitedAnswers, type Taken } from "./awaited-answers.js";
import { Child } from "./child.js";
import type { ChildName } from "./child-name.js";
import { servicesOf, type ConfigHead, type LoadedConfig } from "./config-source.js";
import type { Custody } from "./custody.js";
import type { EventLog } from "./event-log.js";
import type { KeptState } from "./kept-state.js";
import { LoopWatch } from "./loop-watch.js";
import type { OrderBook } from "./orders.js";
import { loopWatchEvery, PATIENCE, vrrpPatience } from "./patience.js";
import type { SupervisorOptions, SupervisorPorts } from "./supervisor-ports.js";
import { Takeovers } from "./takeovers.js";
import { TrackValues } from "./track-values.js";

export type ChildrenParts = {
  readonly ports: SupervisorPorts;
  readonly options: SupervisorOptions;
  readonly events: EventLog;
  readonly custody: Custody;
  readonly orders: () => OrderBook;
};

export class Children {
  readonly vrrp: Child<ToVrrp, VrrpStatus>;
  readonly checks: Child<ToChecks, ChecksStatus>;
  readonly tracks = new TrackValues();
  readonly takeovers = new Takeovers();
  /** The configuration in force. */
  config: LoadedConfig | undefined;
  /** What a reload has the checks try. */
  trial: LoadedConfig | undefined;
  /** A predecessor is at work: the children get ready and do nothing. */
  onStandby = false;
  /** VRRP waits at the first start until the kernel's table is in place: no address without its servers. */
  vrrpReleased = false;
  /** Nothing more is told to anybody. */
  isStopping = false;
  private readonly parts: ChildrenParts;
  private readonly loop: LoopWatch;
  private readonly answers = { vrrp: new AwaitedAnswers("vrrp"), checks: new AwaitedAnswers("checks") };
  /** Of authenticated adverts, as the VRRP process said last. */
  private sequences: readonly SenderSequences[] = [];
  private hasVrrp = false;
  /** A stop has kept something for this start. */
  private goesOn = false;

  constructor(parts: ChildrenParts) {
    this.parts = parts;
    const { ports, options } = parts;
    this.loop = new LoopWatch(ports.monotonic);
    const time = {
      now: ports.monotonic,
      lastTurn: () => this.loop.lastTurn,
      regularly: (every: Milliseconds, work: () => void) => this.loop.regularly(every, work),
    };
    const { vrrp = PATIENCE.vrrp, checks = PATIENCE.checks } = options.patience ?? {};
    this.loop.start(options.patience === undefined ? loopWatchEvery([]) : vrrp.pingEvery);
    this.vrrp = new Child("vrrp", ports.spawn, this.owner("vrrp"), vrrp, time);
    this.checks = new Child("checks", ports.spawn, this.owner("checks"), checks, time);
  }

  /**
   * It waits for the table anyway. On a machine with few processors its start would hold up those that the table waits
   * for, so that it begins when the table is there, or when there is none to wait for; but a peer is not to notice
   * a restart that goes on as master, and there it begins as soon as the checks process has.
   */
  startVrrp(): void {
    if (this.hasVrrp || this.isStopping) return;
    this.hasVrrp = true;
    this.vrrp.start();
  }

  isUpToDate(name: ChildName): boolean {
    return this.answers[name].isUpToDate;
  }

  /** A child that is not there yet is told at its hello. */
  configure(name: ChildName, send = () => this.tell(name)): Promise<Taken> {
    return this.answers[name].expect(send);
  }

  /** What has changed in the configuration on trial is these services alone. */
  changeServices(services: Extract<ToChecks, { kind: "change" }>["services"]): Promise<Taken> {
    return this.configure("checks", () =>
      this.answers.checks.note(this.checks.send({ kind: "change", services })),
    );
  }

  /** What a stop has kept for this start. */
  recall({ tracks, sequences, takeovers }: Pick<KeptState, "tracks" | "sequences" | "takeovers">): void {
    this.tracks.take(tracks);
    this.takeovers.recall(takeovers);
    this.sequences = sequences;
    this.goesOn = true;
  }

  /** For a start after this stop. */
  get kept(): Pick<KeptState, "tracks" | "sequences" | "takeovers"> {
    return { tracks: this.tracks.report, sequences: this.sequences, takeovers: this.takeovers.all };
  }

  /** A configuration is in force from now on: how closely its instances are watched depends on it, and what is remembered. */
  watch(instances: readonly InstanceConfig[]): void {
    this.takeovers.keepOnly(instances);
    if (this.parts.options.patience !== undefined) return;
    this.vrrp.setPatience(vrrpPatience(instances));
    this.loop.start(loopWatchEvery(instances));
  }

  sendOrders(): void {
    this.checks.send({ kind: "orders", orders: this.parts.orders().all });
  }

  stopWatching(): void {
    this.loop.stop();
  }

  giveUp(why: string): void {
    for (const answers of Object.values(this.answers)) answers.giveUp(why);
  }

  private emit(event: VipdEvent): void {
    this.parts.events.emit(event);
  }

  private owner(name: ChildName): ConstructorParameters<typeof Child>[2] {
    return {
      hello: () => {
        this.tell(name);
        if (name === "checks" && this.goesOn) this.startVrrp();
      },
      events: (records) => {
        if (name === "vrrp") for (const { event } of records) this.observeMaster(event);
        for (const record of records) this.takeovers.observe(record);
        this.parts.events.take(records);
        for (const { event } of records) this.parts.ports.notifier.observe(event);
      },
      sequences: (list) => (this.sequences = list),
      // On standby the record is the predecessor's still.
      ownerAdded: (instance, added) => this.parts.custody.ownerAdded(instance, added, !this.onStandby),
      configured: (error) => this.configured(name, error),
      tracks: (values) => {
        this.tracks.take(values);
        this.vrrp.send({ kind: "tracks", values });
      },
      unreadable: () => {
        this.config = withoutSaved(this.config);
        this.trial = withoutSaved(this.trial);
        this.answers[name].again();
        this.tell(name);
      },
      started: (pid, restarts) => this.emit({ kind: "process-started", process: name, pid, restarts }),
      ended: ({ pid, how, alive, restart }) => {
        this.emit({ kind: "process-exited", process: name, pid, how, restart_ms: restart });
        this.answers[name].begin();
        if (name === "vrrp" && restart !== null && !this.onStandby) this.parts.custody.lost(alive);
      },
    };
  }

  private configured(name: ChildName, error: string | null): void {
    const waiters = this.answers[name].answered(error);
    // Whoever waits says what became of it; after a restart by itself nobody waits.
    if (!this.onStandby && error !== null && waiters.length === 0)
      this.emit({ kind: "warning", subject: "vipd", text: error });
    for (const waiter of waiters) waiter(error);
    if (this.onStandby || name !== "vrrp") return;
    // It runs no instance. What its predecessor left is still taken away, and its successor tries again.
    if (error !== null) return this.vrrp.replace("could not take its configuration");
    const { custody } = this.parts;
    custody.back();
    // Of a later configuration that is on its way: what is not in that one is seen to when it has been taken.
    if (!this.answers.vrrp.isWaiting) custody.taken(this.config?.head.vrrp ?? []);
  }

  private observeMaster(event: VipdEvent): void {
    const { masters } = this.parts.custody;
    const instance = masters.observe(event);
    if (instance === undefined || isLeaving(event)) return;
    const { vrrp = [] } = this.config?.head ?? {};
    const addresses = addressesOf(vrrp.find(({ name }) => name === instance));
    const { vacancy } = event.kind === "vrrp-transition" ? event : {};
    this.checks.send(
      masters.isMaster(instance)
        ? { kind: "master", instance, addresses, ...(vacancy && vacancy.kind !== "kept" && { vacancy }) }
        : { kind: "master", instance, addresses: [] },
    );
  }

  private tell(name: ChildName): void {
    const config = name === "checks" ? (this.trial ?? this.config) : this.config;
    if (config === undefined || this.isStopping) return;
    if (this.onStandby) return this.tellStandby(name, config.head);
    this.tracks.configure(config.head.tracks);
    if (name === "checks") this.answers.checks.note(this.checks.isReady && this.tellChecks(config));
    else if (this.vrrpReleased && this.vrrp.isReady)
      this.answers.vrrp.note(this.vrrp.send(this.vrrpOrder(config.head)));
  }

  private tellChecks(config: LoadedConfig): boolean {
    const ahead = this.parts.ports.firstTable?.handOver(config.saved?.id);
    // The table is there, and waits for nobody's processor.
    if (ahead !== undefined) this.startVrrp();
    return this.checks.send({ ...this.checksOrder(config), ...(ahead === undefined ? {} : { ahead }) });
  }

  private checksOrder(config: LoadedConfig): Extract<ToChecks, { kind: "configure" }> {
    const { head, saved } = config;
    const { masters } = this.parts.custody;
    const held = head.vrrp.filter(({ name }) => masters.isMaster(name));
    return {
      kind: "configure",
      runtimeDirectory: this.parts.options.runtimeDirectory,
      scripts: head.scripts,
      tracks: head.tracks,
      knownTracks: this.tracks.report,
      ipvs: head.ipvs,
      sync: head.sync ?? null,
      masters: Object.fromEntries(held.map((one) => [one.name, addressesOf(one)])),
      orders: this.parts.orders().all,
      ...(saved === undefined ? { services: servicesOf(config) } : { services: [], saved }),
    };
  }

  private vrrpOrder({ vrrp: instances, vrrpProcess }: ConfigHead): ToVrrp {
    return {
      kind: "configure",
      process: vrrpProcess,
      instances,
      ...this.parts.custody.tell(instances),
      tracks: this.tracks.report,
      ...(this.sequences.length === 0 ? {} : { sequences: this.sequences }),
    };
  }

  /** Of the checks nothing is asked yet but to be there. */
  private tellStandby(name: ChildName, { vrrpProcess, vrrp: instances }: ConfigHead): void {
    const order = { kind: "configure", process: vrrpProcess, instances, resume: [], standby: true } as const;
    if (name === "vrrp") this.answers.vrrp.note(this.vrrp.send(order));
    else if (this.checks.isReady) this.answers.checks.settle();
  }
}

function withoutSaved(config: LoadedConfig | undefined): LoadedConfig | undefined {
  if (config === undefined) return undefined;
  const { saved, ...rest } = config;
  return saved === undefined ? config : rest;
}

const addressesOf = (instance: InstanceConfig | undefined): readonly IpAddress[] =>
  instance === undefined ? [] : instance.addresses.map(({ prefix }) => prefix.address);

/** The addresses stay: to the clients it is master, and to the table, until the next start goes on with them. */
const isLeaving = (event: VipdEvent): boolean =>
  event.kind === "vrrp-transition" && event.reason.kind === "shutdown" && event.reason.keeps === true;
