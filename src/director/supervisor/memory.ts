// Keeps the supervisor's memory small. It has nothing urgent to do, so that it can afford to collect garbage
// more often than V8 would by itself.

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

/** A full collection, which also gives free pages back to the system. Takes some tens of milliseconds. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
