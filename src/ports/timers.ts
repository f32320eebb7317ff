// Time as the checks see it: a monotonic clock and wake-ups on it. Tests drive it by hand.

import type { Instant } from "../core/units.js";

export type Timers = {
  now(): Instant;
  /** Calls `fire` once at or shortly after `at`; the result takes it back. It may come a little early. */
  wakeAt(at: Instant, fire: () => void): () => void;
};
