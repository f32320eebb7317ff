// Durations as they stand in a configuration: "5s", "100ms", "1m30s". A number without a unit is refused,
// because half of the world's daemons take it for seconds and the other half for milliseconds.

import { err, ok, type Result } from "../core/result.js";
import { milliseconds, type Milliseconds } from "../core/units.js";
import { shown } from "./shown.js";

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/y;

/** Reads "5s", "1.5s", "100ms", "1m30s", "2h"; the error may have a second line with the remedy. */
export function parseDuration(input: unknown): Result<Milliseconds, string> {
  if (typeof input === "number")
    return err(
      `${input} has no unit\nA duration is written with its unit: ${input}s, ${input}ms or ${input}m.`,
    );
  if (typeof input !== "string") return err(`${shown(input)} is not a duration\n${HOW}`);
  if (/^\d+(\.\d+)?$/.test(input)) return parseDuration(Number(input));
  let total = 0;
  let smallest = Infinity;
  let at = 0;
  while (at < input.length) {
    PART.lastIndex = at;
    const part = PART.exec(input);
    const unit = UNITS[part?.[2] ?? ""];
    // Each unit once, from the largest to the smallest: "30s1m" is more likely a slip than a wish.
    if (part === null || unit === undefined || unit >= smallest) return wrong(input);
    smallest = unit;
    total += Number(part[1]) * unit;
    at = PART.lastIndex;
  }
  if (input === "") return wrong(input);
  // Decimal fractions of seconds are whole milliseconds to a person, whatever binary makes of them.
  return ok(milliseconds(Math.round(total * 1000) / 1000));
}

/** In the largest unit that leaves no rest: "2h", "90s", "40.95s", "100ms". */
export function writeDuration(ms: Milliseconds): string {
  if (ms === 0) return "0s";
  if (ms < 1000) return `${ms}ms`;
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1000}s`;
}

const HOW = 'Write a number and a unit: "100ms", "5s", "1m30s", "2h".';

function wrong(text: string): Result<Milliseconds, string> {
  return err(`${JSON.stringify(text)} is not a duration\n${HOW}`);
}
