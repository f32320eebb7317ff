// How long to wait before a child process is started again. Pure arithmetic.

import type { ChildName } from "./child-name.js";
import { milliseconds, seconds, type Milliseconds } from "../../core/units.js";

/** A process that ran this long is not counted as failing in a row any more. */
export const STEADY_AFTER: Milliseconds = seconds(60);
/** The address of a director that is alone waits for its VRRP process, which costs little to start. */
const LONGEST: Record<ChildName, Milliseconds> = { vrrp: seconds(2), checks: seconds(60) };

/**
 * The first restart comes at once, because most often a process dies once and a VRRP process has to be back
 * before its peer notices; then 1, 2, 4 ... s up to the longest pause. `failures`: ends in a row before this one, from 0.
 */
export function restartDelay(name: ChildName, failures: number): Milliseconds {
  if (failures === 0) return milliseconds(0);
  return milliseconds(Math.min(LONGEST[name], 1000 * 2 ** (failures - 1)));
}
