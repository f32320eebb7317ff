// Runs many VRRP instances over the ports: turns packets, wake-ups and news of interfaces into events of
// their machines. It decides nothing that the machine can decide. What adverts mean is for vrrp-hearing.ts, what
// happens for every advert that is sent for vrrp-steps.ts.

import { type Family, type IpAddress, type MacAddress, type Prefix } from "../core/address.js";
import { itemsOf } from "../core/routing.js";
import { between, instant, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import type { TransitionReason } from "../vrrp/reasons.js";
import type { Handed, HandedInstance } from "../control/handover.js";
import type { InstanceStatus, ResumeOrder } from "../control/ipc.js";
import type { SenderSequences } from "../control/remembered.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import type { TrackValue } from "../vrrp/priority.js";
import { headerLength, packetFamily } from "../vrrp/ip-header.js";
import { sameValue, whyAnother } from "./instance-change.js";
import type { Lateness } from "./lateness.js";
import { Refusals } from "./refusals.js";
import { RepeatLimit } from "./repeat-limit.js";
import { Attachment } from "./vrrp-attachment.js";
import { handOut, previousOf, takeIn } from "./vrrp-handover.js";
import { Hearing } from "./vrrp-hearing.js";
import { Notices } from "./vrrp-notices.js";
import { Orders } from "./vrrp-orders.js";
import { Roster } from "./vrrp-roster.js";
import type { Runtime } from "./vrrp-runtime.js";
import { SecondHearing } from "./vrrp-second-hearing.js";
import { instanceStatus } from "./vrrp-status.js";
import { Steps } from "./vrrp-steps.js";
import { Strangers } from "./vrrp-strangers.js";

/** What earlier processes knew and this one has to. */
export type Legacy = {
  readonly tracks?: Readonly<Record<string, TrackValue>> | undefined;
  readonly sequences?: readonly SenderSequences[] | undefined;
  /** Addresses of owners that were added, by `placeKey`. */
  readonly added?: readonly string[] | undefined;
};

const NONE: ReadonlySet<string> = new Set();
const FAMILIES = ["ipv4", "ipv6"] as const;

export class VrrpEngine {
  private readonly ports: VrrpPorts;
  private readonly orders: Orders;
  private readonly limit: RepeatLimit;
  private readonly roster: Roster;
  private readonly notices: Notices;
  private readonly steps: Steps;
  private readonly attachment: Attachment;
  private readonly strangers: Strangers;
  private readonly secondHearing: SecondHearing;
  private readonly hearing: Hearing;
  private readonly refusals: Refusals;
  /**
   * Nothing is sent and nothing heard counts: in standby the predecessor still works, what was handed over is the
   * successor's, and after `stop` nothing happens, whatever is still heard until the process has ended.
   */
  private rest: "standby" | "handed-over" | "stopped" | undefined;
  /** What the successor goes on with, and `stop` leaves alone. */
  private kept: ReadonlySet<string> = new Set();

  constructor(ports: VrrpPorts) {
    this.ports = ports;
    this.roster = new Roster(ports.hmac);
    this.limit = new RepeatLimit(ports.report);
    this.orders = new Orders(ports, this.limit, (address) => this.roster.virtual.has(address));
    this.refusals = new Refusals(ports);
    this.notices = new Notices(ports, this.limit);
    this.steps = new Steps(ports, this.roster, this.orders, this.notices, () => this.arm());
    this.attachment = new Attachment(ports, this.roster, this.steps, this.refusals);
    this.strangers = new Strangers(ports, this.limit);
    this.secondHearing = new SecondHearing(ports, this.steps, this.notices);
    this.hearing = new Hearing(this.steps, this.notices, this.secondHearing);
  }

  /** How late it woke up for its deadlines. */
  get lateness(): Lateness {
    return this.steps.lateness;
  }

  /** Makes the running instances those of `instances`: what did not change is not touched. */
  configure(
    instances: readonly InstanceConfig[],
    resume: readonly ResumeOrder[],
    { tracks = {}, sequences = [], added = [] }: Legacy = {},
  ): void {
    if (this.rest !== undefined) return;
    const now = this.ports.clock.now();
    this.roster.expect(instances);
    this.attachment.tracks.expect(instances);
    this.attachment.tracks.take(tracks);
    // Before the addresses of those that come, and (below) after the addresses of those that go.
    this.refusals.expect([...[...this.roster.all].map(({ given }) => given), ...instances]);
    this.steps.collect(() => {
      for (const runtime of [...this.roster.all]) {
        const wanted = this.roster.givenOf(runtime.config.name);
        const moved = wanted && whyAnother(runtime.config, wanted);
        if (wanted === undefined) this.remove(runtime, { kind: "deleted" }, now);
        else if (moved !== undefined) this.remove(runtime, { kind: "reconfigured", what: moved }, now);
      }
    });
    const left = new Set(added);
    this.steps.collect(() => {
      for (const config of instances) {
        const running = this.roster.named(config.name);
        if (running !== undefined) this.change(running, config, now);
        else {
          const runtime = this.roster.add(config, now);
          const known = orderOf(sequences, config.name);
          if (known !== undefined) runtime.authenticator?.recall(known);
          this.begin(runtime, orderOf(resume, config.name), left, now);
        }
      }
      this.rebuildTables();
    });
    this.refusals.expect(instances);
    this.watchNeighbours();
    this.arm();
  }

  /** Instead of the first `configure`: joins and makes everything that these instances need, and takes no part. */
  prepare(instances: readonly InstanceConfig[]): void {
    this.rest = "standby";
    const now = this.ports.clock.now();
    this.roster.expect(instances);
    this.attachment.tracks.expect(instances);
    for (const config of instances) this.attachment.attach(this.roster.add(config, now), now);
    this.rebuildTables();
    this.watchNeighbours();
  }

  /** Stops where it is, and says where that is for those of `names`. Only `takeBack` and `stop` may follow. */
  handOver(names: ReadonlySet<string>): Handed {
    this.rest = "handed-over";
    this.kept = names;
    this.arm();
    const handed = [...this.roster.all].filter(({ config }) => names.has(config.name));
    return {
      at: this.ports.clock.now(),
      instances: handed.map(handOut),
      tracks: this.attachment.tracks.values,
      sequences: this.sequences(),
    };
  }

  /** There is no successor after all. */
  takeBack(): void {
    if (this.rest !== "handed-over") return;
    this.rest = undefined;
    this.kept = new Set();
    this.interfacesChanged();
    this.wake();
  }

  /**
   * After `prepare`: goes on where the predecessor stopped. What was not handed over begins as at a start. Gives how
   * long nobody sent or heard.
   */
  takeOver({ at, instances, tracks, sequences }: Handed): Milliseconds {
    if (this.rest !== "standby") return milliseconds(0);
    this.rest = undefined;
    this.attachment.tracks.take(tracks);
    this.refusals.expect([...this.roster.all].map(({ given }) => given));
    const handed = new Map(instances.map((one) => [one.instance, one]));
    for (const runtime of this.roster.all) {
      const one = handed.get(runtime.config.name);
      if (one === undefined) continue;
      this.attachment.adopt(runtime, runtime.given);
      takeIn(runtime, one, at);
      const known = orderOf(sequences, runtime.config.name);
      if (known !== undefined) runtime.authenticator?.recall(known);
      this.steps.resume(runtime);
    }
    const now = this.ports.clock.now();
    const pause = between(at, now);
    this.wake();
    this.steps.collect(() => {
      for (const runtime of this.roster.all)
        this.continue(runtime, handed.get(runtime.config.name), pause, now);
      this.rebuildTables();
    });
    return pause;
  }

  /** The wake-up of the port: sends what is due, hears what has come, and only then gives up on masters. */
  wake(): void {
    if (this.rest !== undefined) return;
    const now = this.ports.clock.now();
    this.steps.takeDue(now);
    this.orders.kept.retry(now);
    this.orders.routing.check(now);
    this.attachment.attend(now);
    if (this.refusals.check(now)) this.steps.collect(() => this.attachment.lookAtAllTracks(now));
    this.limit.flush(now);
    this.notices.oddAgain(this.roster.all, now);
    this.strangers.lookAgain(this.roster.all, now);
    this.arm();
  }

  /** A received packet, from its IP header on; `packet` may be reused after the return. */
  receive(packet: Uint8Array, length: number, ifindex: number): void {
    const header = headerLength(packet, length);
    const id = header > 0 && header + 1 < length ? packet[header + 1]! : 0;
    const runtime = this.roster.find(ifindex, packetFamily(packet), id);
    // Another virtual router of the same link.
    if (runtime === undefined || this.rest !== undefined) return;
    const now = this.ports.clock.now();
    const { secondPath: second } = runtime;
    if (second !== undefined && second.ifindex === ifindex)
      this.secondHearing.receive(runtime, second, packet, length, now);
    else this.hearing.receive(runtime, packet, header, length, ifindex, now);
  }

  /** After the last packet of a batch. */
  received(): void {
    this.steps.settleUnlessCollecting();
  }

  /** Interfaces came, went or changed: looks at all of them again. */
  interfacesChanged(): void {
    if (this.rest !== undefined) return;
    const now = this.ports.clock.now();
    this.steps.collect(() => {
      this.attachment.lookAtAllTracks(now);
      this.rebuildTables();
    });
    this.strangers.look(this.roster.all, now);
    this.arm();
  }

  /** Tracks were seen to be what `values` says, by their ids; the others stay as they were. */
  tracksSeen(values: Readonly<Record<string, TrackValue>>): void {
    if (this.rest !== undefined) return;
    const now = this.ports.clock.now();
    this.attachment.tracks.take(values);
    this.steps.collect(() => this.attachment.lookAtAllTracks(now));
  }

  /** An address is no longer on an interface, whoever deleted it. */
  addressGone(ifindex: number, prefix: Prefix): void {
    const runtime = this.roster.ownerOf(ifindex, prefix.address);
    if (runtime?.state.kind !== "master" || this.rest !== undefined) return;
    const address = runtime.config.addresses.find(({ prefix: own }) => own.address === prefix.address);
    if (address?.prefix.length !== prefix.length) return;
    if (this.ports.interfaces.find(address.interface)?.index !== ifindex) return;
    const now = this.ports.clock.now();
    this.steps.collect(() => this.steps.apply(runtime, { kind: "address-lost", address }, now));
  }

  /** These interfaces had no carrier for a moment: what is behind them may have forgotten where our addresses are. */
  linksBlinked(ifindexes: ReadonlySet<number>): void {
    if (this.rest !== undefined) return;
    const now = this.ports.clock.now();
    this.steps.collect(() => {
      for (const runtime of this.roster.all) {
        const its = [runtime.ifindex, ...runtime.placed.values()];
        if (runtime.state.kind !== "master" || !its.some((ifindex) => ifindexes.has(ifindex))) continue;
        this.notices.blinked(runtime, now);
        this.steps.apply(runtime, { kind: "link-up" }, now);
      }
    });
  }

  /** Somebody has changed the rules of the packet filter. */
  rulesChanged(): void {
    if (this.rest !== undefined) return;
    this.refusals.changed();
    this.arm();
  }

  /** Somebody says, in ARP or neighbour discovery, that `address` is his. */
  heardHolder(ifindex: number, mac: MacAddress, address: IpAddress): void {
    const runtime = this.roster.ownerOf(ifindex, address);
    if (runtime?.state.kind !== "master") return;
    this.notices.heardHolder(runtime, ifindex, mac, address, this.ports.clock.now());
  }

  /** The link could not send `advert`, from the VRRP header on, which was queued for this interface. */
  advertFailed(ifindex: number, family: Family, advert: Uint8Array, error: string): void {
    // The virtual router id is the second byte of the header in both versions.
    const runtime = this.roster.find(ifindex, family, advert[1] ?? 0);
    if (runtime === undefined) return;
    runtime.advertFailed(error);
    if (runtime.secondPath?.ifindex === ifindex) runtime.secondPath.sent -= 1;
    this.notices.advertFailed(runtime, ifindex, error, this.ports.clock.now());
    this.arm();
  }

  /** Something else could not be sent on this interface; `error` says what. */
  sendFailed(ifindex: number, error: string): void {
    const now = this.ports.clock.now();
    for (const runtime of this.roster.all)
      if (runtime.ifindex === ifindex || runtime.outIndex === ifindex)
        this.notices.sendFailed(runtime, error, now);
    this.arm();
  }

  /**
   * Ends all instances cleanly, and for good: masters say priority 0, then their addresses go; or they say nothing of
   * it, and all they have stays for a successor.
   */
  stop(keepAddresses: boolean): void {
    const now = this.ports.clock.now();
    const why = { kind: "shutdown", ...(keepAddresses && { keeps: true as const }) } as const;
    this.steps.collect(() => {
      for (const runtime of this.roster.all)
        if (!this.kept.has(runtime.config.name))
          this.steps.apply(runtime, { kind: "stop", keepAddresses, why }, now);
    });
    this.orders.kept.retryNow();
    this.orders.routing.removeNow();
    // Addresses that stay are still not to be accepted; and what was handed over is the successor's.
    if (!keepAddresses && this.rest !== "handed-over") this.refusals.remove();
    this.rest = "stopped";
    this.arm();
  }

  /** What a successor of this process must know of authenticated adverts. */
  sequences(): readonly SenderSequences[] {
    return [...this.roster.all].flatMap(({ authenticator, config }) =>
      authenticator === undefined ? [] : [{ instance: config.name, ...authenticator.sequences() }],
    );
  }

  /** `wall` is the wall clock now: the status speaks of times that people know. */
  status(wall: number): readonly InstanceStatus[] {
    const now = this.ports.clock.now();
    return [...this.roster.all].map((runtime) => instanceStatus(runtime, runtime.current(), now, wall));
  }

  private continue(
    runtime: Runtime,
    handed: HandedInstance | undefined,
    pause: Milliseconds,
    now: Instant,
  ): void {
    if (handed === undefined) return this.begin(runtime, undefined, NONE, now);
    const { config, state } = runtime;
    this.ports.report({ kind: "vrrp-taken-over", instance: config.name, state: state.kind, pause_ms: pause });
    this.orders.owners.touch(runtime);
    const { routing } = handed.config;
    if (state.kind === "master" && routing !== undefined) this.orders.inherit(runtime, itemsOf(routing));
    const previous = previousOf(runtime, handed);
    if (previous !== undefined) this.steps.apply(runtime, { kind: "reconfigure", previous }, now);
    this.attachment.look(runtime, now);
  }

  private watchNeighbours(): void {
    this.ports.neighbours.watch([...this.roster.virtual]);
    for (const { config } of this.roster.all) this.orders.announcer.prepare(config.addresses);
  }

  private begin(
    runtime: Runtime,
    order: ResumeOrder | undefined,
    left: ReadonlySet<string>,
    now: Instant,
  ): void {
    const {
      given: { routing },
    } = runtime;
    runtime.resume = order;
    this.orders.owners.inherit(runtime, left, order !== undefined);
    if (order === undefined) this.attachment.removeStale(runtime);
    if (order?.kept === true) this.attachment.claim(runtime);
    if (routing !== undefined && order?.kept === true) this.orders.inherit(runtime, itemsOf(routing));
    else if (routing !== undefined) this.orders.routing.removeStale(itemsOf(routing));
    this.attachment.look(runtime, now);
  }

  private remove(
    runtime: Runtime,
    why: Extract<TransitionReason, { kind: "deleted" | "reconfigured" }>,
    now: Instant,
  ): void {
    this.steps.apply(runtime, { kind: "stop", keepAddresses: false, why }, now);
    this.steps.forget(runtime);
    this.roster.remove(runtime);
    this.attachment.leave(runtime);
  }

  private change(runtime: Runtime, config: InstanceConfig, now: Instant): void {
    if (sameValue(runtime.given, config)) return this.attachment.lookAtTracks(runtime, now);
    const previous = runtime.config;
    runtime.current();
    this.attachment.adopt(runtime, config);
    this.orders.owners.touch(runtime);
    this.steps.apply(runtime, { kind: "reconfigure", previous }, now);
    this.attachment.look(runtime, now);
  }

  private rebuildTables(): void {
    const ids = this.roster.rebuild();
    for (const family of FAMILIES) this.ports.link.setVirtualRouters(family, ids[family]);
  }

  private arm(): void {
    const { steps, limit, notices, attachment, strangers, refusals } = this;
    const { kept, routing } = this.orders;
    const { next } = steps;
    const at = Math.min(
      next,
      limit.next,
      notices.next,
      kept.next,
      routing.next,
      attachment.next,
      strangers.next,
      refusals.next,
    );
    this.ports.wakeup.arm(at === Infinity || this.rest !== undefined ? undefined : instant(at));
  }
}

/** What a predecessor left to this instance. */
const orderOf = <T extends { readonly instance: string }>(
  orders: readonly T[],
  name: string,
): T | undefined => orders.find(({ instance }) => instance === name);
