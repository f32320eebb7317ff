// Counts a line that is said again and again instead of writing it each time. Only the last line of a
// subject counts as said, so that a story that goes up, down, up, down is told in full. Changes of state are
// decisions, and each is written when it is made.

import { times } from "../core/words.js";
import { span } from "../control/reason.js";
import type { LogRecord } from "./record.js";

/** A repeated line is counted for this long before its count is written. */
export const REPEAT_WINDOW_MS = 60_000;
/** Subjects remembered; beyond that the one longest without a line is forgotten. */
const MOST_SUBJECTS = 1024;

/** Monotonic milliseconds: the wall clock may be set while a line is counted. */
type Last = { readonly record: LogRecord; suppressed: number; said: number; since: number; latest: number };

export type RepeatClocks = { readonly wall: () => number; readonly monotonic: () => number };

export class Repeats {
  private readonly last = new Map<string, Last>();
  private readonly write: (record: LogRecord) => void;
  private readonly clocks: RepeatClocks;

  /** `write` gets the lines that are to be written, counts included. */
  constructor(write: (record: LogRecord) => void, clocks: RepeatClocks) {
    this.write = write;
    this.clocks = clocks;
  }

  offer(record: LogRecord): void {
    const now = this.clocks.monotonic();
    const last = this.last.get(record.subject);
    const isDecision = record.event?.kind === "vrrp-transition";
    if (
      !isDecision &&
      last !== undefined &&
      last.record.text === record.text &&
      last.record.level === record.level
    ) {
      if (last.suppressed === 0) last.since = now;
      last.suppressed++;
      last.latest = now;
      return;
    }
    if (last !== undefined) this.say(last, record.time);
    this.last.delete(record.subject);
    if (this.last.size >= MOST_SUBJECTS) this.forgetOldest();
    this.last.set(record.subject, { record, suppressed: 0, said: now, since: now, latest: now });
    this.write(record);
  }

  /** Writes the counts that are due; call it every few seconds. A line said again later is new. */
  flushDue(): void {
    const now = this.clocks.monotonic();
    for (const [subject, last] of this.last) {
      if (last.suppressed > 0) {
        if (now - last.since >= REPEAT_WINDOW_MS) this.say(last, this.clocks.wall());
      } else if (now - last.latest >= REPEAT_WINDOW_MS) this.last.delete(subject);
    }
  }

  /** Writes every count there is; for the end. */
  flushAll(): void {
    for (const last of this.last.values()) this.say(last, this.clocks.wall());
  }

  private say(last: Last, time: number): void {
    if (last.suppressed === 0) return;
    const { level, subject, text } = last.record;
    const within = Math.max(1, Math.ceil((last.latest - last.said) / 1000)) * 1000;
    this.write({
      time,
      level,
      subject,
      text: `last message repeated ${times(last.suppressed)} in ${span(Math.min(within, REPEAT_WINDOW_MS))}: ${text}`,
    });
    last.suppressed = 0;
    last.said = last.latest = this.clocks.monotonic();
  }

  private forgetOldest(): void {
    const oldest = this.last.entries().next();
    if (oldest.done === true) return;
    const [subject, last] = oldest.value;
    this.say(last, this.clocks.wall());
    this.last.delete(subject);
  }
}
