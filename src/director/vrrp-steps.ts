// Steps the machines of all instances: keeps their deadlines, takes the short way of vrrp/repeat.ts for an advert
// that is only sent again, and has what the machines order carried out for all of them together.

import { instant, type Instant } from "../core/units.js";
import type { TransitionReason } from "../vrrp/reasons.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import { nextDeadline, step } from "../vrrp/machine.js";
import { quietUntil } from "../vrrp/master.js";
import { countLate, OVERLOAD_ADVERTS } from "../vrrp/overload.js";
import { deadlineWhenHeard, deadlineWhenSent, onlyAdvertDue, repeatsMayFollow } from "../vrrp/repeat.js";
import type { Action, BackupState, Event, State } from "../vrrp/state.js";
import { DeadlineHeap } from "./deadline-heap.js";
import { Lateness } from "./lateness.js";
import { Groups, type Apply } from "./vrrp-groups.js";
import type { Notices } from "./vrrp-notices.js";
import type { Orders } from "./vrrp-orders.js";
import type { Roster } from "./vrrp-roster.js";
import type { Runtime } from "./vrrp-runtime.js";

/** A failure during `settle` is an event whose orders are settled next; more rounds than this are a bug. */
const MOST_ROUNDS = 8;

export class Steps {
  readonly lateness = new Lateness();
  readonly orders: Orders;
  private readonly ports: Pick<VrrpPorts, "clock" | "link">;
  private readonly roster: Roster;
  private readonly notices: Notices;
  private readonly arm: () => void;
  /** A master sends its adverts late. */
  onOverload: (runtime: Runtime, now: Instant) => void = () => undefined;
  private readonly heap = new DeadlineHeap();
  private readonly groups: Groups;
  private readonly postponed: number[] = [];
  /** Inside a wake-up the orders of many instances are collected and settled once, at its end. */
  private collecting = false;

  /** `arm` is called when the next deadline may be another one. */
  constructor(
    ports: Pick<VrrpPorts, "clock" | "link">,
    roster: Roster,
    orders: Orders,
    notices: Notices,
    arm: () => void,
  ) {
    this.ports = ports;
    this.roster = roster;
    this.groups = new Groups(roster);
    this.orders = orders;
    this.notices = notices;
    this.arm = arm;
  }

  /** The next deadline of an instance; Infinity for none. */
  get next(): number {
    return this.heap.next;
  }

  /** Sends what is due, hears what has come, and only then gives up on masters. */
  takeDue(now: Instant): void {
    this.postponed.length = 0;
    for (let slot = this.heap.takeDue(now); slot >= 0; slot = this.heap.takeDue(now)) {
      const runtime = this.roster.at(slot)!;
      const due = deadlineOf(runtime);
      this.lateness.add(now - due);
      if (!this.sendAgain(runtime, due, now)) this.postponed.push(slot);
    }
    this.ports.link.flush();
    if (this.postponed.length > 0) this.collect(() => this.stepPostponed(now));
  }

  /** The short way of a backup that hears its master's advert again. */
  heardAgain(runtime: Runtime, state: BackupState, now: Instant): void {
    runtime.heardAt = now;
    runtime.ahead = true;
    this.heap.set(runtime.slot, deadlineWhenHeard(state, now));
  }

  /** Steps the machine of `runtime`, and the others of its sync group with it. */
  apply(runtime: Runtime, event: Event, now: Instant, lateness?: number): void {
    const wasMaster = isMaster(runtime);
    this.applyAlone(runtime, event, now, lateness);
    const { group } = runtime.given;
    if (group === undefined) return;
    this.groups.touch(group);
    if (!wasMaster && isMaster(runtime)) this.groups.lead(runtime, group, now, this.applyToMember);
  }

  private readonly applyToMember: Apply = (member, event, now) => this.applyAlone(member, event, now);

  private applyAlone(runtime: Runtime, event: Event, now: Instant, lateness?: number): void {
    const before = runtime.current();
    const { state, actions, reason } = step(runtime.config, before, event, now);
    const done: string[] = [];
    runtime.state = state;
    if (reason !== undefined) this.changed(runtime, before, reason, now, done, lateness);
    if (!repeatsMayFollow(state)) runtime.forgetRepeated();
    for (const action of actions) this.order(runtime, action, now, done);
    const leaves = event.kind === "stop" && event.keepAddresses;
    // What goes with the addresses stays while they do.
    if (!leaves && !holds(state) && (reason !== undefined || event.kind === "reconfigure" || holds(before)))
      this.orders.follow(
        runtime,
        event.kind === "stop" ? "gone" : state.kind === "master" ? "master" : "other",
        done,
      );
    this.forget(runtime);
    this.heap.set(runtime.slot, nextDeadline(state) ?? Infinity);
  }

  /** It is woken when its state says so, which came from elsewhere. */
  resume(runtime: Runtime): void {
    this.heap.set(runtime.slot, nextDeadline(runtime.state) ?? Infinity);
  }

  /** It is not woken any more. */
  forget(runtime: Runtime): void {
    this.heap.set(runtime.slot, Infinity);
  }

  collect(work: () => void): void {
    this.collecting = true;
    try {
      work();
    } finally {
      this.collecting = false;
    }
    this.settle();
  }

  /** Has done what was ordered, unless somebody collects more. */
  settleUnlessCollecting(): void {
    if (!this.collecting) this.settle();
  }

  private settle(): void {
    if (this.groups.waiting) this.groups.settle(this.ports.clock.now(), this.applyToMember);
    for (let round = 0; this.orders.waiting; round++) {
      if (round === MOST_ROUNDS) throw new Error("vrrp: the orders of failed orders do not end");
      const now = this.ports.clock.now();
      for (const { runtime, action, error } of this.orders.settle(this.breathe))
        this.apply(runtime, { kind: "action-failed", action, error }, now);
      if (this.groups.waiting) this.groups.settle(now, this.applyToMember);
    }
    this.orders.owners.sayAll();
    this.arm();
  }

  /** The short way of a master's periodic advert. False: this deadline needs a full step. */
  private sendAgain(runtime: Runtime, due: Instant, now: Instant): boolean {
    const { state, config } = runtime;
    if (state.kind !== "master") return false;
    runtime.lateAdverts = countLate(runtime.lateAdverts, now - due, config.advertInterval);
    if (runtime.lateAdverts >= OVERLOAD_ADVERTS) return false;
    if (runtime.conflict !== undefined || !onlyAdvertDue(state, now)) return false;
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
      const runtime = this.roster.at(slot);
      if (runtime === undefined) continue;
      const due = nextDeadline(runtime.current());
      this.apply(
        runtime,
        this.deadlineEvent(runtime, due, now),
        now,
        due === undefined ? undefined : now - due,
      );
      this.notices.conflict(runtime, now);
      if (runtime.lateAdverts >= OVERLOAD_ADVERTS) this.overloaded(runtime, now);
    }
    postponed.length = 0;
  }

  /** A backup of a sync group does not take over while another member has a master. */
  private deadlineEvent(runtime: Runtime, due: Instant | undefined, now: Instant): Event {
    const { group } = runtime.given;
    const { kind } = runtime.state;
    if (group === undefined || kind !== "backup" || due === undefined || now < due)
      return { kind: "deadline" };
    const until = this.groups.objectionTo(runtime, group, now);
    return until === undefined ? { kind: "deadline" } : { kind: "group-waits", until };
  }

  private overloaded(runtime: Runtime, now: Instant): void {
    runtime.lateAdverts = 0;
    if (runtime.state.kind === "master") this.onOverload(runtime, now);
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
    const why = withRejected(reason, runtime, before);
    runtime.rejects.clear();
    runtime.second = undefined;
    const { takeover } = runtime;
    if (takeover?.until === null) runtime.takeover = { ...takeover, until: now };
    runtime.reason = why;
    runtime.since = now;
    runtime.transitions += 1;
    runtime.conflict = undefined;
    if (runtime.secondPath !== undefined) runtime.secondPath.alone = false;
    this.orders.transition({
      runtime,
      from: before.kind,
      to,
      reason: why,
      done,
      ...(to === "master" && { before }),
      ...(lateness !== undefined && { lateness_ms: lateness }),
    });
  }

  private order(runtime: Runtime, action: Action, now: Instant, done: string[]): void {
    if (action.kind === "report-second-master") this.notices.secondMaster(runtime, action.master, now);
    else if (action.kind === "report-left") this.notices.left(runtime, action.master);
    else if (action.kind === "report-stall") this.notices.stalled(runtime, action.stall, action.listen);
    else this.orders.take(runtime, action, done);
  }

  /** Periodic adverts that fall due during long work do not wait for its end; everything else does. */
  private readonly breathe = (): void => {
    const now = this.ports.clock.now();
    const waiting: [slot: number, due: Instant][] = [];
    for (let slot = this.heap.takeDue(now); slot >= 0; slot = this.heap.takeDue(now)) {
      const runtime = this.roster.at(slot)!;
      const due = deadlineOf(runtime);
      if (this.sendAgain(runtime, due, now)) this.lateness.add(now - due);
      else waiting.push([slot, due]);
    }
    for (const [slot, due] of waiting) this.heap.set(slot, due);
    this.ports.link.flush();
  };
}

/** Adds what was heard and not listened to while nobody else was heard. */
function withRejected(reason: TransitionReason, { rejects }: Runtime, before: State): TransitionReason {
  if (reason.kind !== "master-silent" && reason.kind !== "no-master-heard") return reason;
  if (before.kind !== "backup") return reason;
  const rejected = rejects.since(before.master?.heardAt ?? before.since);
  return rejected.length === 0 ? reason : { ...reason, rejected };
}

const holds = (state: State): boolean => state.kind === "backup" && state.holds === true;
const isMaster = ({ state }: Runtime): boolean => state.kind === "master";

/** The deadline that a runtime in the heap has, without putting its times into its state. */
function deadlineOf(runtime: Runtime): Instant {
  const { state } = runtime;
  if (runtime.ahead && state.kind === "master") return instant(Math.min(runtime.advertAt, quietUntil(state)));
  return nextDeadline(runtime.current()) ?? instant(0);
}
