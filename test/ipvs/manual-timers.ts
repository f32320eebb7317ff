// Time that passes only when a test says so.

import { instant, type Instant } from "../../src/core/units.js";
import type { Timers } from "../../src/ports/timers.js";

export class ManualTimers implements Timers {
  private time = 0;
  private readonly waiting = new Set<{ at: number; fire: () => void }>();
  now(): Instant {
    return instant(this.time);
  }
  wakeAt(at: Instant, fire: () => void): () => void {
    const entry = { at, fire };
    this.waiting.add(entry);
    return () => void this.waiting.delete(entry);
  }
  /** Lets `ms` pass; what is due fires in order. */
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const [next] = [...this.waiting].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.waiting.delete(next);
      this.time = Math.max(this.time, next.at);
      next.fire();
    }
    this.time = Math.max(this.time, end);
  }
  /** Time in which nothing fires, because the caller is at work. */
  work(ms: number): void {
    this.time += ms;
  }
}
