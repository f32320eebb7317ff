// The Timers port for work to which a millisecond does not matter: the monotonic clock, and Node's own timers.

import { between } from "../core/units.js";
import type { Timers } from "../ports/timers.js";
import { monotonicNow } from "./clock.js";

export const nodeTimers: Timers = {
  now: monotonicNow,
  wakeAt(at, fire) {
    const timer = setTimeout(fire, Math.max(0, Math.ceil(between(monotonicNow(), at))));
    return () => {
      clearTimeout(timer);
    };
  },
};
