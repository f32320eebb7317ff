// Real-time scheduling of a thread. SCHED_FIFO keeps adverts on time while every core is busy; where it is not
// permitted vipd works without it, and the operator is told why.

import { readdirSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { err, ok, type Result } from "../core/result.js";
import { errno, errnoText } from "./errno.js";
import { native } from "./native.js";

/** Why real-time scheduling was refused, for a person. */
export type SchedulingRefusal = { readonly reason: string };

/**
 * Puts this thread, or the thread `tid`, under SCHED_FIFO with a priority of 1..99. Children do not inherit it.
 */
export function setRealtime(priority: number, tid = 0): Result<undefined, SchedulingRefusal> {
  const result = native.setRealtime(tid, priority);
  if (result >= 0) return ok(undefined);
  if (result !== -errno.EPERM) return err({ reason: errnoText(result) });
  return err({
    reason:
      "EPERM: not permitted (needs CAP_SYS_NICE or LimitRTPRIO=; under CONFIG_RT_GROUP_SCHED also cpu.rt_runtime_us in the cgroup)",
  });
}

/**
 * All threads of this process: the main one waits for V8's helpers when the heap is short, and they must not wait behind
 * others. The process has to be started with --single-threaded-gc (programs.ts).
 */
export function setRealtimeEverywhere(priority: number): Result<undefined, SchedulingRefusal> {
  for (const thread of readdirSync("/proc/self/task")) {
    const result = setRealtime(priority, Number(thread));
    if (!result.ok) return result;
  }
  return ok(undefined);
}

/** Back to ordinary time sharing (SCHED_OTHER). */
export function setTimeSharing(tid = 0): Result<undefined, SchedulingRefusal> {
  const result = native.setRealtime(tid, 0);
  return result >= 0 ? ok(undefined) : err({ reason: errnoText(result) });
}

/** All threads of this process: no more processor time than any other gets. */
export function setNormalPriority(): void {
  for (const thread of readdirSync("/proc/self/task"))
    setPriority(Number(thread), constants.priority.PRIORITY_NORMAL);
}
