// Real-time scheduling of a thread. SCHED_FIFO keeps adverts on time while every core is busy; where it is not
// permitted vipd works without it, and the operator is told why.

import { err, ok, type Result } from "../core/result.js";
import { errno, errnoText } from "./errno.js";
import { native } from "./native.js";

/** Why real-time scheduling was refused, for a person. */
export type SchedulingRefusal = { readonly reason: string };

/** Puts this thread, or the thread `tid`, under SCHED_FIFO with a priority of 1..99. Children do not inherit it. */
export function setRealtime(priority: number, tid = 0): Result<undefined, SchedulingRefusal> {
  const result = native.setFifo(tid, priority);
  if (result >= 0) return ok(undefined);
  if (result !== -errno.EPERM) return err({ reason: errnoText(result) });
  return err({
    reason:
      "EPERM: not permitted (needs CAP_SYS_NICE or LimitRTPRIO=; under CONFIG_RT_GROUP_SCHED also cpu.rt_runtime_us in the cgroup)",
  });
}

/** Back to ordinary time sharing (SCHED_OTHER). */
export function setTimeSharing(tid = 0): Result<undefined, SchedulingRefusal> {
  const result = native.setFifo(tid, 0);
  return result >= 0 ? ok(undefined) : err({ reason: errnoText(result) });
}
