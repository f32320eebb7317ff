// What a check can want of an HTTP body: some text in it, a match of a regular expression, or its digest.

import { createHash } from "node:crypto";

import type { ValueTypes } from "../config/values.js";
import { err, ok, type Result } from "../core/result.js";
import { printable } from "./printable.js";
import { matchEnd, REGEX_LIMIT_MS, regexProblem } from "./regex.js";

export type BodyWish =
  | { readonly kind: "contains"; readonly text: string }
  | { readonly kind: "regex"; readonly pattern: string; readonly flags: string }
  | { readonly kind: "digest"; readonly algorithm: "sha256" | "md5"; readonly hex: string };

const DIGEST_DIGITS = { sha256: 64, md5: 32 } as const;
const REMEDY = 'Write text that must be in it, or one of { regex: "^ok" }, { sha256: … }, { md5: … }.';

/** The schema of `body`. */
export const bodyWish = (v: ValueTypes) =>
  v.value<BodyWish>(
    {
      kind: "text, or `regex`, `sha256`, `md5`",
      anyOf: [
        { type: "string", minLength: 1, maxLength: 1024 },
        {
          type: "object",
          minProperties: 1,
          maxProperties: 1,
          additionalProperties: false,
          properties: {
            regex: { type: "string", minLength: 1, maxLength: 1024 },
            sha256: { type: "string", pattern: "^[0-9a-fA-F]{64}$" },
            md5: { type: "string", pattern: "^[0-9a-fA-F]{32}$" },
          },
        },
      ],
    },
    (input) => {
      if (typeof input === "string" || typeof input === "number") return contains(String(input));
      if (typeof input !== "object" || input === null || Array.isArray(input))
        return err(`is not something to look for in a body\n${REMEDY}`);
      const entries = Object.entries(input as Record<string, unknown>);
      const [key, wanted] = entries[0] ?? [];
      if (entries.length !== 1 || key === undefined) return err(`must have exactly one key\n${REMEDY}`);
      if (typeof wanted !== "string") return err(`has something other than text for "${key}"\n${REMEDY}`);
      if (key === "regex") return regex(wanted);
      if (key === "sha256" || key === "md5") return digest(key, wanted);
      return err(`has the unknown key "${key}"\n${REMEDY}`);
    },
  );

function contains(text: string): Result<BodyWish, string> {
  if (text === "") return err("is empty: every body has that in it");
  if (text.length > 1024) return err("is longer than 1024 characters");
  return ok({ kind: "contains", text });
}

function regex(pattern: string): Result<BodyWish, string> {
  // A body has many lines; ^ and $ mean those, as in grep.
  const flags = "m";
  const problem = regexProblem(pattern, flags);
  return problem === undefined ? ok({ kind: "regex", pattern, flags }) : err(problem);
}

function digest(algorithm: "sha256" | "md5", text: string): Result<BodyWish, string> {
  const digits = DIGEST_DIGITS[algorithm];
  const hex = text.toLowerCase();
  return hex.length === digits && /^[0-9a-f]+$/.test(hex)
    ? ok({ kind: "digest", algorithm, hex })
    : err(`has no ${algorithm} digest\nIt has ${digits} hexadecimal digits, as ${algorithm}sum prints them.`);
}

/** What is wrong with the body, or nothing. */
export function bodyProblem(wish: BodyWish, body: Buffer): string | undefined {
  switch (wish.kind) {
    case "contains":
      return body.includes(wish.text)
        ? undefined
        : `${JSON.stringify(wish.text)} is not in the body (${body.length} bytes: ${excerpt(body)})`;
    case "regex": {
      const end = matchEnd(wish.pattern, wish.flags, body.toString("utf8"));
      if (end === undefined)
        return `/${wish.pattern}/ took longer than ${REGEX_LIMIT_MS} ms on ${body.length} bytes`;
      return end >= 0
        ? undefined
        : `/${wish.pattern}/ matches nothing in the body (${body.length} bytes: ${excerpt(body)})`;
    }
    case "digest": {
      const got = createHash(wish.algorithm).update(body).digest("hex");
      return got === wish.hex
        ? undefined
        : `${wish.algorithm} of the body (${body.length} bytes) is ${got}, not ${wish.hex}`;
    }
  }
}

function excerpt(body: Buffer): string {
  const start = body.subarray(0, 60).toString("utf8");
  return printable(JSON.stringify(start)) + (body.length > 60 ? "..." : "");
}
