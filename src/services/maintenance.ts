// When a maintenance window is open: from the minutes at which it opens and how long it lasts to since when it is open
// now, and what that makes of the windows of a configuration. Which minutes these are is told by whoever reads cron
// expressions. Pure; times are milliseconds since 1970.

import type { WindowConfig } from "../config/model.js";
import type { Schedule } from "../config/schedule.js";
import type { Milliseconds } from "../core/units.js";
import type { OpenWindow } from "./order.js";

const MINUTE_MS = 60_000;
/** Offsets of time zones are multiples of it: an hour of the clock on the wall begins and ends with one. */
const QUARTER_MS = 15 * MINUTE_MS;
/** A clock that went on by more than this was set, or the machine slept. */
const STEP_MS = 10 * MINUTE_MS;

/** `since`: when it opened first, of openings that overlap; `until`: when the last of them is over. */
export type Opening = {
  readonly open: { readonly since: number; readonly until: number } | undefined;
  readonly askedAt: number;
};

/**
 * As if nothing were known: the first of the openings that overlap up to now. It stops at one that is as old as a window
 * lasts, because deadlines are before that, and openings that overlap may have no first one. Those that are younger
 * all overlap, so that of many only the last and the first are asked for.
 */
export function lookBack(schedule: Schedule, lasts: Milliseconds, now: number): Opening {
  const opening = search(schedule);
  const oldest = minuteOf(now - lasts);
  const last = opening(minuteOf(now), oldest + MINUTE_MS);
  if (last === undefined) return { open: undefined, askedAt: now };
  const first = opening(oldest + MINUTE_MS, last) ?? last;
  // One that is over at this very moment goes on into it; with a window of odd seconds there is no minute for that.
  const ended = first - lasts;
  const before = ended > oldest ? undefined : opening(oldest, ended);
  return { open: { since: before ?? first, until: last + lasts }, askedAt: now };
}

/** Finds the nearest opening from a minute to another moment, both included, whichever of them is later. */
function search(schedule: Schedule): (from: number, to: number) => number | undefined {
  let quarter = NaN;
  let may = false;
  return (from, to) => {
    const step = from <= to ? MINUTE_MS : -MINUTE_MS;
    for (let minute = from; step > 0 ? minute <= to : minute >= to; minute += step) {
      const start = minute - (minute % QUARTER_MS);
      if (start !== quarter) may = schedule.mayOpenInHourOf((quarter = start));
      if (may && schedule.opensAt(minute)) return minute;
    }
    return undefined;
  };
}

/** The same a little later, without asking for every minute again. */
export function lookAgain(before: Opening, schedule: Schedule, lasts: Milliseconds, now: number): Opening {
  const { askedAt } = before;
  if (now < askedAt || now - askedAt > STEP_MS) return lookBack(schedule, lasts, now);
  let { open } = before;
  for (let minute = minuteOf(askedAt) + MINUTE_MS; minute <= now; minute += MINUTE_MS)
    if (schedule.opensAt(minute)) {
      const since = open !== undefined && open.until >= minute ? open.since : minute;
      open = { since, until: minute + lasts };
    }
  return { open: open !== undefined && open.until > now ? open : undefined, askedAt: now };
}

const minuteOf = (now: number): number => now - (now % MINUTE_MS);

/** What an open window orders. */
export const openWindow = (
  { name, action, targets, deadline }: WindowConfig,
  { since, until }: NonNullable<Opening["open"]>,
): OpenWindow => ({
  window: name,
  action,
  targets,
  since,
  until,
  deadline: deadline === undefined ? null : since + deadline,
});

/** When the next look is due: at the next minute, or before it when a window closes within this one. */
export const nextLook = (openings: readonly Opening[], now: number): number =>
  Math.min(minuteOf(now) + MINUTE_MS, ...openings.map(({ open }) => open?.until ?? Infinity));
