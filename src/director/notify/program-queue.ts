// Runs programs one after the other in each queue, and queues beside each other: what hangs holds up its own queue
// until its time is over, and no other. Starting a process takes a millisecond or two: only a few start in one turn
// of the event loop, so that whoever shares it is not held up.

import { CancelSource } from "../../checkers/cancel.js";
import { RUN_GRACE } from "../../checkers/script.js";
import { after, between, type Instant, type Milliseconds } from "../../core/units.js";
import type { Command, RunEnd, Runner } from "../../ports/runner.js";
import type { Timers } from "../../ports/timers.js";

export type Job = {
  readonly command: Omit<Command, "grace">;
  /** From its start; then it is ended. */
  readonly timeout: Milliseconds;
  readonly done: (end: RunEnd, waited: Milliseconds, took: Milliseconds) => void;
};
type Waiting = Job & { readonly since: Instant };

export type QueuePorts = {
  readonly runner: Runner;
  readonly timers: Timers;
  /** Calls `work` in the next turn of the event loop. */
  readonly nextTurn: (work: () => void) => void;
};

/** What waits in one queue; the oldest give way, because the newest say how things are. */
export const MOST_WAITING = 32;
/** Programs at a time, in all. */
const MOST_RUNNING = 256;
const STARTS_A_TURN = 4;

export class ProgramQueues {
  private readonly ports: QueuePorts;
  private readonly waiting = new Map<string, Waiting[]>();
  /** Queues whose first program may start, in the order in which they came to that. */
  private readonly ready = new Set<string>();
  private readonly running = new Map<string, CancelSource>();
  private idle: (() => void)[] = [];
  private turnComes = false;

  constructor(ports: QueuePorts) {
    this.ports = ports;
  }

  /** Gives how many older ones had to give way. */
  add(queue: string, job: Job): number {
    const jobs = this.waiting.get(queue) ?? [];
    this.waiting.set(queue, jobs);
    jobs.push({ ...job, since: this.ports.timers.now() });
    const given = jobs.splice(0, Math.max(0, jobs.length - MOST_WAITING)).length;
    if (!this.running.has(queue)) this.ready.add(queue);
    this.schedule();
    return given;
  }

  /** Resolves when nothing runs or waits any more: after `within` what still does is ended, or never begins. */
  async finish(within: Milliseconds): Promise<void> {
    const { timers } = this.ports;
    const giveUp = timers.wakeAt(after(timers.now(), within), () => {
      this.waiting.clear();
      this.ready.clear();
      for (const cancel of this.running.values()) cancel.cancel();
      this.settle();
    });
    await new Promise<void>((resolve) => {
      this.idle.push(resolve);
      this.settle();
    });
    giveUp();
  }

  private schedule(): void {
    if (this.turnComes || this.ready.size === 0) return;
    this.turnComes = true;
    this.ports.nextTurn(() => {
      this.turnComes = false;
      let starts = STARTS_A_TURN;
      for (const queue of this.ready) {
        if (starts-- === 0 || this.running.size >= MOST_RUNNING) break;
        this.ready.delete(queue);
        this.start(queue);
      }
      if (this.running.size < MOST_RUNNING) this.schedule();
    });
  }

  private start(queue: string): void {
    const job = this.waiting.get(queue)?.shift();
    if (job === undefined) return;
    const { runner, timers } = this.ports;
    const cancel = new CancelSource();
    this.running.set(queue, cancel);
    const began = timers.now();
    const disarm = timers.wakeAt(after(began, job.timeout), () => cancel.cancel());
    const run = runner.run({ ...job.command, grace: RUN_GRACE }, cancel);
    void run.end.then((end) => {
      disarm();
      job.done(end, between(job.since, began), between(began, timers.now()));
    });
    // The next one begins when nothing is left of this one.
    void Promise.all([run.end, run.gone]).then(() => {
      this.running.delete(queue);
      if ((this.waiting.get(queue)?.length ?? 0) > 0) this.ready.add(queue);
      else this.waiting.delete(queue);
      this.schedule();
      this.settle();
    });
  }

  private settle(): void {
    if (this.running.size > 0 || this.waiting.size > 0) return;
    for (const resolve of this.idle.splice(0)) resolve();
  }
}
