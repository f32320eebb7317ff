// How late the process woke up for its deadlines: a histogram of fixed buckets, a quarter wider each, so that
// counting costs nothing and an answer is exact to 12 percent.

import { milliseconds, type Milliseconds } from "../core/units.js";

const FINEST = 0.01;
const RATIO = 1.25;
const BUCKETS = 96;
const LOG_RATIO = Math.log(RATIO);

export class Lateness {
  private readonly counts = new Uint32Array(BUCKETS);
  private total = 0;
  private worst = 0;

  add(late: number): void {
    const bucket = late <= FINEST ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(late / FINEST) / LOG_RATIO));
    this.counts[bucket] = this.counts[bucket]! + 1;
    this.total += 1;
    if (late > this.worst) this.worst = late;
  }

  /** The lateness that the given part (0..1) of all wake-ups did not exceed; 0 before the first. */
  quantile(part: number): Milliseconds {
    let below = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      below += this.counts[bucket]!;
      if (this.total > 0 && below >= part * this.total)
        return milliseconds(Math.min(this.worst, upTo(bucket)));
    }
    return milliseconds(0);
  }

  get max(): Milliseconds {
    return milliseconds(this.worst);
  }

  /**
   * How many wake-ups came so late (ms) and later than the entry before says, of all since the start: the difference of
   * two moments is what was between them.
   */
  get histogram(): readonly (readonly [upTo: number, count: number])[] {
    const entries = Array.from(this.counts, (count, bucket) => [upTo(bucket), count] as const);
    return entries.filter(([, count]) => count > 0);
  }
}

const upTo = (bucket: number): number => Number((FINEST * RATIO ** bucket).toPrecision(4));
