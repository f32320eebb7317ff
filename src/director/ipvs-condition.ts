// Whether the table is as it should be, as far as the last attempts tell, and how long it is until the next look at
// it: the configured time while everything is in order, and with growing patience while something is not.

import { milliseconds, seconds, type Milliseconds } from "../core/units.js";

const FIRST_RETRY = seconds(1);
const LAST_RETRY = seconds(60);

export class TableCondition {
  isReadable = true;
  isSyncFine = true;
  private readonly refused: ReadonlySet<unknown>;
  private reconcileEvery: Milliseconds = seconds(60);
  private retry: Milliseconds = FIRST_RETRY;

  /** `refused`: the services whose last commands were. */
  constructor(refused: ReadonlySet<unknown>) {
    this.refused = refused;
  }

  get isInOrder(): boolean {
    return this.refused.size === 0 && this.isReadable && this.isSyncFine;
  }

  /** Until the next look. */
  get wait(): Milliseconds {
    return this.isInOrder ? this.reconcileEvery : milliseconds(Math.min(this.retry, this.reconcileEvery));
  }

  lookEvery(time: Milliseconds): void {
    this.reconcileEvery = time;
  }

  /** With a new configuration, what was refused is tried again at once. */
  beginAnew(): void {
    this.retry = FIRST_RETRY;
  }

  /** The wait is over: if the next look does not mend it, the one after that comes later. */
  waited(): void {
    this.retry = this.isInOrder ? FIRST_RETRY : milliseconds(Math.min(this.retry * 2, LAST_RETRY));
  }
}
