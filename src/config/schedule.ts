// What is asked of whoever reads cron expressions: whether one can be understood, and when it opens a window. The
// package that can tell is loaded only for files that have such expressions (ADR 20), so that this comes in as a value.

import type { Result } from "../core/result.js";

export type ScheduleProblem = {
  readonly part: "at" | "timezone";
  readonly problem: string;
  readonly hint: string;
};
/** Whether a cron expression, by the clock of a time zone or the machine's, can be understood. */
export type ReadSchedule = (at: string, timezone: string | undefined) => Result<undefined, ScheduleProblem>;

/** Minutes are milliseconds since 1970. Neither answer is cheap: they ask for the time of a zone. */
export type Schedule = {
  /** Whether a window opens at this minute. */
  readonly opensAt: (minute: number) => boolean;
  /** Whether it may open in the hour that this minute is in. */
  readonly mayOpenInHourOf: (minute: number) => boolean;
};
