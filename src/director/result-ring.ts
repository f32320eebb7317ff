// The last results of a check, each in eight bytes: of ten thousand checks they must cost next to nothing. Rows of
// several checks lie in one block, which lives as long as one of them does.

import type { PastResult } from "../control/ipc.js";
import { FAIL_REASONS, type CheckResult } from "../checkers/checker.js";

/** Results that are kept. */
const KEPT = 5;
/** Two numbers a result: when, in tenths of a second; and how long in tenths of a millisecond, with its reason. */
const WORDS = 2 * KEPT;
const ROWS = 16;
const LONGEST = 2 ** 24 - 1;

export class ResultRing {
  private static newest = new Uint32Array(ROWS * WORDS);
  private static used = 0;
  private readonly block: Uint32Array;
  private readonly row: number;
  private count = 0;

  constructor() {
    if (ResultRing.used === ROWS) {
      ResultRing.newest = new Uint32Array(ROWS * WORDS);
      ResultRing.used = 0;
    }
    this.block = ResultRing.newest;
    this.row = ResultRing.used++ * WORDS;
  }

  push(result: CheckResult, took: number, wallTime: number): void {
    const at = this.row + 2 * (this.count++ % KEPT);
    const reason = result.ok ? 0 : FAIL_REASONS.indexOf(result.reason) + 1;
    this.block[at] = Math.floor(wallTime / 100) >>> 0;
    this.block[at + 1] = ((Math.min(LONGEST, Math.round(took * 10)) << 8) | reason) >>> 0;
  }

  /** The oldest first. */
  list(wallTime: number): PastResult[] {
    const results: PastResult[] = [];
    const now = Math.floor(wallTime / 100);
    for (let i = Math.max(0, this.count - KEPT); i < this.count; i++) {
      const at = this.row + 2 * (i % KEPT);
      const time = this.block[at] ?? 0;
      const rest = this.block[at + 1] ?? 0;
      // Only the low bits of the time are kept.
      const ago = ((now >>> 0) - time) >>> 0;
      const reason = rest & 0xff;
      results.push({
        time: (now - ago) * 100,
        reason: reason === 0 ? "ok" : (FAIL_REASONS[reason - 1] ?? "internal"),
        took_ms: (rest >>> 8) / 10,
      });
    }
    return results;
  }
}
