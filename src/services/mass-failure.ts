// Whether so many servers fail together that the servers are not the likeliest reason: a director that has lost its
// own network sees all of them fail at once. It begins when many fail within a short time, and is over when no more
// of them are down than would begin it. Knows nothing of what is done then.

import type { MassFailure } from "../config/model.js";
import { minutes, type Instant } from "../core/units.js";
import type { ServerId } from "../ipvs/model.js";
import type { ServerView } from "./server-input.js";

export const DEFAULT_MASS_FAILURE: MassFailure = { share: 50, within: minutes(1), atLeast: 4, keep: 50 };

export type FailureCount = {
  /** Without those that somebody has ordered in or out. */
  readonly total: number;
  readonly down: number;
  /** Those of them that went down within the time that counts. */
  readonly together: number;
};

export function isMassFailure(
  was: boolean,
  { total, down, together }: FailureCount,
  { share, atLeast }: MassFailure,
): boolean {
  if (total < atLeast) return false;
  return (was ? down : together) * 100 > share * total;
}

export function countFailures(
  views: Iterable<ServerView>,
  within: MassFailure["within"],
  now: Instant,
): FailureCount {
  const count = { total: 0, down: 0, together: 0 };
  for (const { health, failedAt, override } of views) {
    if (override !== undefined) continue;
    count.total++;
    if (health !== "down") continue;
    count.down++;
    if (failedAt !== undefined && now - failedAt <= within) count.together++;
  }
  return count;
}

/** Those of the servers that are down which are kept, so that a `keep` percentage stays: the last to fail. */
export function heldServers(
  views: ReadonlyMap<ServerId, ServerView>,
  { total, down: failed }: FailureCount,
  keep: number,
): ReadonlySet<ServerId> {
  const least = Math.max(1, Math.ceil((keep * total) / 100));
  const down = [...views].filter(([, { health, override }]) => health === "down" && override === undefined);
  const lastFailure = ({ failedAt }: ServerView): number => failedAt ?? -Infinity;
  down.sort(([, a], [, b]) => Math.sign(lastFailure(b) - lastFailure(a)) || 0);
  return new Set(down.slice(0, Math.max(0, least - (total - failed))).map(([id]) => id));
}
