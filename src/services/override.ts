// How a drain goes: from what the kernel counts of a server's connections to whether it may leave the table, and how
// long that will take at the rate at which they end. Pure. What counts: connections that are open (active), those that
// are opening, closing or have no states, as UDP (inactive), and the clients that persistence would send here again.

import { between, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import type { ListedServer } from "../ipvs/model.js";

export type Connections = { readonly active: number; readonly inactive: number; readonly persistent: number };

export const NO_CONNECTIONS: Connections = { active: 0, inactive: 0, persistent: 0 };

export const connectionsOf = ({ active = 0, inactive = 0, persistent = 0 }: ListedServer): Connections => ({
  active,
  inactive,
  persistent,
});
export const countOf = ({ active, inactive, persistent }: Connections): number =>
  active + inactive + persistent;

export type Drain = {
  readonly left: Connections;
  /** None is left: once it is so it stays so. */
  readonly isEmpty: boolean;
  /** How many end in a second, of late. */
  readonly rate: number;
  readonly seenAt: Instant;
};

/** The rate is that of about so long. */
const MEMORY = milliseconds(30_000);

/** `seen`: as the kernel lists it; undefined: it does not. */
export function stepDrain(before: Drain | undefined, seen: ListedServer | undefined, now: Instant): Drain {
  const left = seen === undefined ? NO_CONNECTIONS : connectionsOf(seen);
  // Until its weight is 0 it may get new ones.
  const isEmpty =
    before?.isEmpty === true || seen === undefined || (seen.weight === 0 && countOf(left) === 0);
  return { left, isEmpty, rate: before === undefined ? 0 : nextRate(before, left, now), seenAt: now };
}

function nextRate({ rate, left, seenAt }: Drain, now: Connections, at: Instant): number {
  const passed = between(seenAt, at);
  if (passed <= 0) return rate;
  const ended = ((countOf(left) - countOf(now)) * 1000) / passed;
  // The first rate that is seen is as good as any.
  if (rate === 0) return Math.max(0, ended);
  const share = 1 - Math.exp((0 - passed) / MEMORY);
  return Math.max(0, rate + share * (ended - rate));
}

/** How long until none is left, at this rate; undefined: nobody can tell. */
export function timeLeft({ left, isEmpty, rate }: Drain): Milliseconds | undefined {
  if (isEmpty) return milliseconds(0);
  // Less than one in a quarter of an hour is no rate.
  return rate < 1 / 900 ? undefined : milliseconds((countOf(left) * 1000) / rate);
}
