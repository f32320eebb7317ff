// What is really run: one check for all servers that ask for the same of the same endpoint, in whatever services
// they stand. Whoever asks gets every result. A program finds the service in its environment, so that one is shared
// only where that is the same, too.

import type {
  CheckContext,
  CheckMeans,
  CheckResult,
  CheckTarget,
  Checker,
  PreparedCheck,
} from "../checkers/checker.js";
import type { CheckConfig } from "../config/model.js";
import type { HealthState } from "../core/health-state.js";
import type { Instant, Milliseconds } from "../core/units.js";
import { serviceId } from "../ipvs/model.js";
import type { CheckRecord } from "./check-record.js";
import type { CheckJob, CheckRun } from "./check-scheduler.js";

export type RunPorts = Pick<CheckContext<unknown>, "now"> & { readonly means: CheckMeans };
/** One who asks: there are as many as checks, and they hold no functions. */
export type Asker = { readonly key: string; readonly record: CheckRecord };
export type AskerPorts<A extends Asker> = {
  readonly take: (asker: A, result: CheckResult, took: Milliseconds, now: Instant) => void;
  /** Whether something that its check needs is down just now. */
  readonly isHeld: (asker: A) => boolean;
};

export class CheckRuns<A extends Asker> {
  private readonly ports: RunPorts & AskerPorts<A>;
  private readonly runs = new Map<string, SharedRun<A>>();
  private touched = new Set<string>();

  constructor(ports: RunPorts & AskerPorts<A>) {
    this.ports = ports;
  }

  get size(): number {
    return this.runs.size;
  }
  get jobs(): readonly CheckJob[] {
    return [...this.runs.values()];
  }

  /** What others have found out by the same run. */
  stateOf(key: string): HealthState | undefined {
    return this.runs.get(key)?.askers[0]?.record.state;
  }

  join(checker: Checker, target: CheckTarget, asker: A): void {
    const { key } = asker;
    const known = this.runs.get(key);
    if (known !== undefined) known.askers.push(asker);
    else this.runs.set(key, new SharedRun(this.ports, checker, target, asker));
    this.touched.add(key);
  }

  leave(asker: A): void {
    const { key } = asker;
    const run = this.runs.get(key);
    if (run === undefined) return;
    run.askers.splice(run.askers.indexOf(asker), 1);
    if (run.askers.length === 0) this.runs.delete(key);
    this.touched.add(key);
  }

  /** What begins and what ends by all that has joined and left since the last call. */
  takeChanges(): { readonly jobs: readonly CheckJob[]; readonly ended: readonly string[] } {
    const jobs: CheckJob[] = [];
    const ended: string[] = [];
    for (const key of this.touched) {
      const run = this.runs.get(key);
      if (run === undefined) ended.push(key);
      else jobs.push(run);
    }
    this.touched = new Set();
    return { jobs, ended };
  }
}

/**
 * Runs of equal keys are the same. `options`: the number of the check's options. What a check needs it has in its own
 * service and server: it is not shared.
 */
export function runKey(
  checker: Checker,
  { type, timing, needs, options: written }: CheckConfig,
  options: number,
  target: CheckTarget,
): string {
  const { every, everyFailing, timeout, warmUp, jitter } = timing;
  const rhythm = `${every} ${everyFailing ?? ""} ${timeout} ${warmUp ?? ""} ${jitter ?? ""}`;
  // Where the check names a port, the server's says nothing.
  const ownPort =
    typeof written === "object" && written !== null && "port" in written && written.port !== undefined;
  const key = `${type} ${options} ${rhythm} ${target.address} ${ownPort ? "" : target.port}`;
  if (checker.seesService !== true && needs === undefined) return key;
  const { virtual } = target;
  const mark = virtual.kind === "fwmark" ? `fwmark ${virtual.mark}` : serviceId(virtual);
  return `${key} ${mark} ${target.service}${needs === undefined ? "" : ` ${JSON.stringify(needs)}`}`;
}

class SharedRun<A extends Asker> implements CheckJob {
  readonly key: string;
  readonly askers: A[];
  private readonly config: CheckConfig;
  private readonly ports: RunPorts & AskerPorts<A>;
  private readonly checker: Checker;
  private readonly target: CheckTarget;

  constructor(ports: RunPorts & AskerPorts<A>, checker: Checker, target: CheckTarget, asker: A) {
    this.key = asker.key;
    this.askers = [asker];
    this.config = asker.record.config;
    this.ports = ports;
    this.checker = checker;
    this.target = target;
  }

  get every(): Milliseconds {
    return this.config.timing.every;
  }
  get everyFailing(): Milliseconds | undefined {
    return this.config.timing.everyFailing;
  }
  get warmUp(): Milliseconds | undefined {
    return this.config.timing.warmUp;
  }
  get jitter(): number | undefined {
    return this.config.timing.jitter;
  }
  get timeout(): Milliseconds {
    return this.config.timing.timeout;
  }
  get cost(): CheckJob["cost"] {
    return this.checker.cost;
  }

  /** What needs something is not shared. */
  isHeld(): boolean {
    return this.config.needs !== undefined && this.askers.some((asker) => this.ports.isHeld(asker));
  }

  // Not async: a promise around the checker's own costs three turns of the queue for each of its runs.
  run(run: CheckRun): Promise<CheckResult> {
    const { means, now } = this.ports;
    // The options were made by this checker's own schema when the configuration was read.
    const options = this.config.options as never;
    try {
      return this.checker.check({ target: this.target, options, ...means, now, ...run });
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  prepare(): PreparedCheck | undefined {
    const { means, now } = this.ports;
    const options = this.config.options as never;
    return this.checker.prepare?.({ target: this.target, options, ...means, now });
  }

  onResult(result: CheckResult, took: Milliseconds, now: Instant): void {
    for (const asker of this.askers) this.ports.take(asker, result, took, now);
  }
}
