// What processes use, read from /proc: CPU time and wake-ups. Knows nothing of what they are.

import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Milliseconds } from "../src/core/units.js";
import { seconds } from "../src/core/units.js";

/** Of what a process that ends has used, the last part goes unseen: at most this much of the window. */
const LOOK_EVERY = seconds(1);

/** Of each of these processes that is there: CPU time so far, user and system (proc(5), fields 14 and 15 of stat), in ms. */
function cpuTimes(pids: readonly number[]): Map<number, Milliseconds> {
  const times = new Map<number, Milliseconds>();
  for (const pid of pids)
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      times.set(pid, ((Number(fields[11]) + Number(fields[12])) * 10) as Milliseconds);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  return times;
}

/**
 * CPU time that these processes use in the time to come, in per cent of one core. One that ends meanwhile (a script, a
 * reader of the configuration) counts as it was at the last look.
 */
export async function cpuShare(pids: readonly number[], window: Milliseconds): Promise<number> {
  const from = cpuTimes(pids);
  const began = performance.now();
  const used = new Map<number, number>();
  while (performance.now() < began + window) {
    await pause(Math.min(LOOK_EVERY, began + window - performance.now()));
    for (const [pid, time] of cpuTimes([...from.keys()])) used.set(pid, time - (from.get(pid) ?? 0));
  }
  if (used.size === 0) throw new Error("none of these processes lived long enough to be measured");
  return ([...used.values()].reduce((sum, time) => sum + time, 0) / (performance.now() - began)) * 100;
}

/** How often any thread of these processes has gone to sleep of its own accord so far (proc(5), status). */
export function sleeps(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids)
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
      sum += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    }
  return sum;
}
