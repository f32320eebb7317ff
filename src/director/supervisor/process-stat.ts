// What the kernel knows of a process: proc(5), /proc/PID/stat.

import { readFileSync } from "node:fs";
import { milliseconds, type Milliseconds } from "../../core/units.js";

/** What the kernel counts in, for everybody who asks (USER_HZ): a hundredth of a second on all that Node.js runs on. */
const TICK_MS = 10;

/** Field `n` of proc(5) is at `n - 3`: after the name in brackets, which may hold anything. Undefined: no such process. */
export function processStat(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Processor time that all its threads have used, in steps of 10 ms; 0 when it is not there. */
export function processorTime(pid: number): Milliseconds {
  const stat = processStat(pid);
  return milliseconds((Number(stat?.[14 - 3] ?? 0) + Number(stat?.[15 - 3] ?? 0)) * TICK_MS);
}
