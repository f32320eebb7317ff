// The Timers port for work to which a millisecond does not matter: the monotonic clock, and Node's own timers. And one
// for thousands of checks, which wakes for all that fall due within some milliseconds together.

import { between, instant } from "../core/units.js";
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

/** A turn of the event loop costs as much as a good part of a check. */
const GRAIN = 10;

export const coarseTimers: Timers = {
  now: monotonicNow,
  wakeAt: (at, fire) => nodeTimers.wakeAt(instant(Math.ceil(at / GRAIN) * GRAIN), fire),
};
