// One child process over its whole life: started, watched, asked, restarted with back-off, stopped in bounded
// time. Knows the envelope of the messages, not what the child does.

import type { FromChild, Ping } from "../../control/ipc.js";
import type { SenderSequences, TrackReport } from "../../control/remembered.js";
import type { EventRecord } from "../../control/event.js";
import { span } from "../../control/reason.js";
import { after, between, instant, milliseconds, type Instant, type Milliseconds } from "../../core/units.js";
import { restartDelay, STEADY_AFTER } from "./back-off.js";
import type { ChildName } from "./child-name.js";

/** How a child ends that did what it was told (spawn.ts). */
const STOPPED = "exit code 0";

/** A running process, as the shell gives it. */
export type ChildHandle = {
  readonly pid: number;
  /** Messages to a process that is gone are dropped. */
  send(message: object): void;
  /** Processor time that it has used so far. */
  worked(): Milliseconds;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
};
export type ChildListener = {
  message(message: unknown): void;
  /** Called once. `how`: "killed by SIGKILL", "exit code 1". */
  exit(how: string): void;
};
/** The listener is first called after `Spawn` has returned. `again`: in the place of one that has ended. */
export type Spawn = (process: ChildName, listener: ChildListener, again: boolean) => ChildHandle;

export type ChildPatience = {
  readonly pingEvery: Milliseconds;
  /** After so many times `pingEvery` without a word a running child is taken for frozen and killed. */
  readonly misses: number;
  /** So many of them it may be silent before it is asked: it says by itself that it lives. Absent: none. */
  readonly quiet?: number;
  /**
   * How long one may be silent that works all the while: on a slow machine, or a starved one, it is busy and not
   * frozen, and a successor would have the same work before it. Absent: no longer than any other.
   */
  readonly busy?: Milliseconds;
  /** How long it may take to say hello, and once more to take its first configuration: a slow machine is no fault. */
  readonly start: Milliseconds;
};

export type ChildOwner = {
  /** The child takes messages; called after every (re)start. */
  hello(): void;
  events(records: readonly EventRecord[]): void;
  /** For the next process. */
  sequences(list: readonly SenderSequences[]): void;
  configured(error: string | null): void;
  /** Of the VRRP process: of an owner's addresses, these were added. */
  ownerAdded(instance: string, added: readonly string[]): void;
  /** Of the checks process: what tracks are now. */
  tracks(values: TrackReport): void;
  /** It was told to read its configuration from a place where it is not any more. */
  unreadable(): void;
  started(pid: number, restarts: number): void;
  /** `alive`: when it was last known to run, which may be well before its end was noticed. `restart`: null when it is not started again. */
  ended(end: {
    readonly pid: number;
    readonly how: string;
    readonly alive: Instant;
    readonly restart: Milliseconds | null;
  }): void;
};

export type ChildTime = {
  readonly now: () => Instant;
  /** The last moment after which an end of a child would have been noticed at once (loop-watch.ts). */
  readonly lastTurn: () => Instant;
  /** Gives what ends it. */
  readonly regularly: (every: Milliseconds, work: () => void) => () => void;
};

/** One process, from its start to its end. */
type Run = {
  readonly handle: ChildHandle;
  readonly startedAt: Instant;
  answeredAt: Instant;
  unanswered: number;
  /** Pings in a row, all unanswered, at which it had used no processor time since the one before. */
  idle: number;
  /** Its processor time at the last ping that followed an unanswered one. */
  worked: Milliseconds;
  phase:
    /** Until it says hello, and until it has taken a configuration. */
    | { readonly kind: "starting" | "new" | "steady" }
    /** Killed by us. `alive`: when it was last known to work as it should. */
    | { readonly kind: "ending"; readonly why: string; readonly alive: Instant };
};
type Answer = { readonly kind: "handed" | "taken" };
type Life =
  | { readonly kind: "absent" }
  | { readonly kind: "running"; readonly run: Run }
  | { readonly kind: "waiting"; readonly restarter: NodeJS.Timeout };

export class Child<To extends object, Status> {
  readonly name: ChildName;
  restarts = 0;
  private readonly spawn: Spawn;
  private readonly owner: ChildOwner;
  private patience: ChildPatience;
  private readonly time: ChildTime;
  private life: Life = { kind: "absent" };
  private stopping = false;
  private failures = 0;
  private endPings: () => void = () => undefined;
  private nextId = 0;
  /** Who waits for what it says when it hands over or takes over; one at a time. */
  private waiter: ((answer: Extract<FromChild<Status>, Answer> | null) => void) | undefined;
  /** Set while an end of the process is nobody's loss: the owner hears of it when it was one after all. */
  private missed: { end: (() => void) | undefined } | undefined;
  private readonly questions = new Map<number, (status: Status | null) => void>();
  private readonly endWaiters: ((how: string) => void)[] = [];

  constructor(name: ChildName, spawn: Spawn, owner: ChildOwner, patience: ChildPatience, time: ChildTime) {
    this.name = name;
    this.spawn = spawn;
    this.owner = owner;
    this.patience = patience;
    this.time = time;
  }

  get pid(): number | null {
    return this.run?.handle.pid ?? null;
  }
  /** When the process was started; null when there is none. */
  get since(): Instant | null {
    return this.run?.startedAt ?? null;
  }
  get isReady(): boolean {
    const kind = this.run?.phase.kind;
    return kind === "new" || kind === "steady";
  }
  private get run(): Run | undefined {
    return this.life.kind === "running" ? this.life.run : undefined;
  }

  start(): void {
    const now = this.time.now();
    // What is still to be read of a process that has ended is no word of its successor's.
    const isCurrent = (): boolean => this.run === run;
    const listener: ChildListener = {
      message: (message) => isCurrent() && this.take(run, message as FromChild<Status>),
      exit: (how) => isCurrent() && this.exited(run, how),
    };
    const handle = this.spawn(this.name, listener, this.restarts > 0);
    const run: Run = {
      handle,
      startedAt: now,
      answeredAt: now,
      unanswered: 0,
      idle: 0,
      worked: milliseconds(0),
      phase: { kind: "starting" },
    };
    this.life = { kind: "running", run };
    this.owner.started(handle.pid, this.restarts);
    this.beginPings(run);
  }

  private beginPings(run: Run): void {
    this.endPings();
    this.endPings = this.time.regularly(this.patience.pingEvery, () => this.ping(run));
  }

  setPatience(patience: ChildPatience): void {
    this.patience = patience;
    const { run } = this;
    if (run !== undefined && run.phase.kind !== "ending") this.beginPings(run);
  }

  /** False, and nothing is sent, when there is no child that takes messages: `hello` is the time to send again. */
  send(message: To): boolean {
    if (!this.isReady) return false;
    this.run?.handle.send(message);
    return true;
  }

  /** Null when the child does not answer in time. `of`: more of the message that asks. */
  status(within: Milliseconds, of: object = {}): Promise<Status | null> {
    if (!this.isReady) return Promise.resolve(null);
    const id = ++this.nextId;
    this.run?.handle.send({ kind: "status", id, ...of });
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(id, null), within);
      this.questions.set(id, (status) => {
        clearTimeout(timer);
        resolve(status);
      });
    });
  }

  /** Sends `message`; gives the answer to it, or null when it does not come in time. */
  answerTo(message: To, within: Milliseconds): Promise<Extract<FromChild<Status>, Answer> | null> {
    if (!this.send(message)) return Promise.resolve(null);
    return new Promise((resolve) => {
      const done = (answer: Extract<FromChild<Status>, Answer> | null): void => {
        clearTimeout(timer);
        if (this.waiter === done) this.waiter = undefined;
        resolve(answer);
      };
      const timer = setTimeout(() => done(null), within);
      this.waiter = done;
    });
  }

  /** Whether it is started again when it ends. One that has ended meanwhile is. */
  setNeeded(isNeeded: boolean): void {
    const { missed } = this;
    if (!isNeeded) this.missed ??= { end: undefined };
    else {
      this.missed = undefined;
      missed?.end?.();
    }
  }

  /** A process that is of no use ends, and the next one tries again after the usual pause. */
  replace(why: string): void {
    if (this.run !== undefined) this.kill(this.run, why, this.time.lastTurn());
  }

  /** Ends the child with `message`, by force after `patience`. True when it has done what a stop asks of it. */
  async stop(message: To, patience: Milliseconds): Promise<boolean> {
    this.stopping = true;
    if (this.life.kind === "waiting") {
      clearTimeout(this.life.restarter);
      this.life = { kind: "absent" };
    }
    const { run } = this;
    if (run === undefined) return false;
    const isTold = this.send(message);
    if (!isTold) run.handle.kill("SIGKILL");
    const killer = setTimeout(() => run.handle.kill("SIGKILL"), patience);
    const how = await new Promise<string>((resolve) => this.endWaiters.push(resolve));
    clearTimeout(killer);
    // One that is killed or breaks on its way may have done nothing of it.
    return isTold && how === STOPPED;
  }

  private take(run: Run, message: FromChild<Status>): void {
    switch (message.kind) {
      case "hello":
        this.answered(run);
        if (run.phase.kind === "starting") run.phase = { kind: "new" };
        this.owner.hello();
        break;
      case "configured":
        this.answered(run);
        if (run.phase.kind === "new") run.phase = { kind: "steady" };
        this.owner.configured(message.error);
        break;
      case "unreadable":
        this.owner.unreadable();
        break;
      case "events":
        this.owner.events(message.records);
        break;
      case "status":
        this.answer(message.id, message.status);
        break;
      case "tracks":
        this.owner.tracks(message.values);
        break;
      case "owner-added":
        this.owner.ownerAdded(message.instance, message.added);
        break;
      case "pong":
        this.answered(run);
        if (message.sequences !== undefined) this.owner.sequences(message.sequences);
        break;
      case "handed":
        // In the same turn: from here on its end changes nothing.
        this.setNeeded(false);
        this.waiter?.(message);
        break;
      case "taken":
        this.waiter?.(message);
        break;
      case "stopped":
        break;
    }
  }

  private answered(run: Run): void {
    run.unanswered = 0;
    run.idle = 0;
    run.answeredAt = this.time.now();
  }

  private answer(id: number, status: Status | null): void {
    this.questions.get(id)?.(status);
    this.questions.delete(id);
  }

  /**
   * Counts our own ticks, not time: when this process or the whole machine was stopped for a while, one tick
   * passes here too, and a child that runs again is not blamed.
   */
  private ping(run: Run): void {
    if (this.isFrozen(run)) {
      const silence = span(between(run.answeredAt, this.time.now()));
      // It sent its last advert long before it is killed.
      this.kill(run, `did not answer for ${silence}`, run.answeredAt);
      return;
    }
    run.unanswered++;
    if (run.unanswered <= (this.patience.quiet ?? 0)) return;
    const ping: Ping = { kind: "ping", id: 0 };
    run.handle.send(ping);
  }

  private isFrozen(run: Run): boolean {
    const { misses, busy, start, pingEvery } = this.patience;
    if (run.phase.kind !== "steady") return run.unanswered >= start / pingEvery;
    if (busy === undefined) return run.unanswered >= misses;
    if (run.unanswered === 0) return false;
    const worked = run.handle.worked();
    run.idle = worked > run.worked ? 0 : run.idle + 1;
    run.worked = worked;
    return run.idle >= misses || run.unanswered >= busy / pingEvery;
  }

  private kill(run: Run, why: string, alive: Instant): void {
    this.endPings();
    run.phase = { kind: "ending", why, alive };
    run.handle.kill("SIGKILL");
  }

  private exited(run: Run, how: string): void {
    this.endPings();
    this.life = { kind: "absent" };
    for (const id of [...this.questions.keys()]) this.answer(id, null);
    this.waiter?.(null);
    const alive = instant(Math.max(run.startedAt, this.time.lastTurn()));
    if (this.missed !== undefined && !this.stopping) this.missed.end = () => this.tellEnd(run, how, alive);
    else this.tellEnd(run, how, alive);
  }

  private tellEnd({ phase, startedAt, handle }: Run, how: string, lastSeen: Instant): void {
    const now = this.time.now();
    let restart: Milliseconds | null = null;
    if (!this.stopping) {
      if (now >= after(startedAt, STEADY_AFTER)) this.failures = 0;
      restart = restartDelay(this.name, this.failures++);
      this.restarts++;
    }
    this.owner.ended({
      pid: handle.pid,
      how: phase.kind === "ending" ? `${phase.why}, ${how}` : how,
      alive: phase.kind === "ending" ? phase.alive : lastSeen,
      restart,
    });
    for (const resolve of this.endWaiters.splice(0)) resolve(how);
    if (restart === 0) this.start();
    else if (restart !== null)
      this.life = { kind: "waiting", restarter: setTimeout(() => this.start(), restart) };
  }
}
