// The giving end of a Cancel, and the way a check turns events into one result: whoever is first, an event or
// the cancellation, settles it, and what is open is closed then.

import type { Cancel } from "../ports/cancel.js";

export class CancelSource implements Cancel {
  cancelled = false;
  private listeners: Set<() => void> | undefined;

  onCancel(fire: () => void): () => void {
    if (this.cancelled) {
      fire();
      return () => undefined;
    }
    const listener = (): void => {
      fire();
    };
    this.listeners ??= new Set();
    this.listeners.add(listener);
    return () => {
      this.listeners?.delete(listener);
    };
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    const listeners = this.listeners;
    this.listeners = undefined;
    for (const listener of listeners ?? []) listener();
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
