// The events of all processes: numbered, kept for a while, and handed to whoever listens.

import type { EventRecord, VipdEvent } from "../../control/event.js";

/** Events kept for `vipd events --last N`. */
export const KEPT = 1000;

export class EventLog {
  private readonly kept: EventRecord[] = [];
  private readonly listeners = new Set<(records: readonly EventRecord[]) => void>();
  private readonly now: () => number;
  private sequence = 0;

  /** `now`: wall-clock milliseconds. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** An event of the supervisor itself. */
  emit(event: VipdEvent): void {
    this.take([{ time: this.now(), process: "supervisor", sequence: ++this.sequence, event }]);
  }

  /** Events with their origin, from any process. */
  take(records: readonly EventRecord[]): void {
    this.kept.push(...records);
    if (this.kept.length > KEPT) this.kept.splice(0, this.kept.length - KEPT);
    for (const listener of this.listeners) listener(records);
  }

  /** What a predecessor has kept comes before what is kept here; nobody is told of it. */
  inherit(records: readonly EventRecord[]): void {
    this.kept.unshift(...records);
    this.kept.splice(0, this.kept.length - KEPT);
  }

  last(count: number): readonly EventRecord[] {
    return count === 0 ? [] : this.kept.slice(-count);
  }

  /** The result ends the listening. */
  listen(listener: (records: readonly EventRecord[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
