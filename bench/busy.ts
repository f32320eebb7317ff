// How busy the whole machine is, the kernel's own work included: all time in which no core was idle. The kernel
// counts idle time exactly, while it gives the time of processes out by the tick.

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { availableParallelism } from "node:os";
import type { Milliseconds } from "../src/core/units.js";

/** Idle time of all cores so far, in ms (proc(5), /proc/stat: idle and iowait, in hundredths of a second). */
function idleTime(): number {
  const [, , , , idle, iowait] = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").split(/ +/);
  return (Number(idle) + Number(iowait)) * 10;
}

/** How busy the machine is in the time to come, in per cent of one core. */
export async function busyShare(window: Milliseconds): Promise<number> {
  const from = { idle: idleTime(), at: performance.now() };
  await pause(window);
  const elapsed = performance.now() - from.at;
  return Math.max(0, availableParallelism() - (idleTime() - from.idle) / elapsed) * 100;
}
