// Virtual time for everything that runs checks.

import { after, instant, milliseconds, type Instant } from "../../src/core/units.js";
import type { Timers } from "../../src/ports/timers.js";

/** A clock that stands still until it is moved; moving it lets promises settle after every wake-up. */
export class World implements Timers {
  private time = instant(0);
  private wakeUps = new Set<{ at: Instant; fire: () => void }>();

  now(): Instant {
    return this.time;
  }
  wakeAt(at: Instant, fire: () => void): () => void {
    const wakeUp = { at, fire };
    this.wakeUps.add(wakeUp);
    return () => this.wakeUps.delete(wakeUp);
  }
  get timers(): number {
    return this.wakeUps.size;
  }
  async until(end: number): Promise<void> {
    await settle();
    for (;;) {
      const next = [...this.wakeUps].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.wakeUps.delete(next);
      this.time = instant(Math.max(this.time, next.at));
      next.fire();
      await settle();
    }
    this.time = instant(end);
  }
  /** As if the process had been stopped for a while. */
  skip(to: number): void {
    this.time = instant(to);
  }
  after(wait: number): Promise<void> {
    return new Promise((resolve) => {
      this.wakeAt(after(this.time, milliseconds(wait)), resolve);
    });
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
