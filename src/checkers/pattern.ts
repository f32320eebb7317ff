// What must be in the bytes that a server sends: text, a match of a regular expression, or bytes written as
// hexadecimal digits.

import type { ValueTypes } from "../config/values.js";
import { err, ok, type Result } from "../core/result.js";
import { hexOf, textOf, type Payload } from "./payload.js";
import { matchEnd, REGEX_LIMIT_MS, regexProblem, type RegexBudget } from "./regex.js";

export type Pattern = Payload | { readonly kind: "regex"; readonly regex: string };

// What is sent has many lines; ^ and $ mean those, as in grep.
const FLAGS = "m";
const REMEDY = 'Write text that must be in it, or one of { regex: "^ok" }, { hex: "00 ff" }, { text: … }.';

/** The JSON Schema of what `readPattern` takes. */
export const patternForms = [
  { type: "string", minLength: 1, maxLength: 4096 },
  {
    type: "object",
    minProperties: 1,
    maxProperties: 1,
    additionalProperties: false,
    properties: {
      text: { type: "string", minLength: 1, maxLength: 4096 },
      regex: { type: "string", minLength: 1, maxLength: 1024 },
      hex: { type: "string", minLength: 2 },
    },
  },
] as const;

/** The schema of a pattern. */
export const pattern = (v: ValueTypes) =>
  v.value<Pattern>({ kind: "text, or `regex`, `hex`, `text`", anyOf: patternForms }, readPattern);

export function readPattern(input: unknown): Result<Pattern, string> {
  if (typeof input === "string" || typeof input === "number") return textOf(String(input));
  if (typeof input !== "object" || input === null || Array.isArray(input))
    return err(`is nothing to look for\n${REMEDY}`);
  const entries = Object.entries(input as Record<string, unknown>);
  const [key, wanted] = entries[0] ?? [];
  if (entries.length !== 1 || key === undefined) return err(`must have exactly one key\n${REMEDY}`);
  if (key === "hex") return hexOf(wanted);
  if (typeof wanted !== "string") return err(`has something other than text for "${key}"\n${REMEDY}`);
  if (key === "text") return textOf(wanted);
  if (key !== "regex") return err(`has the unknown key "${key}"\n${REMEDY}`);
  const problem = regexProblem(wanted, FLAGS);
  return problem === undefined ? ok({ kind: "regex", regex: wanted }) : err(problem);
}

/** Where the first place that is as wanted ends; -1: there is none; undefined: the regular expression took too long. */
export function patternEnd(wanted: Pattern, bytes: Buffer, budget?: RegexBudget): number | undefined {
  if (wanted.kind === "regex")
    // A character a byte, on both sides, so that places in the text are places in the bytes.
    return matchEnd(byteText(Buffer.from(wanted.regex, "utf8")), FLAGS, byteText(bytes), budget);
  const sought = Buffer.from(
    wanted.kind === "text" ? wanted.text : wanted.hex,
    wanted.kind === "text" ? "utf8" : "hex",
  );
  const at = bytes.indexOf(sought);
  return at < 0 ? -1 : at + sought.length;
}

/** What is wrong with these bytes, or nothing. `subject`: "the reply". */
export function patternProblem(wanted: Pattern, bytes: Buffer, subject: string): string | undefined {
  const end = patternEnd(wanted, bytes);
  if (end === undefined) return tooSlow(wanted, bytes);
  return end >= 0 ? undefined : `${patternText(wanted)} is not in ${subject}: ${excerpt(bytes)}`;
}

export const tooSlow = (wanted: Pattern, bytes: Buffer): string =>
  `${patternText(wanted)} took longer than ${REGEX_LIMIT_MS} ms on ${bytes.length} bytes`;

export function patternText(wanted: Pattern): string {
  switch (wanted.kind) {
    case "text":
      return JSON.stringify(short(wanted.text, 60));
    case "regex":
      return `/${short(wanted.regex, 60)}/`;
    case "hex":
      return `hex ${short(wanted.hex, 60)}`;
  }
}

/** The beginning of what was received, for people: bytes as digits when they are no text. */
export function excerpt(bytes: Buffer): string {
  if (bytes.length === 0) return "nothing";
  const start = bytes.subarray(0, 60);
  const isText = start.every(
    (byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127),
  );
  const shown = isText ? JSON.stringify(byteText(start)) : `hex ${start.subarray(0, 30).toString("hex")}`;
  const rest = bytes.length > (isText ? 60 : 30) ? "..." : "";
  return `${bytes.length} bytes: ${shown}${rest}`;
}

const byteText = (bytes: Buffer): string => bytes.toString("latin1");
const short = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most)}...` : text;
