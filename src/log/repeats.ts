// Counts a line that is said again and again instead of writing it each time. Only the last line of a
// subject counts as said, so that a story that goes up, down, up, down is told in full.

import { span } from "../control/reason.js";
import type { LogRecord } from "./record.js";

/** A repeated line is counted for this long before its count is written. */
export const REPEAT_WINDOW_MS = 60_000;
/** Subjects remembered; beyond that the one longest without a line is forgotten. */
const MOST_SUBJECTS = 1024;

type Last = { readonly record: LogRecord; suppressed: number; since: number; latest: number };

export class Repeats {
  private readonly last = new Map<string, Last>();
  private readonly write: (record: LogRecord) => void;

  /** `write` gets the lines that are to be written, counts included. */
  constructor(write: (record: LogRecord) => void) {
    this.write = write;
  }

  offer(record: LogRecord): void {
    const last = this.last.get(record.subject);
    if (last !== undefined && last.record.text === record.text && last.record.level === record.level) {
      if (last.suppressed === 0) last.since = record.time;
      last.suppressed++;
      last.latest = record.time;
      return;
    }
    if (last !== undefined) this.say(last, record.time);
    this.last.delete(record.subject);
    if (this.last.size >= MOST_SUBJECTS) this.forgetOldest();
    this.last.set(record.subject, { record, suppressed: 0, since: record.time, latest: record.time });
    this.write(record);
  }

  /** Writes the counts that are due at `now`; call it every few seconds. A line said again later is new. */
  flushDue(now: number): void {
    for (const [subject, last] of this.last) {
      if (last.suppressed > 0) {
        if (now - last.since >= REPEAT_WINDOW_MS) this.say(last, now);
      } else if (now - last.latest >= REPEAT_WINDOW_MS) this.last.delete(subject);
    }
  }

  /** Writes every count there is; for the end, and for a change of where lines go. */
  flushAll(now: number): void {
    for (const last of this.last.values()) this.say(last, now);
  }

  private say(last: Last, now: number): void {
    if (last.suppressed === 0) return;
    const { level, subject, text } = last.record;
    const times = last.suppressed === 1 ? "once" : `${last.suppressed} times`;
    const within = Math.max(1, Math.ceil((last.latest - last.record.time) / 1000)) * 1000;
    this.write({
      time: now,
      level,
      subject,
      text: `last message repeated ${times} in ${span(Math.min(within, REPEAT_WINDOW_MS))}: ${text}`,
    });
    last.suppressed = 0;
    last.since = now;
    last.latest = now;
  }

  private forgetOldest(): void {
    const oldest = this.last.entries().next();
    if (oldest.done === true) return;
    const [subject, last] = oldest.value;
    this.say(last, last.latest);
    this.last.delete(subject);
  }
}
