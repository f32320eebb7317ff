// What cron expressions mean, by node-cron: its parsing and matching alone, none of its timers (ADR 21). Whoever needs
// it imports this module when there is a schedule to read, because the package takes longer to load than most
// configurations take to read.

import { createTask, parse, validateDetailed } from "node-cron";
import type { ReadSchedule, Schedule, ScheduleProblem } from "../config/schedule.js";
import { err, ok } from "../core/result.js";

const FIELDS: Readonly<Record<string, { readonly what: string; readonly range: string }>> = {
  minute: { what: "minute", range: "Minutes are 0 to 59." },
  hour: { what: "hour", range: "Hours are 0 to 23." },
  dayOfMonth: { what: "day of the month", range: "Days are 1 to 31, and L is the last one." },
  month: { what: "month", range: "Months are 1 to 12, or jan to dec." },
  dayOfWeek: {
    what: "day of the week",
    range: "Days of the week are 0 to 7, 0 and 7 are Sunday, or sun to sat.",
  },
};
const SHAPE =
  'Write minute, hour, day of the month, month and day of the week: "0 2 * * 0" is Sundays at 2:00.';

export const readSchedule: ReadSchedule = (at, timezone) => {
  const problem = expressionProblem(at);
  if (problem !== undefined) return err(problem);
  if (timezone !== undefined && !isTimeZone(timezone))
    return err({
      part: "timezone",
      problem: `there is no time zone "${timezone}"`,
      hint: "Write one of the names of /usr/share/zoneinfo: Europe/Berlin, UTC.",
    });
  return ok(undefined);
};

function expressionProblem(at: string): ScheduleProblem | undefined {
  const fields = fieldsOf(at);
  if (!isNickname(at) && fields.length !== 5)
    return {
      part: "at",
      problem: `"${at}" has ${fields.length} field${fields.length === 1 ? "" : "s"}, not five`,
      hint: SHAPE,
    };
  const { valid, errors } = validateDetailed(at);
  if (valid) return undefined;
  const said = errors.map(({ field, value, message }) => {
    const known = FIELDS[field];
    if (isNickname(at))
      return {
        problem: `there is no "${at}"`,
        range: "Those with a name are @hourly, @daily, @weekly, @monthly and @yearly.",
      };
    if (known === undefined) return { problem: `"${at}" is no cron expression: ${message}`, range: SHAPE };
    const isPossible = !message.includes("impossible");
    return isPossible
      ? { problem: `"${value ?? ""}" is no ${known.what}`, range: known.range }
      : { problem: `none of its months has a day ${value ?? ""}`, range: "It would never open." };
  });
  return {
    part: "at",
    problem: said.map(({ problem }) => problem).join(", "),
    hint: said.map(({ range }) => range).join(" "),
  };
}

const isNickname = (at: string): boolean => at.startsWith("@");
const fieldsOf = (at: string): readonly string[] => at.trim().split(/\s+/);

/** Of an expression that was read without a problem. */
export function scheduleOf(at: string, timezone: string | undefined): Schedule {
  const opens = matcher(at, timezone);
  // Whatever the zone, its clock and UTC's show the same minute of a quarter.
  const minutes = new Set(parse(at).minute.map((minute) => minute % 15));
  const [, ...rest] = fieldsOf(at);
  const mayOpen = isNickname(at) ? () => true : matcher(["*", ...rest].join(" "), timezone);
  return {
    opensAt: (minute) => minutes.has((minute / 60_000) % 15) && opens(minute),
    mayOpenInHourOf: mayOpen,
  };
}

function matcher(at: string, timezone: string | undefined): (minute: number) => boolean {
  const task = createTask(at, () => undefined, timezone === undefined ? {} : { timezone });
  // Out of the package's list of tasks, which would keep it; what it matches it does all the same.
  void task.destroy();
  return (minute) => task.match(new Date(minute));
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
