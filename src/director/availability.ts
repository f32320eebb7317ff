// What part of the time a real server has been up: since we began, and in the last day by the hour. One that never
// changes costs a few numbers; the hours are counted from its first change on.

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
  private hours: Float32Array | undefined;

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
    if (this.hours === undefined) return { total: this.up ? 100 : 0, day: this.up ? 100 : 0 };
    this.advance(now);
    const day = Math.min(now - this.began, (HOURS - 1) * HOUR + (now % HOUR));
    const up = this.hours.reduce((sum, seconds) => sum + seconds, 0) * 1000;
    return { total: percent(this.total, now - this.began), day: percent(up, day) };
  }

  private advance(now: number): void {
    // Nobody asked until now: all of the time before was like this.
    const hours = (this.hours ??= new Float32Array(HOURS));
    const first = Math.max(this.at, (Math.floor(now / HOUR) - HOURS + 1) * HOUR);
    if (this.up) this.total += now - this.at;
    for (let from = first; from < now;) {
      const hour = Math.floor(from / HOUR);
      const to = Math.min(now, (hour + 1) * HOUR);
      const place = hour % HOURS;
      // A new hour takes the place of the one a day before.
      if (from === hour * HOUR) hours[place] = 0;
      if (this.up) hours[place] = (hours[place] ?? 0) + (to - from) / 1000;
      from = to;
    }
    this.at = now;
  }
}

const percent = (part: number, whole: number): number =>
  whole <= 0 ? 100 : Math.min(100, Math.round((part * 10_000) / whole) / 100);
