// Units of time. A bare number is never a duration: every duration and every point in time in vipd is one
// of the branded types below, made by a function that names its unit. Knows nothing of clocks; the only
// source of an Instant is a Clock port.

/** A length of time in milliseconds; fractions are allowed. */
export type Milliseconds = number & { readonly unit: "ms" };

/** A length of time in hundredths of a second, the unit of VRRPv3 adverts (RFC 9568 section 5.2.7). */
export type Centiseconds = number & { readonly unit: "cs" };

/** A point on the monotonic clock, in milliseconds since an arbitrary start (CLOCK_MONOTONIC). */
export type Instant = number & { readonly unit: "instant" };

export const milliseconds = (n: number): Milliseconds => n as Milliseconds;
export const seconds = (n: number): Milliseconds => (n * 1000) as Milliseconds;
export const minutes = (n: number): Milliseconds => (n * 60_000) as Milliseconds;
export const centiseconds = (n: number): Centiseconds => n as Centiseconds;
export const instant = (n: number): Instant => n as Instant;

export const fromCentiseconds = (cs: Centiseconds): Milliseconds => (cs * 10) as Milliseconds;
/** Rounds to the nearest centisecond; the caller has checked the range 1..4095. */
export const toCentiseconds = (ms: Milliseconds): Centiseconds => Math.round(ms / 10) as Centiseconds;
export const toSeconds = (ms: Milliseconds): number => ms / 1000;

export const after = (at: Instant, wait: Milliseconds): Instant => (at + wait) as Instant;
/** The time from `earlier` to `later`; negative when they are in the other order. */
export const between = (earlier: Instant, later: Instant): Milliseconds => (later - earlier) as Milliseconds;

/** Text for people, exact to the millisecond: "3.609 s", "40 ms", "0.25 ms", "2 min", "1 h". */
export function formatDuration(ms: Milliseconds): string {
  if (ms < 0) return `-${formatDuration(milliseconds(0 - ms))}`;
  if (ms < 1000) return `${trim(ms < 10 ? ms.toFixed(2) : ms.toFixed(0))} ms`;
  if (ms >= 3_600_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  if (ms >= 60_000 && ms % 60_000 === 0) return `${ms / 60_000} min`;
  return `${trim((ms / 1000).toFixed(3))} s`;
}

function trim(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}
