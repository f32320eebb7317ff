// How long the addresses of an instance may have been without a master before it took them: what its clients were
// without, as far as this director can know. An upper bound: somebody was master when he was last heard, and we are
// master when our announcement has left; what happened in between nobody here has seen.

import { between, type Instant } from "../core/units.js";
import type { TransitionReason, Vacancy } from "./reasons.js";
import type { State } from "./state.js";

/** Of an instance that was `before` and has announced its addresses as master at `announced`. */
export function vacancyOf(before: State, reason: TransitionReason, announced: Instant): Vacancy {
  if (reason.kind === "resumed" || (before.kind === "backup" && before.holds === true))
    return { kind: "kept" };
  if (before.kind !== "backup") return { kind: "unheard", listened_ms: 0 };
  const { master, resigned, lower } = before;
  let last: { readonly kind: "silent" | "resigned" | "preempted"; readonly from: typeof master } | undefined;
  // The latest of them counts: of equal ones the first that is named here.
  for (const [kind, from] of [
    ["preempted", lower],
    ["resigned", resigned],
    ["silent", master],
  ] as const)
    if (from !== undefined && (last?.from === undefined || from.heardAt > last.from.heardAt))
      last = { kind, from };
  if (last?.from === undefined)
    return { kind: "unheard", listened_ms: Math.max(0, between(before.since, announced)) };
  const { address, heardAt } = last.from;
  return { kind: last.kind, master: address, at_most_ms: Math.max(0, between(heardAt, announced)) };
}
