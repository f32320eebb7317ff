// When a master is too busy to be one. Its adverts leave late long before they fail, and it can tell; its peers
// could only guess from their absence. One whose adverts are late again and again lowers its priority to 1, so that
// any peer that preempts takes over in order, while it goes on serving should there be none. It comes back after a
// calm minute: as a backup it sends nothing, and cannot tell any sooner whether it would be in time. Pure.

import { seconds, type Milliseconds } from "../core/units.js";
import { OWNER_PRIORITY } from "./state.js";
import type { Priority } from "./priority.js";

/** So many late adverts one after the other are overload, and not a hiccup. */
export const OVERLOAD_ADVERTS = 5;
/** From the last sign of overload until the priority is what it was. */
export const OVERLOAD_HOLD = seconds(60);

const LEAST = 1;

/** The number of late adverts in a row, after one that left `late` after its time. */
export const countLate = (inARow: number, late: number, interval: Milliseconds): number =>
  late > interval / 2 ? inARow + 1 : 0;

/** The priority of an overloaded director. The owner's stays. */
export function lowered({ effective, base, terms }: Priority): Priority {
  if (base === OWNER_PRIORITY || effective === LEAST) return { effective, base, terms };
  const sum = terms.reduce((total, { amount }) => total + amount, base);
  return { effective: LEAST, base, terms: [...terms, { label: "overload", amount: LEAST - sum }] };
}
