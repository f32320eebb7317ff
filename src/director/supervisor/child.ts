// One child process over its whole life: started, watched, asked, restarted with back-off, stopped in bounded
// time. Knows the envelope of the messages, not what the child does.

import type { FromChild, Ping } from "../../control/ipc.js";
import type { EventRecord } from "../../control/event.js";
import { span } from "../../control/reason.js";
import { after, between, type Instant, type Milliseconds } from "../../core/units.js";
import { restartDelay, STEADY_AFTER } from "./back-off.js";

export type ChildName = "vrrp" | "checks";

/** A running process, as the shell gives it. */
export type ChildHandle = {
  readonly pid: number;
  /** Messages to a process that is gone are dropped. */
  send(message: object): void;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
};
export type ChildListener = {
  message(message: unknown): void;
  /** Called once. `how`: "killed by SIGKILL", "exit code 1". */
  exit(how: string): void;
};
/** The listener is first called after `Spawn` has returned. */
export type Spawn = (process: ChildName, listener: ChildListener) => ChildHandle;

export type ChildPatience = {
  readonly pingEvery: Milliseconds;
  /** Unanswered pings after which a running child is taken for frozen and killed. */
  readonly misses: number;
  /** How long a child may take until it says hello. */
  readonly start: Milliseconds;
};

export type ChildOwner = {
  /** The child takes messages; called after every (re)start. */
  hello(): void;
  event(record: EventRecord): void;
  configured(error: string | null): void;
  started(pid: number, restarts: number): void;
  /** `alive`: when it was last known to run. `restart`: null when it is not started again. */
  ended(end: {
    readonly pid: number;
    readonly how: string;
    readonly alive: Instant;
    readonly restart: Milliseconds | null;
  }): void;
};

export class Child<To extends object, Status> {
  readonly name: ChildName;
  restarts = 0;
  private readonly spawn: Spawn;
  private readonly owner: ChildOwner;
  private patience: ChildPatience;
  private readonly clock: () => Instant;
  private handle: ChildHandle | undefined;
  private ready = false;
  private stopping = false;
  private failures = 0;
  private startedAt: Instant;
  private answeredAt: Instant;
  private unanswered = 0;
  private frozen = false;
  private pinger: NodeJS.Timeout | undefined;
  private restarter: NodeJS.Timeout | undefined;
  private nextId = 0;
  private readonly questions = new Map<number, (status: Status | null) => void>();
  private readonly endWaiters: (() => void)[] = [];

  constructor(
    name: ChildName,
    spawn: Spawn,
    owner: ChildOwner,
    patience: ChildPatience,
    clock: () => Instant,
  ) {
    this.name = name;
    this.spawn = spawn;
    this.owner = owner;
    this.patience = patience;
    this.clock = clock;
    this.startedAt = this.answeredAt = clock();
  }

  get pid(): number | null {
    return this.handle?.pid ?? null;
  }
  get since(): Instant {
    return this.startedAt;
  }
  get isReady(): boolean {
    return this.ready;
  }

  start(): void {
    this.restarter = undefined;
    this.ready = this.frozen = false;
    this.unanswered = 0;
    this.startedAt = this.answeredAt = this.clock();
    const handle = this.spawn(this.name, {
      message: (message) => this.take(message as FromChild<Status>),
      exit: (how) => this.exited(handle.pid, how),
    });
    this.handle = handle;
    this.owner.started(handle.pid, this.restarts);
    this.pinger = setInterval(() => this.ping(), this.patience.pingEvery);
  }

  setPatience(patience: ChildPatience): void {
    this.patience = patience;
    if (this.handle === undefined) return;
    clearInterval(this.pinger);
    this.pinger = setInterval(() => this.ping(), patience.pingEvery);
  }

  /** Sent now, or dropped when there is no child that takes messages: `hello` is the time to send again. */
  send(message: To): void {
    if (this.ready) this.handle?.send(message);
  }

  /** Null when the child does not answer in time. */
  status(within: Milliseconds): Promise<Status | null> {
    if (!this.ready) return Promise.resolve(null);
    const id = ++this.nextId;
    this.handle?.send({ kind: "status", id });
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(id, null), within);
      this.questions.set(id, (status) => {
        clearTimeout(timer);
        resolve(status);
      });
    });
  }

  /** Ends the child with `message`, by force after `patience`. True when it went by itself. */
  async stop(message: To, patience: Milliseconds): Promise<boolean> {
    this.stopping = true;
    clearTimeout(this.restarter);
    const handle = this.handle;
    if (handle === undefined) return false;
    if (this.ready) handle.send(message);
    else handle.kill("SIGKILL");
    let forced = !this.ready;
    const killer = setTimeout(() => {
      forced = true;
      handle.kill("SIGKILL");
    }, patience);
    await new Promise<void>((resolve) => this.endWaiters.push(resolve));
    clearTimeout(killer);
    return !forced;
  }

  private take(message: FromChild<Status>): void {
    switch (message.kind) {
      case "hello":
        this.ready = true;
        this.unanswered = 0;
        this.answeredAt = this.clock();
        this.owner.hello();
        break;
      case "configured":
        this.owner.configured(message.error);
        break;
      case "event":
        this.owner.event(message.record);
        break;
      case "status":
        this.answer(message.id, message.status);
        break;
      case "pong":
        this.unanswered = 0;
        this.answeredAt = this.clock();
        break;
      case "stopped":
        break;
    }
  }

  private answer(id: number, status: Status | null): void {
    this.questions.get(id)?.(status);
    this.questions.delete(id);
  }

  /**
   * Counts our own ticks, not time: when this process or the whole machine was stopped for a while, one tick
   * passes here too, and a child that runs again is not blamed.
   */
  private ping(): void {
    const { misses, start, pingEvery } = this.patience;
    const most = this.ready ? misses : start / pingEvery;
    if (this.unanswered >= most && this.handle !== undefined) {
      this.frozen = true;
      this.handle.kill("SIGKILL");
      return;
    }
    this.unanswered++;
    const ping: Ping = { kind: "ping", id: 0 };
    this.handle?.send(ping);
  }

  private exited(pid: number, how: string): void {
    clearInterval(this.pinger);
    const now = this.clock();
    // A frozen process sent its last advert long before it was killed.
    const alive = this.frozen ? this.answeredAt : now;
    this.handle = undefined;
    this.ready = false;
    for (const id of [...this.questions.keys()]) this.answer(id, null);
    let restart: Milliseconds | null = null;
    if (!this.stopping) {
      if (now >= after(this.startedAt, STEADY_AFTER)) this.failures = 0;
      restart = restartDelay(this.failures++);
      this.restarts++;
    }
    const silence = span(between(this.answeredAt, now));
    this.owner.ended({
      pid,
      how: this.frozen ? `did not answer for ${silence}, ${how}` : how,
      alive,
      restart,
    });
    for (const resolve of this.endWaiters.splice(0)) resolve();
    if (restart === 0) this.start();
    else if (restart !== null) this.restarter = setTimeout(() => this.start(), restart);
  }
}
