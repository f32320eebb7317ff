// Where a real server stands: in the table with its weight, without it, or not at all, and why. One word each, for
// the table and for people alike.

import type { Instant } from "../core/units.js";
import type { ServerView } from "./server-input.js";

export type Place =
  /** In the table with its effective weight. */
  | "serves"
  /** It is down, and stays in the table because too many failed together. */
  | "held"
  /** It is down, or a sorry server serves in its place, and stays in the table with weight 0. */
  | "inhibited"
  /** Not in the table: it is down, or somebody ordered it out. */
  | "out"
  /** Not in the table before its first check has succeeded. */
  | "waits"
  /** Not in the table: it is up, but the quorum is lost, and a sorry server serves in its place. */
  | "stands-down";

/** `mayServe` false: a sorry server does. */
export function placeOf(view: ServerView, isHeld: boolean, mayServe: boolean, now: Instant): Place {
  const { health, override, inhibit, waits } = view;
  if (override?.kind === "disable") return "out";
  if (override?.kind === "drain" && (override.isEmpty || now >= (override.removeAt ?? Infinity)))
    return "out";
  if (override?.kind !== "enable") {
    if (health === "down" && isHeld && mayServe) return "held";
    if (health === "down") return inhibit ? "inhibited" : "out";
    if (health === "unknown" && waits) return "waits";
  }
  if (mayServe) return "serves";
  // Whoever drains a server wants its connections to go on.
  return inhibit || override?.kind === "drain" ? "inhibited" : "stands-down";
}
