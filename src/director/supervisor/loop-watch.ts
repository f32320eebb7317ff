// When this process last looked at what happened: an end of a child that is noticed now may have come at any time
// since. It may be long, after blocking work or on a starved machine, and what follows from the time of a death
// (whether a master may resume, when its addresses must be gone) must not be reckoned from when we noticed. Whatever
// else is looked at now and then is looked at in the same turns: an idle director is to sleep.

import { milliseconds, type Instant, type Milliseconds } from "../../core/units.js";

type Regular = { readonly every: Milliseconds; readonly work: () => void; left: number };

export class LoopWatch {
  private readonly now: () => Instant;
  private seen: Instant;
  private timer: NodeJS.Timeout | undefined;
  private every = milliseconds(0);
  private readonly regulars = new Set<Regular>();

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
    this.every = every;
    this.timer = setInterval(() => this.tick(), every);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Calls `work` every so often, as closely as its own turns permit, and not in the turns before `start`. Gives what ends it. */
  regularly(every: Milliseconds, work: () => void): () => void {
    const regular = { every, work, left: every };
    this.regulars.add(regular);
    return () => void this.regulars.delete(regular);
  }

  /**
   * Timers come before the news of the same turn of the event loop, immediates after it. So what had happened before
   * `at` has been heard when the immediate runs, and not a moment earlier.
   */
  private tick(): void {
    const at = this.now();
    setImmediate(() => (this.seen = at));
    for (const regular of this.regulars) {
      regular.left -= this.every;
      if (regular.left > this.every / 2) continue;
      regular.left += regular.every;
      regular.work();
    }
  }
}
