// From the results of one check to up or down: so many successes in a row bring it up, so many failures in a
// row take it down. A check without history is decided by its first result, because there is nothing yet that
// the counts would protect.

import type { HealthState } from "../core/health-state.js";

export type Health = {
  readonly state: HealthState;
  /** How many results in a row were as the last one was. */
  readonly inARow: number;
  readonly lastOk: boolean | undefined;
};

export type HealthCounts = {
  /** Successes in a row that bring it up, 1 or more. */
  readonly rise: number;
  /** Failures in a row that take it down, 1 or more. */
  readonly fall: number;
};

export type HealthStep = { readonly health: Health; readonly changed: boolean };

export const newHealth = (state: HealthState = "unknown"): Health => ({
  state,
  inARow: 0,
  lastOk: undefined,
});

export function stepHealth(health: Health, ok: boolean, counts: HealthCounts): HealthStep {
  const inARow = health.lastOk === ok ? health.inARow + 1 : 1;
  const state = nextState(health.state, ok, inARow, counts);
  return { health: { state, inARow, lastOk: ok }, changed: state !== health.state };
}

function nextState(state: HealthState, ok: boolean, inARow: number, counts: HealthCounts): HealthState {
  switch (state) {
    case "unknown":
      return ok ? "up" : "down";
    case "up":
      return !ok && inARow >= counts.fall ? "down" : "up";
    case "down":
      return ok && inARow >= counts.rise ? "up" : "down";
  }
}
