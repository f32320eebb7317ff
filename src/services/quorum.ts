// Whether enough of a service is up: the sum of the weights that serve against the quorum, with a hysteresis so that
// a sum that goes to and fro changes nothing. As keepalived counts it.

import type { ServicePolicy } from "../config/model.js";

/**
 * Up at `quorum` and `hysteresis`, lost below `quorum` less `hysteresis`, and with nothing at all. `was` undefined: a
 * service that begins counts as if it had been up.
 */
export function hasQuorum(
  was: boolean | undefined,
  sum: number,
  { quorum, hysteresis }: Pick<ServicePolicy, "quorum" | "hysteresis">,
): boolean {
  if (sum === 0) return false;
  return was === false ? sum >= quorum + hysteresis : sum >= quorum - hysteresis;
}
