// Runs many VRRP instances over the ports: turns packets, wake-ups and news of interfaces into events of
// their machines, and carries out what these order, for all instances together. It decides nothing that the
// machine can decide. What happens for every advert (hearing the same again, sending the same again) takes
// the short way of vrrp/repeat.ts.

import { ipFromBytes, type IpAddress, type MacAddress, type Prefix, formatPrefix } from "../core/address.js";
import { after, between, instant, type Instant, seconds } from "../core/units.js";
import type { TransitionReason } from "../control/event.js";
import type { InstanceStatus, ResumeOrder } from "../control/ipc.js";
import type { InterfaceView, VrrpPorts } from "../ports/vrrp.js";
import { acceptAdvert } from "../vrrp/accept.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { decodeIpv4, headerLength, repeats } from "../vrrp/ipv4.js";
import { nextDeadline, step } from "../vrrp/machine.js";
import { decodeAdvert, type DecodeError } from "../vrrp/packet.js";
import { advertMayRepeat, deadlineWhenHeard, deadlineWhenSent, onlyAdvertDue } from "../vrrp/repeat.js";
import { quietUntil } from "../vrrp/master.js";
import { OWNER_PRIORITY, type Action, type Event, type State } from "../vrrp/state.js";
import { earlier } from "../vrrp/timing.js";
import { DeadlineHeap } from "./deadline-heap.js";
import { Lateness } from "./lateness.js";
import { RepeatLimit } from "./repeat-limit.js";
import {
  indicesOf,
  Memberships,
  replaced,
  sourceOf,
  troubleOf,
  type LinkTrouble,
} from "./vrrp-interfaces.js";
import { Orders } from "./vrrp-orders.js";
import { Runtime, tableKey } from "./vrrp-runtime.js";
import { instanceStatus } from "./vrrp-status.js";

/** How long a preempted master may take to let its addresses go. */
const HAND_OVER = seconds(1);
/** From one try to join the VRRP group to the next. */
const JOIN_AGAIN = seconds(5);

const MOST_ODDITIES = 16;
/** A failure during `settle` is an event whose orders are settled next; more rounds than this are a bug. */
const MOST_ROUNDS = 8;
const SOURCE_OFFSET = 12;

export class VrrpEngine {
  readonly lateness = new Lateness();
  private readonly ports: VrrpPorts;
  private readonly orders: Orders;
  private readonly limit: RepeatLimit;
  private readonly memberships: Memberships;
  private readonly heap = new DeadlineHeap();
  private readonly byName = new Map<string, Runtime>();
  private readonly table = new Map<number, Runtime>();
  private slots: (Runtime | undefined)[] = [];
  /** The configuration as it was given, by instance. */
  private wanted = new Map<string, InstanceConfig>();
  /** All virtual addresses: none of them is a source of adverts, even when a crash left it behind. */
  private virtual = new Set<IpAddress>();
  /** Whose a virtual address is. */
  private readonly owners = new Map<IpAddress, Runtime>();
  private readonly postponed: number[] = [];
  /** Inside a wake-up the orders of many instances are collected and settled once, at its end. */
  private collecting = false;
  private joinAgainAt = instant(Infinity);
  /** Nothing happens after `stop`, whatever is still heard until the process has ended. */
  private stopped = false;

  constructor(ports: VrrpPorts) {
    this.ports = ports;
    this.limit = new RepeatLimit(ports.report);
    this.orders = new Orders(ports, this.limit);
    this.memberships = new Memberships(ports.link);
  }

  /** Makes the running instances those of `instances`: what did not change is not touched. */
  configure(instances: readonly InstanceConfig[], resume: readonly ResumeOrder[]): void {
    if (this.stopped) return;
    const now = this.ports.clock.now();
    this.wanted = new Map(instances.map((config) => [config.name, config]));
    this.virtual = new Set(
      instances.flatMap(({ addresses }) => addresses.map(({ prefix }) => prefix.address)),
    );
    this.collect(() => {
      for (const runtime of [...this.byName.values()]) {
        const wanted = this.wanted.get(runtime.config.name);
        const moved = wanted && whyAnother(runtime.config, wanted);
        if (wanted === undefined) this.remove(runtime, { kind: "deleted" }, now);
        else if (moved !== undefined) this.remove(runtime, { kind: "reconfigured", what: moved }, now);
      }
    });
    this.collect(() => {
      for (const config of instances) {
        const running = this.byName.get(config.name);
        if (running !== undefined) this.change(running, config, now);
        else
          this.add(
            config,
            resume.find((order) => order.instance === config.name),
            now,
          );
      }
      this.rebuildTables();
    });
    this.ports.neighbours.watch([...this.virtual]);
    for (const { config } of this.byName.values()) this.orders.announcer.prepare(config.addresses);
  }

  /** The wake-up of the port: sends what is due, hears what has come, and only then gives up on masters. */
  wake(): void {
    if (this.stopped) return;
    const now = this.ports.clock.now();
    this.postponed.length = 0;
    for (let slot = this.heap.takeDue(now); slot >= 0; slot = this.heap.takeDue(now)) {
      const runtime = this.slots[slot]!;
      const due = deadlineOf(runtime);
      this.lateness.add(now - due);
      if (!this.sendAgain(runtime, due, now)) this.postponed.push(slot);
    }
    this.ports.link.flush();
    if (this.postponed.length > 0) this.collect(() => this.stepPostponed(now));
    this.orders.kept.retry(now);
    this.joinAgain(now);
    this.limit.flush(now);
    this.arm();
  }

  /** A received packet, from its IPv4 header on; `packet` may be reused after the return. */
  receive(packet: Uint8Array, length: number, ifindex: number): void {
    const header = headerLength(packet, length);
    const id = header > 0 && header + 1 < length ? packet[header + 1]! : 0;
    const runtime = this.table.get(tableKey(ifindex, id));
    // Another virtual router of the same link.
    if (runtime === undefined || this.stopped) return;
    runtime.received += 1;
    const now = this.ports.clock.now();
    if (
      runtime.repeated.length > 0 &&
      runtime.state.kind === "backup" &&
      repeats(runtime.repeated, packet, length)
    ) {
      runtime.heardAt = now;
      runtime.ahead = true;
      this.heap.set(runtime.slot, deadlineWhenHeard(runtime.state, now));
      return;
    }
    this.hear(runtime, packet, length, ifindex, now);
  }

  /** After the last packet of a batch. */
  received(): void {
    if (!this.collecting) this.settle();
  }

  /** Interfaces came, went or changed: looks at all of them again. */
  interfacesChanged(): void {
    if (this.stopped) return;
    const now = this.ports.clock.now();
    this.collect(() => {
      for (const runtime of this.byName.values()) this.lookAtInterface(runtime, now);
      this.rebuildTables();
    });
  }

  /** An address is no longer on an interface, whoever deleted it. */
  addressGone(ifindex: number, prefix: Prefix): void {
    const runtime = this.owners.get(prefix.address);
    if (runtime?.state.kind !== "master" || this.stopped) return;
    const address = runtime.config.addresses.find(({ prefix: own }) => own.address === prefix.address);
    if (address?.prefix.length !== prefix.length) return;
    if (this.ports.interfaces.find(address.interface)?.index !== ifindex) return;
    const now = this.ports.clock.now();
    this.collect(() => this.apply(runtime, { kind: "address-lost", address }, now));
  }

  /** An ARP frame of somebody who says that `address` is his. */
  heardArp(ifindex: number, mac: MacAddress, address: IpAddress): void {
    const runtime = this.owners.get(address);
    if (runtime?.state.kind !== "master") return;
    const holder = runtime.config.addresses.find(({ prefix }) => prefix.address === address);
    const view = holder && this.ports.interfaces.find(holder.interface);
    if (view?.index !== ifindex || view.mac === mac) return;
    // The master we have just preempted answers for the address until our advert has reached it.
    const held = between(runtime.since, this.ports.clock.now());
    if (runtime.reason.kind === "preempted-lower" && held < HAND_OVER) return;
    // Said at the next advert, if we are still master then: a better master announces just before we yield.
    runtime.conflict = { address, mac };
  }

  /** The link could not send on this interface. */
  sendFailed(ifindex: number, error: string): void {
    const now = this.ports.clock.now();
    for (const { ifindex: own, config } of this.byName.values()) {
      if (own !== ifindex) continue;
      const { name, interface: on } = config;
      const text = `could not send an advert on ${on}: ${error}`;
      this.limit.note(`send ${name}`, "send", now, (count) => ({
        kind: "vrrp-note",
        level: "warning",
        instance: name,
        text: count === 1 ? text : `${text} (${count} times)`,
      }));
    }
    this.arm();
  }

  /** Ends all instances cleanly, and for good: masters say priority 0, then the addresses go, or stay. */
  stop(keepAddresses: boolean): void {
    const now = this.ports.clock.now();
    this.collect(() => {
      for (const runtime of this.byName.values())
        this.apply(runtime, { kind: "stop", keepAddresses, why: { kind: "shutdown" } }, now);
    });
    this.orders.kept.retryNow();
    this.stopped = true;
    this.arm();
  }

  /** `wall` is the wall clock now: the status speaks of times that people know. */
  status(wall: number): readonly InstanceStatus[] {
    const now = this.ports.clock.now();
    return [...this.byName.values()].map((runtime) => instanceStatus(runtime, runtime.current(), now, wall));
  }

  private add(config: InstanceConfig, order: ResumeOrder | undefined, now: Instant): void {
    let slot = this.slots.indexOf(undefined);
    if (slot < 0) slot = this.slots.length;
    const runtime = new Runtime(slot, config, now);
    this.slots[slot] = runtime;
    this.byName.set(config.name, runtime);
    if (order === undefined) this.removeStale(runtime);
    this.lookAtInterface(runtime, now, order);
  }

  private remove(
    runtime: Runtime,
    why: Extract<TransitionReason, { kind: "deleted" | "reconfigured" }>,
    now: Instant,
  ): void {
    this.apply(runtime, { kind: "stop", keepAddresses: false, why }, now);
    this.heap.set(runtime.slot, Infinity);
    this.slots[runtime.slot] = undefined;
    this.byName.delete(runtime.config.name);
    this.memberships.leave(runtime.ifindex);
  }

  private change(runtime: Runtime, config: InstanceConfig, now: Instant): void {
    const { sourceAddress, ...before } = runtime.config;
    const given = config.sourceAddress === undefined ? before : { ...before, sourceAddress };
    if (sameValue(given, config)) return;
    const previous = runtime.config;
    const view = this.ports.interfaces.find(config.interface);
    runtime.current();
    runtime.adopt(config, view, sourceOf(config, view, this.virtual));
    runtime.indices = new Map([...indicesOf(config, this.ports.interfaces), ...runtime.indices]);
    this.apply(runtime, { kind: "reconfigure", previous }, now);
  }

  /** Addresses of ours that are there before we are master were left behind by a crash. */
  private removeStale(runtime: Runtime): void {
    // The owner's addresses are the interface's own.
    if (runtime.config.priority === OWNER_PRIORITY) return;
    for (const { interface: name, prefix } of runtime.config.addresses) {
      const view = this.ports.interfaces.find(name);
      const there = view?.addresses.some(
        ({ address, length }) => address === prefix.address && length === prefix.length,
      );
      if (view === undefined || there !== true) continue;
      const order = { ifindex: view.index, prefix };
      const [outcome] = this.orders.kept.remove([{ instance: runtime.config.name, interface: name, order }]);
      if (outcome?.ok === true && !outcome.unchanged)
        this.ports.report({
          kind: "vrrp-stale-address-removed",
          instance: runtime.config.name,
          address: formatPrefix(prefix),
          interface: name,
        });
    }
  }

  private lookAtInterface(runtime: Runtime, now: Instant, order?: ResumeOrder): void {
    const { interfaces } = this.ports;
    const given = this.wanted.get(runtime.config.name) ?? runtime.config;
    const indices = indicesOf(given, interfaces);
    const exchanged = replaced(runtime.indices, indices);
    runtime.indices = indices;
    if (exchanged !== undefined && isAtWork(runtime))
      this.apply(
        runtime,
        { kind: "link-down", cause: { kind: "interface-missing", interface: exchanged } },
        now,
      );
    const view = interfaces.find(given.interface);
    const source = sourceOf(given, view, this.virtual);
    this.takeInterface(runtime, given, view, source);
    const trouble = troubleOf(given, interfaces, source) ?? this.deafness(runtime, now);
    const { state } = runtime;
    if (trouble !== undefined) {
      // One that was to be resumed as master, and cannot.
      if (state.kind === "initialize") this.removeStale(runtime);
      // A fault learns its new cause: an interface that was down may be gone by now.
      const known = state.kind === "fault" && state.cause.kind === trouble.kind;
      if (!known) this.apply(runtime, { kind: "link-down", cause: trouble }, now);
    } else if (state.kind === "fault") this.apply(runtime, { kind: "link-up" }, now);
    else if (state.kind === "initialize")
      this.apply(
        runtime,
        order ? { kind: "resume", deadAt: instant(order.dead_at) } : { kind: "start" },
        now,
      );
  }

  /** Makes the bytes to send for the interface as it is now, and hears adverts there. */
  private takeInterface(
    runtime: Runtime,
    given: InstanceConfig,
    view: InterfaceView | undefined,
    source: IpAddress | undefined,
  ): void {
    const { config, ifindex: left } = runtime;
    const changed =
      (view?.index ?? 0) !== left ||
      view?.mac !== runtime.mac ||
      (source !== undefined && source !== config.sourceAddress);
    if (changed || runtime.advert.length === 0) {
      runtime.current();
      runtime.adopt(given, view, source ?? config.sourceAddress);
    }
    if (runtime.ifindex === left && runtime.refused === undefined) return;
    this.memberships.leave(left);
    runtime.refused = this.memberships.join(runtime.ifindex);
  }

  /** One that cannot hear others would be master beside them. */
  private deafness(runtime: Runtime, now: Instant): LinkTrouble | undefined {
    const { refused, config } = runtime;
    if (refused === undefined) return undefined;
    this.joinAgainAt = earlier(after(now, JOIN_AGAIN), this.joinAgainAt);
    return { kind: "cannot-join", interface: config.interface, error: refused };
  }

  private joinAgain(now: Instant): void {
    if (now < this.joinAgainAt) return;
    this.joinAgainAt = instant(Infinity);
    this.collect(() => {
      for (const runtime of this.byName.values())
        if (runtime.refused !== undefined) this.lookAtInterface(runtime, now);
    });
  }

  private rebuildTables(): void {
    this.table.clear();
    this.owners.clear();
    for (const runtime of this.byName.values()) {
      if (runtime.ifindex !== 0) this.table.set(runtime.key, runtime);
      for (const { prefix } of runtime.config.addresses) this.owners.set(prefix.address, runtime);
    }
    const ids = [...this.byName.values()].map(({ config }) => config.virtualRouterId);
    this.ports.link.setVirtualRouters([...new Set(ids)]);
  }

  /** The short way of a master's periodic advert. False: this deadline needs a full step. */
  private sendAgain(runtime: Runtime, due: Instant, now: Instant): boolean {
    const { state, config } = runtime;
    if (state.kind !== "master" || runtime.conflict !== undefined || !onlyAdvertDue(state, now)) return false;
    // So late that the others may have a new master: first hear what they say.
    if (now - due > config.advertInterval) return false;
    this.orders.sendAdvert(runtime, config.priority);
    const next = deadlineWhenSent(config, due, now);
    runtime.advertAt = next;
    runtime.ahead = true;
    this.heap.set(runtime.slot, Math.min(next, quietUntil(state)));
    return true;
  }

  private stepPostponed(now: Instant): void {
    const { postponed } = this;
    // What has been received while this process was late comes before the conclusion that nothing was.
    this.ports.link.receive();
    for (const slot of postponed) {
      const runtime = this.slots[slot];
      if (runtime === undefined) continue;
      const due = nextDeadline(runtime.current());
      this.apply(runtime, { kind: "deadline" }, now, due === undefined ? undefined : now - due);
      this.reportConflict(runtime, now);
    }
    postponed.length = 0;
  }

  private hear(runtime: Runtime, packet: Uint8Array, length: number, ifindex: number, now: Instant): void {
    const outer = decodeIpv4(packet, length);
    if (!outer.ok) return this.reject(runtime, outer.error, packet, ifindex, now);
    const { carrier, payload } = outer.value;
    const decoded = decodeAdvert(payload, carrier, runtime.config.version);
    if (!decoded.ok) return this.reject(runtime, decoded.error, packet, ifindex, now);
    const accepted = acceptAdvert(runtime.config, decoded.value, carrier.source);
    if (!accepted.ok) return this.reject(runtime, accepted.error, packet, ifindex, now);
    for (const text of accepted.value.oddities) this.sayOnce(runtime, text);
    const { priority, interval } = decoded.value.advert;
    const advert = { kind: "advert", sender: carrier.source, priority, interval } as const;
    this.apply(runtime, advert, now);
    if (advertMayRepeat(runtime.state, advert, now)) {
      // Not slice(): of a Buffer that is a view, of memory that holds the next packet soon.
      runtime.repeated = new Uint8Array(packet.subarray(0, length));
      runtime.heardAt = now;
    }
  }

  private reject(
    runtime: Runtime,
    { kind, detail }: DecodeError,
    packet: Uint8Array,
    ifindex: number,
    now: Instant,
  ): void {
    runtime.rejected[kind] = (runtime.rejected[kind] ?? 0) + 1;
    const sender = ipFromBytes(packet.subarray(SOURCE_OFFSET, SOURCE_OFFSET + 4));
    const { name, interface: on } = runtime.config;
    this.limit.note(`${kind} ${sender} ${ifindex} ${name}`, `${kind} others`, now, (count) => ({
      kind: "vrrp-rejected",
      instance: name,
      interface: on,
      sender,
      reject: kind,
      detail,
      count,
    }));
  }

  private sayOnce(runtime: Runtime, text: string): void {
    if (runtime.said.has(text) || runtime.said.size >= MOST_ODDITIES) return;
    runtime.said.add(text);
    this.ports.report({ kind: "vrrp-note", instance: runtime.config.name, text });
  }

  private reportConflict(runtime: Runtime, now: Instant): void {
    const { conflict, config } = runtime;
    runtime.conflict = undefined;
    if (conflict === undefined || runtime.state.kind !== "master") return;
    const { address, mac } = conflict;
    const { name, interface: on } = config;
    this.limit.note(`conflict ${name} ${address} ${mac}`, "conflict others", now, () => ({
      kind: "vrrp-address-conflict",
      instance: name,
      address,
      mac,
      interface: on,
    }));
  }

  private apply(runtime: Runtime, event: Event, now: Instant, lateness?: number): void {
    const before = runtime.current();
    const { state, actions, reason } = step(runtime.config, before, event, now);
    const done: string[] = [];
    runtime.state = state;
    if (reason !== undefined) this.changed(runtime, before, reason, now, done, lateness);
    if (state.kind !== "backup" || state.preemptAt !== undefined) runtime.forgetRepeated();
    for (const action of actions) this.order(runtime, action, now, done);
    this.heap.set(runtime.slot, Infinity);
    this.heap.set(runtime.slot, nextDeadline(state) ?? Infinity);
  }

  private changed(
    runtime: Runtime,
    before: State,
    reason: TransitionReason,
    now: Instant,
    done: string[],
    lateness: number | undefined,
  ): void {
    const { kind: to } = runtime.state;
    runtime.reason = reason;
    runtime.since = now;
    runtime.transitions += 1;
    runtime.conflict = undefined;
    this.orders.transition({
      runtime,
      from: before.kind,
      to,
      reason,
      done,
      ...(lateness !== undefined && { lateness_ms: lateness }),
    });
  }

  private order(runtime: Runtime, action: Action, now: Instant, done: string[]): void {
    if (action.kind !== "report-second-master") return this.orders.take(runtime, action, done);
    const { master } = action;
    const { name, priority } = runtime.config;
    this.limit.note(`second ${name} ${master.address}`, `second ${name}`, now, (count) => ({
      kind: "vrrp-second-master",
      instance: name,
      sender: master.address,
      sender_priority: master.priority,
      own_priority: priority,
      count,
    }));
  }

  private collect(work: () => void): void {
    this.collecting = true;
    try {
      work();
    } finally {
      this.collecting = false;
    }
    this.settle();
  }

  private settle(): void {
    for (let round = 0; this.orders.waiting; round++) {
      if (round === MOST_ROUNDS) throw new Error("vrrp: the orders of failed orders do not end");
      const now = this.ports.clock.now();
      for (const { runtime, action, error } of this.orders.settle(() => this.breathe()))
        this.apply(runtime, { kind: "action-failed", action, error }, now);
    }
    this.arm();
  }

  /** Periodic adverts that fall due during long work do not wait for its end; everything else does. */
  private breathe(): void {
    const now = this.ports.clock.now();
    const waiting: [slot: number, due: Instant][] = [];
    for (let slot = this.heap.takeDue(now); slot >= 0; slot = this.heap.takeDue(now)) {
      const runtime = this.slots[slot]!;
      const due = deadlineOf(runtime);
      if (this.sendAgain(runtime, due, now)) this.lateness.add(now - due);
      else waiting.push([slot, due]);
    }
    for (const [slot, due] of waiting) this.heap.set(slot, due);
    this.ports.link.flush();
  }

  private arm(): void {
    const at = Math.min(this.heap.next, this.limit.next, this.orders.kept.next, this.joinAgainAt);
    this.ports.wakeup.arm(at === Infinity || this.stopped ? undefined : instant(at));
  }
}

const isAtWork = ({ state }: Runtime): boolean => state.kind === "master" || state.kind === "backup";

/** The deadline that a runtime in the heap has, without putting its times into its state. */
function deadlineOf(runtime: Runtime): Instant {
  const { state } = runtime;
  if (runtime.ahead && state.kind === "master") return instant(Math.min(runtime.advertAt, quietUntil(state)));
  return nextDeadline(runtime.current()) ?? instant(0);
}

/** What makes a changed configuration that of another virtual router, which cannot go on as the old one. */
function whyAnother(old: InstanceConfig, wanted: InstanceConfig): string | undefined {
  if (old.interface !== wanted.interface) return `interface ${old.interface} -> ${wanted.interface}`;
  if (old.virtualRouterId !== wanted.virtualRouterId)
    return `router-id ${old.virtualRouterId} -> ${wanted.virtualRouterId}`;
  return old.version === wanted.version ? undefined : `version ${old.version} -> ${wanted.version}`;
}

/** Equality of plain configuration values, whatever the order of their keys. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const left = Object.entries(a);
  const right = new Map(Object.entries(b));
  return left.length === right.size && left.every(([key, value]) => sameValue(value, right.get(key)));
}
