// The giving end of a Cancel, and the way a check turns events into one result: whoever is first, an event or
// the cancellation, settles it, and what is open is closed then.

import type { Cancel } from "../ports/cancel.js";

export class CancelSource implements Cancel {
  cancelled = false;
  /** Most have one at a time: a set is made for those that come beside it. */
  private first: (() => void) | undefined;
  private others: Set<() => void> | undefined;

  onCancel(fire: () => void): () => void {
    if (this.cancelled) {
      fire();
      return () => undefined;
    }
    // Who asks twice with the same function is told twice.
    const listener = (): void => {
      fire();
    };
    if (this.first === undefined && this.others === undefined) this.first = listener;
    else (this.others ??= new Set()).add(listener);
    return () => {
      if (this.first === listener) this.first = undefined;
      else this.others?.delete(listener);
    };
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    const { first, others } = this;
    this.first = undefined;
    first?.();
    this.others = undefined;
    for (const listener of others ?? []) listener();
  }
}

/** What `start` settles first, or what `onCancel` says when the cancellation comes before. */
export function untilCancelled<T>(
  cancel: Cancel,
  onCancel: () => T,
  start: (settle: (value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve) => {
    let done = false;
    let forget: () => void = () => undefined;
    const settle = (value: T): void => {
      if (done) return;
      done = true;
      forget();
      resolve(value);
    };
    forget = cancel.onCancel(() => {
      if (!done) settle(onCancel());
    });
    // TypeScript takes `done` for false still: the line above may have settled it.
    if (!(done as boolean)) start(settle);
  });
}
