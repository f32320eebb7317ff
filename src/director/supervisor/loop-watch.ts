// When this process last looked at what happened: an end of a child that is noticed now may have come at any time
// since. It may be long, after blocking work or on a starved machine, and what follows from the time of a death
// (whether a master may resume, when its addresses must be gone) must not be reckoned from when we noticed.

import type { Instant, Milliseconds } from "../../core/units.js";

export class LoopWatch {
  private readonly now: () => Instant;
  private seen: Instant;
  private timer: NodeJS.Timeout | undefined;

  constructor(now: () => Instant) {
    this.now = now;
    this.seen = now();
  }

  get lastTurn(): Instant {
    return this.seen;
  }

  /** Looks so often from now on: as far as that, a time of death may be too early. */
  start(every: Milliseconds): void {
    this.stop();
    this.timer = setInterval(() => this.tick(), every);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /**
   * Timers come before the news of the same turn of the event loop, immediates after it. So what had happened before
   * `at` has been heard when the immediate runs, and not a moment earlier.
   */
  private tick(): void {
    const at = this.now();
    setImmediate(() => (this.seen = at));
  }
}
