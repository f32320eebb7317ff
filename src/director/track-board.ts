// What instances follow: runs scripts, looks for processes, reads files, and tells what each track is whenever
// that changes. What it does to a priority is decided in the VRRP process. Knows nothing of instances.

import { fail, ok, type CheckResult } from "../checkers/checker.js";
import { runScript, type ScriptOptions } from "../checkers/script.js";
import type { FileTrack, ProcessTrack, TrackSource } from "../config/model.js";
import type { VipdEvent } from "../control/event.js";
import type { TrackStatus } from "../control/ipc.js";
import type { TrackReport } from "../control/remembered.js";
import { milliseconds, type Milliseconds } from "../core/units.js";
import type { Processes } from "../ports/processes.js";
import type { Runner } from "../ports/runner.js";
import type { Timers } from "../ports/timers.js";
import type { TrackFiles } from "../ports/track-files.js";
import type { TrackValue } from "../vrrp/priority.js";
import { CheckRecord } from "./check-record.js";
import { CheckScheduler, type CheckJob, type CheckRun } from "./check-scheduler.js";

export type TrackPorts = {
  readonly timers: Timers;
  readonly runner: Runner;
  readonly processes: Processes;
  readonly files: TrackFiles;
  /** Milliseconds since 1970, for "since" in the status. */
  readonly wallTime: () => number;
  readonly report: (event: VipdEvent) => void;
  /** Told of each track whose value is not what was told, or known, before. */
  readonly tell: (values: TrackReport) => void;
};

type Entry = {
  source: TrackSource;
  readonly record: CheckRecord;
  /** Of a file: the number last read. */
  value: number | undefined;
  told: TrackValue | undefined;
  /** Of a file that is watched. */
  unwatch: (() => void) | undefined;
};

const processes = (count: number): string => (count === 1 ? "1 process" : `${count} processes`);

/** Tracks are few: these keep a mistake in the file from using up the machine. */
const LIMITS = { socket: 256, process: 64 };

export class TrackBoard {
  private readonly ports: TrackPorts;
  private readonly scheduler: CheckScheduler;
  private entries = new Map<string, Entry>();

  constructor(ports: TrackPorts) {
    this.ports = ports;
    // Instances wait for the first results: without chance all looks begin at once.
    this.scheduler = new CheckScheduler({ timers: ports.timers, random: () => 0, limits: LIMITS });
  }

  /** Tracks that look the same way as before keep what is known of them. `known`: what a predecessor found, or is presumed. */
  configure(sources: readonly TrackSource[], known: TrackReport): void {
    const next = new Map<string, Entry>();
    for (const source of sources) {
      const key = `${source.id} ${JSON.stringify(source.look.options)}`;
      const entry = this.entries.get(key) ?? this.begin(source, key, known[source.id]);
      this.entries.delete(key);
      entry.source = source;
      entry.record.config = source.look;
      next.set(key, entry);
    }
    for (const { unwatch } of this.entries.values()) unwatch?.();
    this.entries = next;
    this.scheduler.configure([...next].map(([key, entry]) => this.job(key, entry)));
  }

  stop(): void {
    this.configure([], {});
  }

  /** By its id. One that nobody has looked at yet is not. */
  isDown(id: string): boolean {
    for (const { source, told } of this.entries.values()) if (source.id === id) return told?.up === false;
    return false;
  }

  status(): readonly TrackStatus[] {
    return [...this.entries.values()].map(({ source, record, value }) => ({
      track: source.name,
      ...record.status(this.ports.wallTime()),
      ...(value === undefined ? {} : { value }),
    }));
  }

  private begin(source: TrackSource, key: string, known: TrackValue | undefined): Entry {
    const presumed = known === undefined ? "unknown" : known.up ? "up" : "down";
    const record = new CheckRecord({ track: source.name }, key, source.look, presumed, this.ports.wallTime());
    return { source, record, value: undefined, told: known, unwatch: undefined };
  }

  private job(key: string, entry: Entry): CheckJob {
    const { type, timing } = entry.source.look;
    return {
      key,
      every: timing.every,
      timeout: timing.timeout,
      cost: type === "script" ? "process" : "socket",
      run: (run) => this.look(entry, run),
      onResult: (result, took) => this.take(entry, result, took),
    };
  }

  /** The options were made by the schema of this kind of track when the configuration was read. */
  private look(entry: Entry, run: CheckRun): Promise<CheckResult> {
    const { name, look } = entry.source;
    switch (look.type) {
      case "process":
        return Promise.resolve(this.lookForProcesses(look.options as ProcessTrack));
      case "file":
        this.watch(entry);
        return Promise.resolve(this.readFile(entry));
      default: {
        const { runner, timers } = this.ports;
        const context = { ...run, runner, now: () => timers.now() };
        return runScript(look.options as ScriptOptions, { VIPD_TRACK: name }, context);
      }
    }
  }

  private lookForProcesses({ quorum, ...match }: ProcessTrack): CheckResult {
    const found = this.ports.processes.count(match, quorum);
    const called = match.arguments === undefined ? match.name : `${match.name} with "${match.arguments}"`;
    if (found >= quorum) return ok(`${processes(found)} ${called}`);
    const text = found === 0 ? "no process" : `${found} of ${processes(quorum)}`;
    return fail("process-missing", `${text} ${called}`);
  }

  private readFile(entry: Entry): CheckResult {
    const { path } = entry.source.look.options as FileTrack;
    const read = this.ports.files.read(path);
    entry.value = read.ok ? read.value : undefined;
    if (!read.ok) return fail("file-unreadable", read.error);
    return read.value === 0 ? ok(`${path} says 0`) : fail("file-not-zero", `${path} says ${read.value}`);
  }

  /** The rhythm alone would do; word of a change makes it quick. */
  private watch(entry: Entry): void {
    const { path } = entry.source.look.options as FileTrack;
    entry.unwatch ??= this.ports.files.watch(
      path,
      () => this.take(entry, this.readFile(entry), milliseconds(0)),
      () => (entry.unwatch = undefined),
    );
  }

  private take(entry: Entry, result: CheckResult, took: Milliseconds): void {
    const { record, source, value, told } = entry;
    const { wallTime, timers, report, tell } = this.ports;
    for (const event of record.take(result, took, timers.now(), wallTime()).events) report(event);
    const now: TrackValue = { up: record.state === "up", ...(value === undefined ? {} : { value }) };
    if (told?.up === now.up && told.value === now.value) return;
    entry.told = now;
    tell({ [source.id]: now });
  }
}
