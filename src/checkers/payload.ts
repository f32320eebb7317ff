// What a check sends: text, or bytes written as hexadecimal digits for protocols that are not text.

import type { ValueTypes } from "../config/values.js";
import { err, ok, type Result } from "../core/result.js";

export type Payload =
  { readonly kind: "text"; readonly text: string } | { readonly kind: "hex"; readonly hex: string };

const MOST = 4096;
const REMEDY = 'Write text ("PING\\r\\n"), or { hex: "00 ff" }.';

/** The schema of something to send. */
export const payload = (v: ValueTypes) =>
  v.value<Payload>(
    {
      kind: "text, or `hex`",
      anyOf: [
        { type: "string", minLength: 1, maxLength: MOST },
        {
          type: "object",
          required: ["hex"],
          additionalProperties: false,
          properties: { hex: { type: "string", minLength: 2, maxLength: 3 * MOST } },
        },
      ],
    },
    (input) => {
      if (typeof input === "string" || typeof input === "number") return textOf(String(input));
      if (typeof input !== "object" || input === null || Array.isArray(input))
        return err(`is nothing to send\n${REMEDY}`);
      const keys = Object.keys(input);
      if (keys.length !== 1 || keys[0] !== "hex") return err(`must have the one key "hex"\n${REMEDY}`);
      return hexOf((input as { hex: unknown }).hex);
    },
  );

export function textOf(text: string): Result<{ readonly kind: "text"; readonly text: string }, string> {
  if (text === "") return err("is empty");
  return text.length > MOST ? err(`is longer than ${MOST} characters`) : ok({ kind: "text", text });
}

/** Pairs of digits, with spaces or colons between them where they help the eye. */
export function hexOf(written: unknown): Result<{ readonly kind: "hex"; readonly hex: string }, string> {
  // The reader of the file makes a number of digits alone, and its zeros at the front are gone.
  if (typeof written !== "string") return err('has no text for "hex"\nPut the digits in quotation marks.');
  const hex = written.replace(/[\s:]+/g, "").toLowerCase();
  if (!/^([0-9a-f]{2})+$/.test(hex)) return err('has no pairs of hexadecimal digits for "hex"');
  return hex.length > 2 * MOST ? err(`is longer than ${MOST} bytes`) : ok({ kind: "hex", hex });
}

export const payloadBytes = (payload: Payload): Buffer =>
  payload.kind === "text" ? Buffer.from(payload.text, "utf8") : Buffer.from(payload.hex, "hex");
