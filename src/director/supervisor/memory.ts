// What is asked of V8 while the processes run. The supervisor's memory is kept small: it has nothing urgent to do, so that it
// can afford to collect garbage more often than V8 would by itself.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** V8 would let the space for new objects grow to 3 x 16 MB and keep it; at the start it is 2 MB. */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** For a process that was started with --no-opt: from now on V8 optimizes what runs often. */
export function allowOptimizing(): void {
  setFlagsFromString("--opt");
}

/** What runs all the time is optimized by then. */
export const STEADY_AFTER_MS = 120_000;

/**
 * Ten times V8's own measure of what runs often. Code that a thousand failures run through in a few seconds would be
 * optimized just before it rests again: on one processor that was two fifths of the work.
 */
export function optimizeSteadyWorkOnly(): void {
  setFlagsFromString("--interrupt-budget=675840");
}

/** A full collection, which also gives free pages back to the system. Takes some tens of milliseconds. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
