// What the HTTP checks ask for and with which headers, as it is configured; how it goes over the connection is
// http-1.ts's and http-2.ts's business.

import type { ValueTypes } from "../config/values.js";
import type { IpAddress } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import type { FailReason } from "./checker.js";
import { base64, type Login } from "./login.js";
import { printableBytes } from "./printable.js";

export type Method = "GET" | "HEAD";
export type HttpVersion = "1.0" | "1.1" | "2";

export type HttpRequest = {
  readonly method: Method;
  readonly path: string;
  /** Names in lower case; "host" is among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBody: number;
  /** Whether anything is to be looked for in it. */
  readonly keepBody: boolean;
  /** A wrong status is a verdict by itself: the body is not read then. */
  readonly isGood: (status: number) => boolean;
  /** Told when the first of the answer is there. */
  readonly onAnswer: () => void;
};

export type Answer = {
  readonly status: number;
  readonly reasonPhrase: string;
  readonly body: Buffer;
  /** How the server has packed it, against our wish; undefined: as it is. */
  readonly coding?: string | undefined;
  /** Whether there was more than `max-body`. */
  readonly cut: boolean;
};
export type Failure = { readonly reason: FailReason; readonly detail: string };

/** Of an answer's header, all lines together. */
export const LARGEST_HEADER = 16_384;

/** Whoever sets these would get another request than he thinks. */
const OURS: Readonly<Record<string, string>> = {
  host: "use `host`",
  authorization: "use `auth`, so that no password stands in the configuration",
  connection: "each request has a connection of its own",
  "content-length": "a check sends no body",
  "transfer-encoding": "a check sends no body",
};

export const headersOption = (v: ValueTypes) =>
  v.value<Readonly<Record<string, string>>>(
    {
      kind: "mapping of names to texts",
      type: "object",
      maxProperties: 32,
      additionalProperties: { type: ["string", "number", "boolean"] },
    },
    (input): Result<Readonly<Record<string, string>>, string> => {
      if (typeof input !== "object" || input === null || Array.isArray(input))
        return err("is no mapping\nWrite the headers as { X-Name: value }.");
      const headers: Record<string, string> = {};
      for (const [written, given] of Object.entries(input as Record<string, unknown>)) {
        const name = written.toLowerCase();
        if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/.test(name))
          return err(`has a name that is none of a header: ${JSON.stringify(written)}`);
        const ours = OURS[name];
        if (ours !== undefined) return err(`must not have ${written}\nLeave it out: ${ours}.`);
        if (typeof given !== "string" && typeof given !== "number" && typeof given !== "boolean")
          return err(`has something other than text for ${written}`);
        const text = String(given);
        if (!/^[\x20-\x7e]{0,1000}$/.test(text))
          return err(
            `has a value for ${written} that is longer than 1000 characters, or has others than ASCII`,
          );
        headers[name] = text;
      }
      return Object.keys(headers).length > 32 ? err("has more than 32 headers") : ok(headers);
    },
  );

/** YAML takes 1.1 and 2 for numbers, and 1.0 for the number 1. */
export const versionOption = (v: ValueTypes) =>
  v.value<HttpVersion>({ kind: "`1.0`, `1.1`, `2`", enum: ["1.0", "1.1", "2", 1, 1.1, 2] }, (input) => {
    if (input === 1 || input === "1.0" || input === "1") return ok("1.0");
    if (input === 1.1 || input === "1.1") return ok("1.1");
    if (input === 2 || input === "2" || input === "2.0") return ok("2");
    return err("is no version of HTTP that there are checks for\nIt is one of: 1.0, 1.1, 2.");
  });

export function hostHeader(address: IpAddress, port: number, usual: number): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return port === usual ? host : `${host}:${port}`;
}

export function requestHeaders(
  host: string,
  given: Readonly<Record<string, string>> | undefined,
  login: Login | undefined,
): Record<string, string> {
  return {
    host,
    "user-agent": "vipd-check",
    accept: "*/*",
    // Without it a server may pack the body, and nothing would be found in it (RFC 9110 section 12.5.3).
    "accept-encoding": "identity",
    ...(login === undefined ? {} : { authorization: `Basic ${base64(`${login.user}:${login.password}`)}` }),
    ...given,
  };
}

/** Of the value of Content-Encoding. */
export const codingOf = (value: string | undefined): string | undefined =>
  value === undefined || value === "" || value.toLowerCase() === "identity"
    ? undefined
    : printableBytes(value, 40);

/** Of which the value is a secret, as likely as not. */
export const looksSecret = (name: string): boolean => /auth|cookie|token|secret|password|key/.test(name);

export const ENDED_BEFORE: Failure = {
  reason: "closed-early",
  detail: "the connection ended before the answer",
};
export const closedEarly = (got: number, length: string | undefined): Failure => ({
  reason: "closed-early",
  detail: `the connection ended after ${got}${length === undefined ? "" : ` of ${length}`} bytes of the body`,
});
export const stillComing = (status: number, got: number, length: string | undefined): string =>
  `${status} came, but not all of the body in time: ${got}${length === undefined ? "" : ` of ${length}`} bytes`;
export const NO_ANSWER = "no answer to the request in time";
