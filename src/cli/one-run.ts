// One run of one check, here and now, with the means that the daemon's process of checks has. What it counts for is
// not asked: there is no `rise`, no `fall` and no dependency.

import { CancelSource } from "../checkers/cancel.js";
import { fail, type CheckContext, type CheckMeans, type CheckResult } from "../checkers/checker.js";
import type { Trace, TraceLine } from "../checkers/trace.js";
import { after, between, milliseconds, type Milliseconds } from "../core/units.js";
import { monotonicNow } from "../linux/clock.js";
import { nodeTimers } from "../linux/node-timers.js";

/** A check that does not settle when it is told to has a bug. */
const STALL = milliseconds(2000);

export type OneRun = {
  readonly result: CheckResult;
  readonly took: Milliseconds;
  /** What was sent and received, in its order. */
  readonly trace: readonly TraceLine[];
};

/** One for all runs: there may be many at a time. */
const interrupted = new CancelSource();
let running = 0;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const interrupt = (): void => interrupted.cancel();

/** While something runs, whoever interrupts the command ends the programs with it, which are in groups of their own. */
function watchSignals(): () => void {
  running++;
  if (running === 1) for (const signal of SIGNALS) process.once(signal, interrupt);
  return () => {
    running--;
    if (running === 0) for (const signal of SIGNALS) process.off(signal, interrupt);
  };
}

/** What a check gets beside its server and its options. */
export type RunContext = Omit<CheckContext<unknown>, "target" | "options">;

/** Returns when nothing of it is left: a script's processes are gone. */
export async function runOnce(
  check: (context: RunContext) => Promise<CheckResult>,
  timeout: Milliseconds,
  means: CheckMeans,
  trace: Trace | undefined,
): Promise<OneRun> {
  const cancel = new CancelSource();
  const forgetSignals = watchSignals();
  const began = monotonicNow();
  const deadline = after(began, timeout);
  const lingering: Promise<unknown>[] = [];
  let forgetStall = (): void => undefined;
  const stalled = new Promise<CheckResult>((resolve) => {
    forgetStall = nodeTimers.wakeAt(after(deadline, STALL), () =>
      resolve(fail("internal", "the checker did not end when it was told to")),
    );
  });
  const forget = nodeTimers.wakeAt(deadline, () => cancel.cancel());
  const linger = (work: Promise<unknown>): void => void lingering.push(work);
  const run = check({ ...means, deadline, timeout, cancel, now: monotonicNow, trace, linger }).catch(
    (error: unknown) =>
      fail("internal", error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
  const forgetInterrupt = interrupted.onCancel(() => cancel.cancel());
  const result = await Promise.race([run, stalled]);
  const took = between(began, monotonicNow());
  forget();
  forgetStall();
  forgetInterrupt();
  await Promise.allSettled(lingering);
  forgetSignals();
  return { result, took, trace: trace?.lines() ?? [] };
}
