// Waiting for something to become true, always bounded. Knows nothing of what is waited for.

import { setImmediate as afterInput, setTimeout as pause } from "node:timers/promises";
import type { Milliseconds } from "../../src/core/units.js";
import { formatDuration, milliseconds } from "../../src/core/units.js";

/** Wall-clock time in ms with fractions: the clock that packet captures are stamped with. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Asks again and again until the answer is not undefined or false; throws, naming `what`, when the time is up. A function
 * names it as it is then.
 */
export async function until<T>(
  what: string | (() => string),
  limit: Milliseconds,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  every: Milliseconds = milliseconds(20),
): Promise<T> {
  const deadline = performance.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline)
      throw new Error(`${typeof what === "string" ? what : what()}: not within ${formatDuration(limit)}`);
    await pause(every);
    // What came while this process had no turn is read before it is looked for a last time.
    await afterInput();
  }
}
