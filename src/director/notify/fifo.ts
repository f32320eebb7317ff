// The FIFO that programs of the operator's read notifications from. It is held open for reading, too, as keepalived
// does it: what was written stays in the kernel until somebody reads it. When that is full, lines wait here, and when
// too many wait the oldest are lost: counted, and said.

import { after, seconds } from "../../core/units.js";
import type { Result } from "../../core/result.js";
import type { Timers } from "../../ports/timers.js";

export type OpenFifo = {
  /** False: it is full. Throws when it cannot be written. */
  write(line: string): boolean;
  close(): void;
};
export type FifoPorts = {
  /** Makes the FIFO if nothing is there. The error is for people. */
  readonly open: (path: string) => Result<OpenFifo, string>;
  readonly timers: Timers;
  readonly warn: (text: string) => void;
};

/** Beside some two thousand that the kernel holds. */
export const MOST_LINES = 1000;
const TRY_AGAIN = seconds(1);

export class Fifo {
  readonly path: string;
  private readonly ports: FifoPorts;
  private file: OpenFifo | undefined;
  private lines: string[] = [];
  private lost = 0;
  private isStuck = false;
  private said = "";
  private forget: () => void = () => undefined;

  constructor(path: string, ports: FifoPorts) {
    this.path = path;
    this.ports = ports;
    this.flush();
  }

  write(line: string): void {
    this.lines.push(line);
    if (this.lines.length > MOST_LINES) {
      this.lines.shift();
      if (this.lost++ === 0) this.say(`${this.path} is not read: notifications are lost, the oldest first`);
    }
    if (!this.isStuck) this.flush();
  }

  /** What nobody has read by now is lost, unless somebody has it open. */
  close(): void {
    this.forget();
    this.flush();
    this.forget();
    if (this.lines.length > 0)
      this.say(`${this.path} was not read: ${this.lines.length} notifications are lost`);
    this.file?.close();
    this.file = undefined;
  }

  private flush(): void {
    this.isStuck = !this.tryAll();
    if (!this.isStuck) {
      if (this.lost > 0) this.say(`${this.path} is read again: ${this.lost} notifications were lost`);
      else this.said = "";
      this.lost = 0;
      return;
    }
    const { timers } = this.ports;
    this.forget = timers.wakeAt(after(timers.now(), TRY_AGAIN), () => this.flush());
  }

  private tryAll(): boolean {
    try {
      if (this.file === undefined) {
        const opened = this.ports.open(this.path);
        if (!opened.ok) {
          this.say(opened.error);
          return false;
        }
        this.file = opened.value;
      }
      for (let line = this.lines[0]; line !== undefined; line = this.lines[0]) {
        if (!this.file.write(line)) {
          this.say(`${this.path} is full: nobody reads it`);
          return false;
        }
        this.lines.shift();
      }
      return true;
    } catch (error) {
      this.say(`${this.path}: ${(error as Error).message}`);
      this.file?.close();
      this.file = undefined;
      return false;
    }
  }

  /** Not the same again and again. */
  private say(text: string): void {
    if (text === this.said) return;
    this.said = text;
    this.ports.warn(text);
  }
}
