// A number for every set of options of a check: short keys, and no comparing of objects. Forgets, now and then, the
// options that no check has any more, so that reloads without end do not fill the memory.

import type { CheckConfig } from "../config/model.js";

/** So many sets are kept before it is looked which are still in use. */
const FEW = 100;

export class OptionNumbers {
  private readonly numbers = new Map<string, number>();
  /** The same for a value that was seen before, without writing it out. */
  private readonly known = new WeakMap<CheckConfig, number>();
  private last = 0;
  private lookAt = FEW;

  get size(): number {
    return this.numbers.size;
  }

  of(check: CheckConfig): number {
    let number = this.known.get(check);
    if (number === undefined) {
      const options = JSON.stringify(check.options ?? null);
      number = this.numbers.get(options) ?? ++this.last;
      this.numbers.set(options, number);
      this.known.set(check, number);
    }
    return number;
  }

  /** Looks at what is in use only when the number of sets has doubled. */
  forgetUnused(inUse: () => Iterable<CheckConfig>): void {
    if (this.numbers.size <= this.lookAt) return;
    const used = new Set<number>();
    for (const check of inUse()) used.add(this.of(check));
    for (const [options, number] of this.numbers) if (!used.has(number)) this.numbers.delete(options);
    this.lookAt = FEW + 2 * this.numbers.size;
  }
}
