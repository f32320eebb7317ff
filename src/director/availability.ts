// What part of the time a real server has been up: since we began, and in the last day by the hour. For servers that
// have changed at least once; of all others the answer is known without it.

import type { Availability as Share } from "../control/ipc.js";

const HOUR = 3_600_000;
const HOURS = 24;

/** Times are milliseconds of the monotonic clock. */
export class Availability {
  private readonly began: number;
  private up: boolean;
  /** Up to here it has been counted. */
  private at: number;
  private total = 0;
  /** Seconds it was up in each hour, by the hour's number. */
  private readonly hours = new Float32Array(HOURS);

  constructor(up: boolean, now: number) {
    this.up = up;
    this.began = now;
    this.at = now;
  }

  turn(up: boolean, now: number): void {
    this.advance(now);
    this.up = up;
  }

  share(now: number): Share {
    this.advance(now);
    const day = Math.min(now - this.began, (HOURS - 1) * HOUR + (now % HOUR));
    const up = this.hours.reduce((sum, seconds) => sum + seconds, 0) * 1000;
    return { total: percent(this.total, now - this.began), day: percent(up, day) };
  }

  private advance(now: number): void {
    const { hours } = this;
    const first = Math.max(this.at, (Math.floor(now / HOUR) - HOURS + 1) * HOUR);
    if (this.up) this.total += now - this.at;
    for (let hour = Math.floor(first / HOUR); hour <= Math.floor(now / HOUR); hour++) {
      const from = Math.max(first, hour * HOUR);
      const place = hour % HOURS;
      // A new hour takes the place of the one a day before.
      if (from === hour * HOUR) hours[place] = 0;
      if (this.up) hours[place] = (hours[place] ?? 0) + (Math.min(now, (hour + 1) * HOUR) - from) / 1000;
    }
    this.at = now;
  }
}

const percent = (part: number, whole: number): number =>
  whole <= 0 ? 100 : Math.min(100, Math.round((part * 10_000) / whole) / 100);
