// What a check wants of a DNS answer, and whether it is so. Records are compared as text, in the form in which zone
// files have them. Pure.

import type { ValueTypes } from "../config/values.js";
import { parseIp } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import type { FailReason } from "./checker.js";
import type { DnsMessage, DnsRecord } from "./dns-message.js";
import { sameName } from "./dns-name.js";
import { DNS_TYPES, rcodeText, typeText, type DnsRcode, type DnsType } from "./dns-types.js";
import { printableBytes } from "./printable.js";
import { anyMatches, REGEX_LIMIT_MS, regexBudget, regexProblem, type RegexBudget } from "./regex.js";

type AnswerWish =
  { readonly kind: "data"; readonly data: string } | { readonly kind: "regex"; readonly regex: string };

export type DnsWish = {
  readonly type: DnsType;
  readonly rcode: DnsRcode | "any";
  readonly "min-answers": number;
  readonly answer?: readonly AnswerWish[] | undefined;
};

const REMEDY = "Write the data of a record (192.0.2.1), { regex: … }, or a list of these.";
const ONE = [
  { type: "string", minLength: 1, maxLength: 1024 },
  {
    type: "object",
    required: ["regex"],
    additionalProperties: false,
    properties: { regex: { type: "string", minLength: 1, maxLength: 1024 } },
  },
];

/** The schema of `answer`. */
export const answerWish = (v: ValueTypes) =>
  v.value<readonly AnswerWish[]>(
    {
      kind: "text, `regex`, or a list of these",
      anyOf: [...ONE, { type: "array", minItems: 1, items: { anyOf: ONE } }],
    },
    (input) => {
      const written = Array.isArray(input) ? (input as unknown[]) : [input];
      if (written.length === 0) return err(`wants nothing\n${REMEDY}`);
      const wishes: AnswerWish[] = [];
      for (const one of written) {
        const wish = readWish(one);
        if (!wish.ok) return wish;
        wishes.push(wish.value);
      }
      return ok(wishes);
    },
  );

function readWish(input: unknown): Result<AnswerWish, string> {
  if (typeof input === "string" || typeof input === "number")
    return input === "" ? err("is empty") : ok({ kind: "data", data: String(input) });
  const { regex, ...others } = (input ?? {}) as { readonly regex?: unknown };
  if (typeof input !== "object" || typeof regex !== "string" || Object.keys(others).length > 0)
    return err(`is nothing to look for in answers\n${REMEDY}`);
  const problem = regexProblem(regex, "");
  return problem === undefined ? ok({ kind: "regex", regex }) : err(problem);
}

/** What was seen, for people, or what is wrong with it. */
export function judgeAnswer(
  message: DnsMessage,
  type: number,
  wish: DnsWish,
): Result<string, { readonly reason: FailReason; readonly detail: string }> {
  const code = rcodeText(message.rcode);
  if (wish.rcode !== "any" && code !== wish.rcode)
    return err({ reason: "bad-rcode", detail: `${code}, wanted ${wish.rcode}` });
  const records = message.answers.filter((record) => type === DNS_TYPES.ANY || record.type === type);
  const seen = `${code}, ${answersText(records, type)}${message.truncated ? " (cut off)" : ""}`;
  const wrong = (problem: string) => err({ reason: "wrong-reply", detail: `${seen}; ${problem}` } as const);
  if (message.rcode !== 0) return ok(seen);
  if (records.length < wish["min-answers"]) return wrong(`wanted at least ${wish["min-answers"]}`);
  // One for all records and wishes: a thousand records must not take a thousand times as long as one.
  const budget = regexBudget();
  for (const one of wish.answer ?? []) {
    const problem = missing(records, one, budget);
    if (problem !== undefined) return wrong(problem);
  }
  return ok(seen);
}

/** What to say when no record is as wanted. */
function missing(records: readonly DnsRecord[], wish: AnswerWish, budget: RegexBudget): string | undefined {
  if (wish.kind === "data")
    return records.some(({ type, data }) => comparable(type, data) === comparable(type, wish.data))
      ? undefined
      : `${brief(wish.data)} is not among them`;
  const data = records.map((record) => record.data);
  const matches = anyMatches(wish.regex, "", data, budget);
  if (matches === undefined) return `/${brief(wish.regex)}/ took longer than ${REGEX_LIMIT_MS} ms on them`;
  return matches ? undefined : `/${brief(wish.regex)}/ matches none of them`;
}

/** Addresses and names can be written in more than one way. */
function comparable(type: number, data: string): string {
  if (type === DNS_TYPES.A || type === DNS_TYPES.AAAA) {
    const address = parseIp(data.trim());
    return address.ok ? address.value : data;
  }
  // Text is compared as it is; in all others words are names or numbers.
  if (type === DNS_TYPES.TXT) return data;
  return data.trim().split(/\s+/).map(sameName).join(" ");
}

function answersText(records: readonly DnsRecord[], type: number): string {
  const shown = records.slice(0, 3).map((record) => {
    const data = brief(record.data);
    return record.type === type ? data : `${typeText(record.type)} ${data}`;
  });
  const more = records.length > shown.length ? ", ..." : "";
  const count = records.length === 1 ? "1 answer" : `${records.length} answers`;
  return shown.length === 0 ? "no answers" : `${count}: ${shown.join(", ")}${more}`;
}

const brief = (text: string): string => printableBytes(text, 80);
