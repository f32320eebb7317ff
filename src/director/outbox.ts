// What the checks process has to say, in its order. Events wait for a moment, so that those of many servers that fail
// together are one message: each is a system call here, a wake-up there, and on one processor two changes of it, in the
// midst of what brings the failures into the kernel's table. Any other message goes at once, with what was said before it.

import type { EventRecord, ProcessName, VipdEvent } from "../control/event.js";
import type { FromChecks } from "../control/ipc.js";

export type OutboxPorts = {
  readonly process: ProcessName;
  /** Milliseconds since 1970. */
  readonly wallTime: () => number;
  /** `done`: it is with the kernel, or nobody is there any more. */
  readonly send: (message: FromChecks, done?: () => void) => void;
  /** Does `work` when the moment is over. */
  readonly wait: (work: () => void) => void;
};

/** The reader is to do other things between: it may be read to be alive meanwhile. */
const MOST_EVENTS = 256;

export class Outbox {
  private readonly ports: OutboxPorts;
  private waiting: EventRecord[] = [];
  private sequence = 0;

  constructor(ports: OutboxPorts) {
    this.ports = ports;
  }

  report(event: VipdEvent): void {
    const { process, wallTime, wait } = this.ports;
    const count = this.waiting.push({ time: wallTime(), process, sequence: ++this.sequence, event });
    if (count === 1) wait(this.sendEvents);
    else if (count === MOST_EVENTS) this.sendEvents();
  }

  send(message: FromChecks, done?: () => void): void {
    this.sendEvents();
    this.ports.send(message, done);
  }

  /** Those that wait, now; also the last ones of a process that ends. */
  readonly sendEvents = (): void => {
    const { waiting: records } = this;
    if (records.length === 0) return;
    this.waiting = [];
    this.ports.send({ kind: "events", records });
  };
}
