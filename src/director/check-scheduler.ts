// When each check runs: its own fixed rhythm without drift, the first time soon, never twice at once, and ended
// at its deadline. Thousands of them share one timer. What a result means is decided by whoever gets it.

import { CancelSource } from "../checkers/cancel.js";
import { fail, type CheckResult, type PreparedCheck, type Settle } from "../checkers/checker.js";
import type { Random } from "../core/random.js";
import { after, between, instant, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import type { Timers } from "../ports/timers.js";
import { CheckHeap } from "./check-heap.js";
import { HoldUps } from "./hold-ups.js";

export type CheckCost = "socket" | "process";

export type CheckRun = {
  readonly deadline: Instant;
  readonly timeout: Milliseconds;
  readonly cancel: CancelSource;
  /** No next run before `work` is settled. */
  readonly linger: (work: Promise<unknown>) => void;
};

/** One check of one real server. */
export type CheckJob = {
  /** Jobs of equal keys are the same job: a new configuration does not disturb its rhythm. */
  readonly key: string;
  readonly every: Milliseconds;
  /** Instead of `every` after a run that failed. */
  readonly everyFailing?: Milliseconds | undefined;
  /** Before the first run of a new job, which is then spread over the interval. */
  readonly warmUp?: Milliseconds | undefined;
  /** Share of the interval by which a run may begin later than its point, by chance. */
  readonly jitter?: number | undefined;
  readonly timeout: Milliseconds;
  readonly cost: CheckCost;
  /** Asked when a run is due: if so there is none this time, and no result. */
  readonly isHeld?: (() => boolean) | undefined;
  readonly run: (run: CheckRun) => Promise<CheckResult>;
  /** Asked before the first run: what is made here runs instead of `run`. */
  readonly prepare?: (() => PreparedCheck | undefined) | undefined;
  /** The result is of this moment: it may be another one soon. */
  readonly onResult: (result: CheckResult, took: Milliseconds, now: Instant) => void;
};

/** When the first run of a new job is: somewhere in the next second, or now. */
export type Begin = "soon" | "at once";

export type SchedulerPorts = {
  readonly timers: Timers;
  readonly random: Random;
  /** How many runs there may be at a time. Those that wait for a place get it in the order they fell due. */
  readonly limits: Readonly<Record<CheckCost, number>>;
  /**
   * Runs begin at multiples of this, or of a hundredth of their interval where that is less, so that those that are due
   * at nearly the same time are begun together: a wake-up costs more than a check. Absent: each at its own time.
   */
  readonly grain?: Milliseconds;
  /** The verdicts of all that were over time are given; what begins at the same time has not begun. */
  readonly onTimeouts?: () => void;
};

type Phase = "waiting" | "queued" | "running" | "stalled" | "lingering";
type Entry = {
  at: number;
  place: number;
  job: CheckJob;
  phase: Phase;
  /** The point of its rhythm for which it runs, or will run next. */
  point: Instant;
  /** When it is to begin: at the point, or later by what chance says. */
  due: Instant;
  isFailing: boolean;
  startedAt: Instant;
  deadline: Instant;
  /** How long this process had been held up when it started: in all, and for long at a time. */
  heldUpBefore: number;
  heldUpLongBefore: number;
  cancel: { cancel(): void } | undefined;
  /** What was prepared for the runs of this job; null: nothing can be. */
  prepared: PreparedCheck | null | undefined;
  /** How such a run settles. */
  readonly settle: Settle;
  /** Its run takes one of the places that there are for its cost. */
  hasPlace: boolean;
  linger: Promise<unknown> | undefined;
  runs: number;
  removed: boolean;
};

/** New checks begin within this time, however long their interval is. */
const SOON = milliseconds(1000);
/** A checker that threw is our own fault, and says where. */
const broken = (error: unknown): CheckResult =>
  fail("internal", error instanceof Error ? (error.stack ?? error.message) : String(error));

/** What may be started in one turn of the event loop; answers are read between. Starting a program takes longer. */
const STARTS_A_TURN = 64;
const START_COSTS: Readonly<Record<CheckCost, number>> = { socket: 1, process: 16 };
/** For a look at what has come meanwhile. */
const A_LOOK = milliseconds(1);
/**
 * A check that begins no later than this is in time, and has its timeout from when it was to begin: so it is over, if its
 * server is silent, at the wake-up of those that begin then, and before them. Never more than a hundredth of the timeout.
 */
const IN_TIME = milliseconds(20);
/** A check that does not settle when it is told to has a bug; after this time it counts as failed. */
const STALL = milliseconds(2000);

const NOTHING = (): void => undefined;

const interval = (job: CheckJob, isFailing: boolean): Milliseconds =>
  isFailing && job.everyFailing !== undefined ? job.everyFailing : job.every;

export class CheckScheduler {
  private readonly ports: SchedulerPorts;
  private entries = new Map<string, Entry>();
  private readonly heap = new CheckHeap<Entry>();
  private readonly queues: Record<CheckCost, Set<Entry>> = { socket: new Set(), process: new Set() };
  private readonly running: Record<CheckCost, number> = { socket: 0, process: 0 };
  private armedFor = Infinity;
  private disarm = NOTHING;
  private mostLate = milliseconds(0);
  /** Those that begin in this turn. */
  private readonly beginning: Entry[] = [];
  private readonly holdUps = new HoldUps();

  constructor(ports: SchedulerPorts) {
    this.ports = ports;
  }

  /** Replaces the jobs. Those that were there before go on; what is gone ends without a result. */
  configure(jobs: readonly CheckJob[]): void {
    const now = this.ports.timers.now();
    const next = new Map<string, Entry>();
    for (const job of jobs) {
      next.set(job.key, this.goOn(job, now));
      this.entries.delete(job.key);
    }
    for (const entry of this.entries.values()) this.drop(entry);
    this.entries = next;
    this.fill();
  }

  /** The same for the jobs of some services: those of `ended` are no more, unless they are in `jobs`. */
  change(jobs: readonly CheckJob[], ended: readonly string[], begin: Begin = "soon"): void {
    const now = this.ports.timers.now();
    const gone = new Set(ended);
    for (const job of jobs) {
      this.entries.set(job.key, this.goOn(job, now, begin));
      gone.delete(job.key);
    }
    for (const key of gone) {
      const entry = this.entries.get(key);
      if (entry !== undefined) this.drop(entry);
      this.entries.delete(key);
    }
    this.fill();
  }

  stop(): void {
    this.configure([]);
  }

  /** The longest that a check began after its time since the last call. */
  takeLateness(): Milliseconds {
    const lateness = this.mostLate;
    this.mostLate = milliseconds(0);
    return lateness;
  }

  /** The running job of this key with its new values, or a new one. */
  private goOn(job: CheckJob, now: Instant, begin: Begin = "soon"): Entry {
    const known = this.entries.get(job.key);
    if (known === undefined) return this.begin(job, now, begin);
    known.prepared = undefined;
    const newRhythm = interval(known.job, known.isFailing) !== interval(job, known.isFailing);
    known.job = job;
    if (newRhythm && known.phase === "waiting") this.wait(known, this.soon(job, now));
    return known;
  }

  /** Gives places that are free to who waits for them. */
  private fill(): void {
    this.takeFromQueue("socket");
    this.takeFromQueue("process");
    this.arm();
  }

  private begin(job: CheckJob, now: Instant, begin: Begin): Entry {
    const entry: Entry = {
      at: 0,
      place: -1,
      job,
      phase: "waiting",
      point: now,
      due: now,
      isFailing: false,
      startedAt: now,
      deadline: now,
      heldUpBefore: 0,
      heldUpLongBefore: 0,
      cancel: undefined,
      prepared: undefined,
      settle: (result, at) => {
        this.finish(entry, result, at);
        this.arm();
      },
      hasPlace: false,
      linger: undefined,
      runs: 0,
      removed: false,
    };
    const { warmUp = 0 } = job;
    const ready = instant(now + warmUp);
    this.wait(
      entry,
      begin === "at once"
        ? now
        : warmUp === 0
          ? this.soon(job, now)
          : after(ready, milliseconds(this.ports.random() * job.every)),
    );
    return entry;
  }

  private soon(job: CheckJob, now: Instant): Instant {
    return after(now, milliseconds(this.ports.random() * Math.min(job.every, SOON)));
  }

  private wait(entry: Entry, point: Instant): void {
    const { jitter = 0 } = entry.job;
    entry.phase = "waiting";
    entry.point = point;
    const every = interval(entry.job, entry.isFailing);
    const due = jitter === 0 ? point : instant(point + this.ports.random() * jitter * every);
    entry.due = this.onGrid(due, every);
    this.heap.set(entry, entry.due);
  }

  private onGrid(due: Instant, every: Milliseconds): Instant {
    const { grain } = this.ports;
    if (grain === undefined) return due;
    const step = Math.min(grain, every / 100);
    return instant(Math.ceil(due / step) * step);
  }

  private drop(entry: Entry): void {
    entry.removed = true;
    this.heap.remove(entry);
    this.queues[entry.job.cost].delete(entry);
    entry.cancel?.cancel();
    entry.cancel = undefined;
    this.release(entry);
  }

  /** Gives the place of its run back; does nothing the second time. */
  private release(entry: Entry): void {
    if (entry.hasPlace) this.running[entry.job.cost]--;
    entry.hasPlace = false;
  }

  private arm(): void {
    const next = this.heap.first?.at ?? Infinity;
    // A wake-up that comes too early finds nothing to do: cheaper than a new one with every check.
    if (next >= this.armedFor && next !== Infinity) return;
    this.disarm();
    this.armedFor = next;
    this.disarm =
      next === Infinity
        ? NOTHING
        : this.ports.timers.wakeAt(instant(next), () => {
            this.armedFor = Infinity;
            this.disarm = NOTHING;
            this.holdUps.note(instant(next), this.ports.timers.now());
            this.turn();
          });
  }

  private turn(): void {
    const now = this.ports.timers.now();
    const { beginning } = this;
    let starts = STARTS_A_TURN;
    let isAnyOver = false;
    for (let entry = this.heap.first; entry !== undefined && entry.at <= now; entry = this.heap.first) {
      if (entry.phase === "waiting") {
        if (entry.job.isHeld?.() === true) {
          this.again(entry, now);
          continue;
        }
        if (starts <= 0) break;
        starts -= START_COSTS[entry.job.cost];
        this.heap.remove(entry);
        beginning.push(entry);
      } else {
        this.overtime(entry, now);
        isAnyOver = true;
      }
    }
    // A server that has failed gets connections of clients until it is out; to begin checks takes long beside that.
    if (isAnyOver) this.ports.onTimeouts?.();
    const then = isAnyOver ? this.ports.timers.now() : now;
    for (const entry of beginning) if (!entry.removed) this.startOrQueue(entry, then);
    beginning.length = 0;
    this.arm();
  }

  private startOrQueue(entry: Entry, now: Instant): void {
    const { cost } = entry.job;
    if (this.running[cost] < this.ports.limits[cost]) this.start(entry, now);
    else {
      entry.phase = "queued";
      this.queues[cost].add(entry);
    }
  }

  private start(entry: Entry, now: Instant): void {
    const { job } = entry;
    const lateness = between(entry.due, now);
    if (lateness > this.mostLate) this.mostLate = lateness;
    entry.phase = "running";
    entry.startedAt = now;
    const isInTime = lateness <= Math.min(IN_TIME, job.timeout / 100);
    entry.deadline = after(isInTime ? entry.due : now, job.timeout);
    entry.heldUpBefore = this.holdUps.all;
    entry.heldUpLongBefore = this.holdUps.long;
    entry.linger = undefined;
    entry.runs++;
    this.running[job.cost]++;
    this.heap.set(entry, entry.deadline);
    entry.hasPlace = true;
    try {
      if (entry.prepared === undefined) entry.prepared = job.prepare?.() ?? null;
      entry.cancel = entry.prepared ?? this.run(entry, (run) => job.run(run));
      entry.prepared?.start(entry.settle, now);
    } catch (error: unknown) {
      // No descriptor was left, perhaps. What cannot run has failed, and is made ready anew the next time.
      entry.prepared = undefined;
      entry.cancel = this.run(entry, () => Promise.resolve(broken(error)));
    }
  }

  /** One that is not prepared. */
  private run(entry: Entry, run: CheckJob["run"]): CancelSource {
    const cancel = new CancelSource();
    const settled = (result: CheckResult): void => {
      // A run that was given up, and settles all the same, has no say any more.
      if (entry.cancel === cancel) this.finish(entry, result, this.ports.timers.now());
      this.arm();
    };
    const linger = (work: Promise<unknown>): void => {
      entry.linger = work;
    };
    run({ deadline: entry.deadline, timeout: entry.job.timeout, cancel, linger }).then(
      settled,
      (error: unknown) => {
        settled(broken(error));
      },
    );
    return cancel;
  }

  private overtime(entry: Entry, now: Instant): void {
    if (entry.phase === "stalled") {
      this.finish(entry, fail("internal", "the checker did not end when it was told to"), now);
      return;
    }
    // A busy director must not take its servers for hung: what it lost meanwhile is given to the check, once,
    // and no more than its timeout again.
    const lost = this.lostOf(entry);
    if (lost > 0 && entry.at === entry.deadline) {
      this.heap.set(entry, after(now, milliseconds(Math.min(lost, entry.job.timeout))));
      return;
    }
    entry.phase = "stalled";
    this.heap.set(entry, after(now, STALL));
    entry.cancel?.cancel();
  }

  /** How much of its time this process may have taken from a check. */
  private lostOf({ prepared, heldUpBefore, heldUpLongBefore }: Entry): Milliseconds {
    const all = this.holdUps.all - heldUpBefore;
    if (all === 0 || prepared?.isOneStep !== true) return milliseconds(all);
    // What it waits for has come, if it has, whatever this process did, unless the machine stood still.
    return milliseconds(Math.max(A_LOOK, this.holdUps.long - heldUpLongBefore));
  }

  private finish(entry: Entry, result: CheckResult, now: Instant): void {
    entry.cancel = undefined;
    this.release(entry);
    if (entry.removed) return;
    this.takeFromQueue(entry.job.cost);
    const took = between(entry.startedAt, now);
    entry.isFailing = !result.ok;
    const { linger } = entry;
    if (linger === undefined) this.again(entry, now);
    else {
      this.heap.remove(entry);
      entry.phase = "lingering";
      const done = (): void => {
        if (entry.removed) return;
        this.again(entry, this.ports.timers.now());
        this.arm();
      };
      linger.then(done, done);
    }
    entry.job.onResult(result, took, now);
  }

  /** On to the next point of the rhythm; points that have passed meanwhile are left out. */
  private again(entry: Entry, now: Instant): void {
    const every = interval(entry.job, entry.isFailing);
    // All new checks began soon, and so together; the gap to the second run spreads them over the interval.
    const next = entry.point + (entry.runs === 1 ? every * (1 - this.ports.random()) : every);
    this.wait(entry, instant(next > now ? next : next + Math.ceil((now - next) / every) * every));
  }

  private takeFromQueue(cost: CheckCost): void {
    const queue = this.queues[cost];
    if (queue.size === 0) return;
    for (const entry of queue) {
      if (this.running[cost] >= this.ports.limits[cost]) return;
      queue.delete(entry);
      this.start(entry, this.ports.timers.now());
    }
  }
}
