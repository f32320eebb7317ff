// The process that reads configurations for the daemon (config-worker.ts): started when there is something to read,
// asked by a line, answers by a line. It stays for a while after an answer, because reloads come in groups and a
// process that has just read one file reads the next in a fraction of the time. It keeps nothing of what it has read.

import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { formatDuration, seconds, type Milliseconds } from "../../core/units.js";
import type { Problem } from "../../config/diagnostic.js";
import type { LineShift } from "../../config/splice.js";
import type { SavedServices } from "../../control/ipc.js";
import type { SavedFor } from "../saved-config.js";
import type { ConfigHead } from "./config-source.js";
import { spawnReader, takeFirstReader } from "./first-reader.js";

/** A file of a hundred thousand lines is read in a second or two; this is for a process that hangs. */
const WITHIN = seconds(60);
/** How long it waits for another file. */
const LINGER_MS = 60_000;
/** Bytes of its complaints that are kept. */
const MOST_SAID = 10_000;

export type ReadRequest = {
  readonly kind: "read";
  readonly path: string;
  readonly node?: string;
  /** The file; without it the worker reads it, and says why it cannot. */
  readonly text?: string;
  /** The text is a part of the file: where its lines stand there. */
  readonly shifts?: readonly LineShift[];
  readonly previous?: { readonly head: ConfigHead; readonly servicesText: string };
  /** The table waits for it: where warnings belong in the text can be asked later. */
  readonly hurries?: true;
  /** Where to keep the result. */
  readonly save?: { readonly path: string; readonly savedFor: SavedFor; readonly id: string };
};
/** What is right in a configuration that was read before, but would not work on this machine. */
export type ProbeRequest = {
  readonly kind: "probe";
  readonly head: ConfigHead;
  readonly servicesText: string;
};
/** The table of a configuration that was kept, for a start with the same one. */
export type PrepareRequest = { readonly kind: "prepare"; readonly saved: SavedServices };
/** Where in a text that was read in a hurry its warnings belong. */
export type PlaceRequest = Pick<Required<ReadRequest>, "path" | "text" | "shifts"> & {
  readonly kind: "place";
  readonly warnings: readonly Problem[];
};
export type WorkerRequest = ReadRequest | ProbeRequest | PrepareRequest | PlaceRequest;

export type ReadAnswer =
  | {
      readonly ok: true;
      readonly head: ConfigHead;
      readonly services: number;
      readonly servers: number;
      readonly warnings: readonly string[];
      /** For a PlaceRequest. */
      readonly unplaced?: readonly Problem[];
      readonly changes: readonly string[];
      readonly starts?: readonly number[];
      /** Absent: it was kept as the request wanted. */
      readonly servicesText?: string;
    }
  | { readonly ok: false; readonly problems: readonly string[]; readonly report: string };
export type ProbeAnswer = { readonly warnings: readonly string[] };
export type WorkerAnswer = ReadAnswer | ProbeAnswer;

/** The answer, or what went wrong with the process. */
type Outcome<T> = { readonly answer: T } | { readonly why: string };

type Running = {
  readonly process: ChildProcess;
  /** Whoever waits for its answer. */
  settle: ((outcome: Outcome<unknown>) => void) | undefined;
  timer: NodeJS.Timeout | undefined;
  /** It was ended because its answer took too long. */
  isOverdue: boolean;
};

export class ReaderProcess {
  private running: Running | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private readonly within: Milliseconds;

  constructor(within = WITHIN) {
    this.within = within;
  }

  ask(request: ReadRequest): Promise<Outcome<ReadAnswer>>;
  ask(request: ProbeRequest | PrepareRequest | PlaceRequest): Promise<Outcome<ProbeAnswer>>;
  /** One at a time. Whatever goes wrong is an outcome. */
  ask(request: WorkerRequest): Promise<Outcome<unknown>> {
    const mine = this.queue.then(() => this.askNow(request));
    this.queue = mine;
    return mine;
  }

  /** Starts it, if it is not there: whoever knows that there will be something to read saves time. */
  start(): void {
    try {
      this.running ??= this.spawn();
    } catch {
      // Whoever asks tries again, and hears why.
    }
  }

  private async askNow(request: WorkerRequest): Promise<Outcome<unknown>> {
    const first = takeFirstReader();
    if (first !== undefined) this.running ??= this.follow(first);
    const { running: old } = this;
    const outcome = await this.askOnce(request);
    // One that waited may have been ended by anybody meanwhile: that says nothing of the file.
    return "why" in outcome && old?.isOverdue === false ? this.askOnce(request) : outcome;
  }

  private askOnce(request: WorkerRequest): Promise<Outcome<unknown>> {
    let running: Running;
    try {
      running = this.running ??= this.spawn();
    } catch (error) {
      return Promise.resolve(notStarted(error));
    }
    return new Promise((resolve) => {
      const { process: worker } = running;
      hold(worker, true);
      clearTimeout(running.timer);
      running.timer = setTimeout(() => {
        running.isOverdue = true;
        worker.kill("SIGKILL");
      }, this.within);
      running.settle = (outcome) => {
        running.settle = undefined;
        clearTimeout(running.timer);
        running.timer = setTimeout(() => this.dismiss(running), LINGER_MS).unref();
        hold(worker, false);
        resolve(outcome);
      };
      worker.stdin?.write(`${JSON.stringify(request)}\n`);
    });
  }

  private spawn(): Running {
    return this.follow(spawnReader());
  }

  private follow(worker: ChildProcess): Running {
    const running: Running = { process: worker, settle: undefined, timer: undefined, isOverdue: false };
    let output: Buffer[] = [];
    let said = "";
    const end = (why: string): void => {
      clearTimeout(running.timer);
      if (this.running === running) this.running = undefined;
      running.settle?.({ why });
      clearTimeout(running.timer);
    };
    worker.on("error", (error) => end(notStarted(error).why));
    worker.on("close", (code, signal) => {
      if (running.isOverdue) return end(this.overdue);
      const how = signal === null ? `exit code ${code ?? "?"}` : `killed by ${signal}`;
      end(`the config reader failed (${how})${said === "" ? "" : `: ${said.trim()}`}`);
    });
    // Without a free descriptor there are no streams, and "error" says why.
    worker.stdout?.on("data", (bytes: Buffer) => {
      output.push(bytes);
      if (bytes.at(-1) !== 0x0a) return;
      const line = Buffer.concat(output).toString();
      output = [];
      try {
        running.settle?.({ answer: JSON.parse(line) });
      } catch {
        worker.kill("SIGKILL");
      }
    });
    worker.stderr?.on("data", (bytes: Buffer) => (said = (said + bytes.toString()).slice(0, MOST_SAID)));
    // A worker that died early does not read; its end is noticed above.
    worker.stdin?.on("error", () => undefined);
    return running;
  }

  private get overdue(): string {
    return (
      `reading the configuration took longer than ${formatDuration(this.within)} and was given up: look for processor ` +
      "time or memory that is short (top), for a file that has grown out of all proportion, and for key " +
      "files or programs of checks on a disk that does not answer"
    );
  }

  /** It ends when there is nothing more to read. */
  private dismiss(running: Running): void {
    if (this.running === running) this.running = undefined;
    running.process.stdin?.end();
  }
}

/** Whether we live on for it: not for one that only waits. */
function hold(worker: ChildProcess, wanted: boolean): void {
  const streams = [worker.stdin, worker.stdout, worker.stderr] as (Socket | null | undefined)[];
  for (const one of [worker, ...streams])
    if (wanted) one?.ref();
    else one?.unref();
}

const notStarted = (error: unknown): { readonly why: string } => ({
  why: `the config reader could not be started: ${(error as Error).message}`,
});
