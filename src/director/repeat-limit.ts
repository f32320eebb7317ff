// Says the first of a kind at once and then, at most once a minute, how many more there were: what a peer
// does wrong a hundred times a second must not fill the log, and must not vanish from it either. The number
// of things it keeps apart is bounded, so that a hostile sender cannot fill the memory.

import { after, between, instant, minutes, type Instant } from "../core/units.js";
import type { Repeats, VipdEvent } from "../control/event.js";
import { earlier } from "../vrrp/timing.js";

const PERIOD = minutes(1);
const MOST_KEYS = 32;

/** Makes the event for the first occurrence, or for those since the last event. */
export type MakeEvent = (repeats: Repeats) => VipdEvent;
type Entry = { reportedAt: Instant; pending: number; make: MakeEvent };

export class RepeatLimit {
  private readonly entries = new Map<string, Entry>();
  private readonly report: (event: VipdEvent) => void;
  private due = instant(Infinity);

  constructor(report: (event: VipdEvent) => void) {
    this.report = report;
  }

  /** `rest` stands for all further keys once there are too many of them. */
  note(key: string, rest: string, now: Instant, make: MakeEvent): void {
    const used = this.entries.has(key) || this.entries.size < MOST_KEYS ? key : rest;
    const entry = this.entries.get(used);
    if (entry === undefined) {
      this.entries.set(used, { reportedAt: now, pending: 0, make });
      this.due = earlier(after(now, PERIOD), this.due);
      this.report(make({ count: 1 }));
      return;
    }
    entry.pending += 1;
    entry.make = make;
  }

  /** When `flush` has something to do; Infinity for never. */
  get next(): Instant {
    return this.due;
  }

  flush(now: Instant): void {
    if (now < this.due) return;
    for (const [key, entry] of this.entries) {
      if (now < after(entry.reportedAt, PERIOD)) continue;
      if (entry.pending === 0) {
        this.entries.delete(key);
        continue;
      }
      this.report(entry.make({ count: entry.pending, span_ms: between(entry.reportedAt, now) }));
      entry.reportedAt = now;
      entry.pending = 0;
    }
    this.due = instant(Infinity);
    for (const { reportedAt } of this.entries.values())
      this.due = earlier(after(reportedAt, PERIOD), this.due);
  }
}
