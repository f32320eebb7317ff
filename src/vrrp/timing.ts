// The arithmetic of VRRP's timers (RFC 9568 section 6.1, RFC 3768 section 6.1). Durations keep their fraction
// of a millisecond: rounded to centiseconds, the skew of priority 254 at 10 ms adverts would be 0, and two
// backups would take over in the same instant. Knows no clock.

import { instant, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import type { Versions } from "./versions.js";

/** The master sends its adverts on a grid of this many points an interval; see `gridded`. */
const GRID_POINTS = 8;

/** How much longer than three intervals a backup of this priority waits: the lower, the longer. */
export function skewTime(version: Versions, priority: number, masterInterval: Milliseconds): Milliseconds {
  // VRRPv2 counts the skew in seconds whatever the interval is (RFC 3768 section 6.1).
  const unit = version === 2 ? 1000 : masterInterval;
  return milliseconds(((256 - priority) * unit) / 256);
}

/** The silence after which a backup takes the master for dead. */
export function masterDownInterval(
  version: Versions,
  priority: number,
  masterInterval: Milliseconds,
): Milliseconds {
  return milliseconds(3 * masterInterval + skewTime(version, priority, masterInterval));
}

/**
 * When a master that sends an advert at `now` sends the next: one interval later, rounded down to a grid of
 * an eighth of the interval. Instances of one interval then fall due together and their adverts leave in one
 * system call; rounding down keeps every gap within the interval that the backups count with.
 */
export function gridded(now: Instant, interval: Milliseconds): Instant {
  const cell = interval / GRID_POINTS;
  const due = Math.floor((now + interval) / cell) * cell;
  return instant(due > now ? due : now + interval);
}

/** The advert deadline that follows `due`: a whole number of intervals later, and in the future. */
export function nextAdvertAt(due: Instant, interval: Milliseconds, now: Instant): Instant {
  const next = due + interval;
  return instant(next > now ? next : due + interval * (Math.floor((now - due) / interval) + 1));
}

/**
 * How long a VRRP process may have been away and still go on as master: its last advert was sent at most one
 * interval before, and no backup gives up on it within three. The quarter is the margin for late wake-ups.
 */
export const resumeLimit = (interval: Milliseconds): Milliseconds => milliseconds(1.75 * interval);

/** The same after a stop that left the addresses here: its last advert was sent when it began. */
export const keptLimit = (interval: Milliseconds): Milliseconds => milliseconds(2.75 * interval);

/**
 * How late a master may wake up for an advert and still be master: its last advert is one interval older, and no
 * backup gives up on it within three.
 */
export const masterStallLimit = (interval: Milliseconds): Milliseconds => milliseconds(2 * interval);

/** How late a backup may wake up and still believe that the silence it noticed was one. */
export const backupStallLimit = (masterInterval: Milliseconds): Milliseconds =>
  milliseconds(masterInterval / 2);

export const later = (a: Instant, b: Instant | undefined): Instant => (b === undefined || a > b ? a : b);

export const earlier = (a: Instant, b: Instant | undefined): Instant => (b === undefined || a < b ? a : b);
