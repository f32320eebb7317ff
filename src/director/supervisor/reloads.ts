// Reloads, one at a time. A file that is not valid, or that the checks cannot carry out, changes nothing: until they
// have taken the new configuration the one before is in force, and VRRP has not heard of another.

import type { LoadedConfig, LoadOutcome } from "./config-source.js";
import type { Children } from "./children.js";
import type { VipdEvent } from "../../control/event.js";

export type ReloadOutcome = {
  readonly ok: boolean;
  readonly changes: readonly string[];
  readonly problems: readonly string[];
};

export type ReloadsParts = {
  readonly children: Children;
  readonly path: string;
  readonly load: (previous: LoadedConfig | undefined) => Promise<LoadOutcome>;
  /** The configuration is in force. */
  readonly accept: (outcome: Extract<LoadOutcome, { ok: true }>) => Promise<void>;
  readonly emit: (event: VipdEvent) => void;
};

/** Problems of a file that a reload writes to the log: each, of a file that is anything like a configuration. */
const MOST_TOLD = 100;

export class Reloads {
  private readonly parts: ReloadsParts;
  private running: Promise<ReloadOutcome> | undefined;
  private next: Promise<ReloadOutcome> | undefined;

  constructor(parts: ReloadsParts) {
    this.parts = parts;
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** All that are asked for while one runs are one, after it. */
  ask(): Promise<ReloadOutcome> {
    if (this.running === undefined) {
      this.running = this.reload().finally(() => (this.running = undefined));
      return this.running;
    }
    this.next ??= this.running
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        return this.ask();
      });
    return this.next;
  }

  private async reload(): Promise<ReloadOutcome> {
    const { children, load, path, accept, emit } = this.parts;
    if (children.isStopping) return { ok: false, changes: [], problems: ["vipd is stopping"] };
    const outcome = await load(children.config);
    if (!outcome.ok) {
      const { problems, report } = outcome;
      emit({ kind: "config-rejected", path, problems });
      if (problems.length > 1) this.tellEach(problems);
      return { ok: false, changes: [], problems: report === "" ? problems : report.split("\n") };
    }
    // The checks can refuse it, for want of IPVS for example: until they have taken it, the one before is in force.
    const { config, changed, changes } = outcome;
    children.trial = config;
    const canChange = children.isUpToDate("vrrp") && children.isUpToDate("checks");
    const quick = canChange ? changed : undefined;
    const table = await (quick === undefined ? children.configure("checks") : children.changeServices(quick));
    children.trial = undefined;
    if (table.kind === "refused") return this.goBack(table.why);
    await accept(outcome);
    const taken = quick === undefined ? [table, await children.configure("vrrp")] : [table];
    const problems = taken.flatMap((one) => (one.kind === "done" ? [] : [one.why]));
    for (const text of problems) emit({ kind: "warning", subject: "config", text });
    return { ok: problems.length === 0, changes, problems };
  }

  /** Whoever sent a signal has no other place to read them. */
  private tellEach(problems: readonly string[]): void {
    const { path, emit } = this.parts;
    const lines = problems.slice(0, MOST_TOLD);
    const more = problems.length - lines.length;
    if (more > 0) lines.push(`${path}: and ${more} more, as "vipd check" says`);
    for (const text of lines) emit({ kind: "warning", subject: "config", text });
  }

  /** VRRP has not heard of the configuration that was refused; the checks are told again of the one in force. */
  private async goBack(why: string): Promise<ReloadOutcome> {
    const { children, path, emit } = this.parts;
    const problems = [why];
    if (!children.isStopping) {
      emit({ kind: "config-rejected", path, problems });
      const back = await children.configure("checks");
      if (back.kind !== "done") emit({ kind: "warning", subject: "config", text: back.why });
    }
    return { ok: false, changes: [], problems };
  }
}
