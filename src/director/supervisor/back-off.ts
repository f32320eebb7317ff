// How long to wait before a child process is started again. Pure arithmetic.

import { milliseconds, seconds, type Milliseconds } from "../../core/units.js";

/** A process that ran this long is not counted as failing in a row any more. */
export const STEADY_AFTER: Milliseconds = seconds(60);
const LONGEST: Milliseconds = seconds(60);

/**
 * The first restart comes at once, because most often a process dies once and a VRRP process has to be back
 * before its peer notices; then 1, 2, 4 ... 60 s. `failures`: ends in a row before this one, from 0.
 */
export function restartDelay(failures: number): Milliseconds {
  if (failures === 0) return milliseconds(0);
  return milliseconds(Math.min(LONGEST, 1000 * 2 ** (failures - 1)));
}
