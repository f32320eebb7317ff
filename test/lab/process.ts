// One process inside a host of the lab: keeps every line it says, with the time it came, and lets tests wait for
// one. Ends only its own process. Refuses to know what the program is.

import type { ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Milliseconds } from "../../src/core/units.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { until, wallClock } from "./wait.js";

export type OutputLine = { readonly at: number; readonly text: string };

export class LabProcess {
  readonly lines: OutputLine[] = [];
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #events = new EventEmitter();

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    this.pid = child.pid ?? 0;
    child.on("error", (error) => this.#take(`(cannot run: ${error.message})`));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (text) => this.#take(text));
    }
  }

  #take(text: string): void {
    const line = { at: wallClock(), text };
    this.lines.push(line);
    this.#events.emit("line", line);
  }

  onLine(take: (line: OutputLine) => void): void {
    this.#events.on("line", take);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.pid !== 0;
  }

  /** Exit status; 128 + nothing is made up for signals: they give their name. */
  get status(): number | string | undefined {
    return this.#child.exitCode ?? this.#child.signalCode ?? undefined;
  }

  get text(): string {
    return this.lines.map((line) => line.text).join("\n");
  }

  /** What the kernel knows of it: who does nothing for a minute sleeps, or waits for a processor. */
  #doing(): string {
    try {
      const lines = readFileSync(`/proc/${String(this.pid)}/status`, "latin1").split("\n");
      const stat = readFileSync(`/proc/${String(this.pid)}/stat`, "latin1")
        .replace(/^.*\) /, "")
        .split(" ");
      const state = lines
        .find((line) => line.startsWith("State:"))
        ?.slice("State:".length)
        .trim();
      return `${state ?? ""}, ${stat[11] ?? ""} + ${stat[12] ?? ""} ticks of a processor`;
    } catch {
      return "gone";
    }
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** The first line from `since` on that matches; an end of the process without it is an error too. */
  waitFor(pattern: RegExp, limit: Milliseconds = seconds(10), since = 0): Promise<OutputLine> {
    const what = (): string =>
      `${this.#name}: a line like ${String(pattern)} (${this.#doing()}; it said:\n${this.text})`;
    return until(what, limit, () => {
      const found = this.lines.slice(since).find((line) => pattern.test(line.text));
      if (found === undefined && !this.running)
        throw new Error(`${this.#name} ended (${String(this.status)}):\n${this.text}`);
      return found;
    });
  }

  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    if (this.running) this.#child.kill(signal);
  }

  /** Asks to end, insists after `patience`; gives the status. */
  async stop(patience: Milliseconds = milliseconds(5000)): Promise<number | string | undefined> {
    if (!this.running) return this.status;
    const exited = once(this.#child, "exit");
    this.kill("SIGTERM");
    const insist = setTimeout(() => {
      this.kill("SIGKILL");
    }, patience);
    await exited;
    clearTimeout(insist);
    return this.status;
  }

  async exited(limit: Milliseconds = seconds(30)): Promise<number | string | undefined> {
    await until(`${this.#name}: its end`, limit, () => !this.running);
    return this.status;
  }
}
