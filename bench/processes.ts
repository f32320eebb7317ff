// What processes use, read from /proc: CPU time and wake-ups. Knows nothing of what they are.

import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Milliseconds } from "../src/core/units.js";

/** CPU time all these processes have used so far, in ms: user and system (proc(5), fields 14 and 15 of stat). */
function cpuTime(pids: readonly number[]): Milliseconds {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks * 10) as Milliseconds;
}

/** CPU time that these processes use in the time to come, in per cent of one core. */
export async function cpuShare(pids: readonly number[], window: Milliseconds): Promise<number> {
  const from = { cpu: cpuTime(pids), at: performance.now() };
  await pause(window);
  return ((cpuTime(pids) - from.cpu) / (performance.now() - from.at)) * 100;
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
