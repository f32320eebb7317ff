// The kinds of value a configuration is made of: durations, addresses, ports, lists of status codes. Each
// reads what the file's reader found, says in plain words what is wrong with it, and carries what the
// documentation and the JSON Schema need. The first line of an error is the problem, a second one the
// remedy. Knows nothing of files and positions.
//
// Checkers describe their options with these too. They take this module as an argument (ValueTypes), so that
// the process which runs checks does not load zod.

import { z } from "zod";

import { parseIp, parsePrefix, familyOf, type Family, type IpAddress, type Prefix } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import type { Milliseconds } from "../core/units.js";
import { parseDuration, writeDuration } from "./duration.js";
import { shown } from "./shown.js";
import { didYouMean } from "./suggest.js";
import type * as Own from "./values.js";

/** This module as a value: what a checker's `options` function is given. */
export type ValueTypes = typeof Own;

/** What the documentation says of a kind of value; the rest of a schema's metadata is JSON Schema. */
export type ValueDocs = {
  /** The kind of value in a word or two: "duration". */
  readonly kind: string;
  /** "1 to 255"; durations with their units. */
  readonly range?: string;
};

export type ValueMeta = ValueDocs & {
  /** JSON Schema of what is written in the file. */
  readonly type?: string | readonly string[];
  readonly [keyword: string]: unknown;
};

/**
 * A kind of value. `read` gets whatever stands in the file; its error may have a second line, the remedy.
 * Set `.describe(…)`, and `.prefault(…)` with a default as it would be written in the file.
 */
export function value<T>(
  meta: ValueMeta,
  read: (input: unknown) => Result<T, string>,
): z.ZodPipe<z.ZodUnknown, z.ZodTransform<T>> {
  const written: Read<T> = (input) =>
    input === undefined ? err("is missing") : input === null ? err("has no value") : read(input);
  const transform = (input: unknown, context: z.core.$RefinementCtx): T => {
    const result = written(input);
    if (result.ok) return result.value;
    context.addIssue({ code: "custom", message: result.error, input });
    return z.NEVER;
  };
  return z
    .unknown()
    .transform(Object.assign(transform, { read: written }))
    .meta(meta);
}

type Read<T> = (input: unknown) => Result<T, string>;

/** How a schema that is a kind of value reads; undefined: it is something else. */
export function readerOf(schema: z.ZodType): Read<unknown> | undefined {
  const transform =
    schema instanceof z.ZodPipe && schema.out instanceof z.ZodTransform && schema.out.def.transform;
  return typeof transform === "function" && "read" in transform
    ? (transform.read as Read<unknown>)
    : undefined;
}

/** Keys with a meaning each; any other key is an error. */
export function section<S extends z.core.$ZodShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape);
}

/** One or more of `item`. */
export const list = <T extends z.ZodType>(
  item: T,
  limits: { min?: number; max?: number } = {},
): z.ZodArray<T> =>
  z
    .array(item)
    .min(limits.min ?? 0, `needs at least ${limits.min ?? 0} of them`)
    .max(limits.max ?? 100_000, `has more than ${limits.max ?? 100_000} of them`);

/** A length of time with its unit; the limits are inclusive. */
export function duration(limits: {
  readonly min: Milliseconds;
  readonly max: Milliseconds;
}): z.ZodPipe<z.ZodUnknown, z.ZodTransform<Milliseconds>> {
  const range = `${writeDuration(limits.min)} to ${writeDuration(limits.max)}`;
  return value({ kind: "duration", range, type: "string", pattern: DURATION }, (input) => {
    const read = parseDuration(input);
    if (!read.ok) return read;
    if (read.value < limits.min || read.value > limits.max)
      return err(`${shown(input)} is out of range\nIt must be from ${range}.`);
    return read;
  });
}

/** A whole number; the limits are inclusive. `what` names it in errors: "a port". */
export function integer(limits: {
  readonly min: number;
  readonly max: number;
  readonly what?: string;
}): z.ZodPipe<z.ZodUnknown, z.ZodTransform<number>> {
  const { min, max, what = "It" } = limits;
  const range = `${min} to ${max}`;
  return value({ kind: "number", range, type: "integer", minimum: min, maximum: max }, (input) => {
    // The reader of the file makes numbers of digits; a quoted number is taken for what it says.
    const number = typeof input === "string" && /^-?\d+$/.test(input) ? Number(input) : input;
    if (typeof number !== "number" || !Number.isInteger(number))
      return err(`${shown(input)} is not a whole number\n${what} is a whole number from ${range}.`);
    if (number < min || number > max)
      return err(`${shown(input)} is out of range\n${what} is a whole number from ${range}.`);
    return ok(number);
  });
}

export const port = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<number>> =>
  integer({ min: 1, max: 65535, what: "A port" });

/** IPVS weight: 0 takes no new connections. */
export const weight = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<number>> =>
  integer({ min: 0, max: 2 ** 31 - 1, what: "A weight" });

export const flag = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<boolean>> =>
  value({ kind: "true or false", type: "boolean" }, (input) =>
    typeof input === "boolean" ? ok(input) : err(`${shown(input)} is neither true nor false`),
  );

/** Text of 1 to `max` characters. A number or a truth value without quotes is taken as its text. */
export const text = (
  limits: {
    readonly max?: number;
    readonly pattern?: RegExp;
    readonly what?: string;
    /** The pattern in words: "has letters and digits". */
    readonly rule?: string;
  } = {},
): z.ZodPipe<z.ZodUnknown, z.ZodTransform<string>> => {
  const { max = 4096, pattern, what = "It", rule } = limits;
  const meta = { kind: "text", type: "string", minLength: 1, maxLength: max };
  return value(pattern === undefined ? meta : { ...meta, pattern: pattern.source }, (input) => {
    const string = typeof input === "number" || typeof input === "boolean" ? String(input) : input;
    if (typeof string !== "string") return err(`${shown(input)} is not text`);
    if (string === "") return err("is empty");
    if (string.length > max) return err(`is longer than ${max} characters`);
    if (string.includes("\0")) return err("has a zero byte in it");
    if (pattern !== undefined && !pattern.test(string))
      return err(
        `${shown(input)} has characters that do not belong there\n${what} ${rule ?? `must match ${pattern.source}`}.`,
      );
    return ok(string);
  });
};

/** One of a few words. */
export function choice<const T extends string>(
  words: readonly T[],
  /** What other programs call them. */
  aliases: Readonly<Record<string, T>> = {},
): z.ZodPipe<z.ZodUnknown, z.ZodTransform<T>> {
  return value({ kind: words.map((word) => `\`${word}\``).join(", "), enum: words }, (input) => {
    const found = words.find((word) => word === input);
    if (found !== undefined) return ok(found);
    const near =
      typeof input === "string" ? (aliases[input.toLowerCase()] ?? didYouMean(input, words)) : undefined;
    return err(
      `${shown(input)} is not one of the words for it${near === undefined ? "" : `, did you mean "${near}"?`}\n` +
        `It is one of: ${words.join(", ")}.`,
    );
  });
}

/** An absolute path; it is not looked up. */
export const absolutePath = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<string>> =>
  value({ kind: "absolute path", type: "string", pattern: "^/" }, (input) => {
    if (typeof input !== "string") return err(`${shown(input)} is not a path`);
    if (!input.startsWith("/"))
      return err(
        `${shown(input)} is not an absolute path\nA daemon has no working directory to speak of: start with "/".`,
      );
    if (input.length > 4095 || input.includes("\0")) return err("is not a path the kernel takes");
    return ok(input);
  });

/** A user of the system, by name or number; it is not looked up. */
export const userName = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<string>> =>
  text({ max: 64, pattern: /^[A-Za-z0-9_.$-]+$/, what: "A user" });

const PROGRAM_REMEDY = "Write /path/of/program, or [/path/of/program, argument, …].";

/** A program and its arguments. `absolute`: whether its path has to be, whatever else is written. */
export const programWords = (
  absolute = true,
): z.ZodPipe<z.ZodUnknown, z.ZodTransform<readonly [string, ...string[]]>> =>
  value(
    {
      kind: "absolute path, or list of path and arguments",
      anyOf: [
        { type: "string", minLength: 1 },
        { type: "array", minItems: 1, items: { type: ["string", "number"] } },
      ],
    },
    (input): Result<readonly [string, ...string[]], string> => {
      const words = Array.isArray(input) ? (input as unknown[]) : [input];
      const texts: string[] = [];
      for (const word of words) {
        if (typeof word !== "string" && typeof word !== "number")
          return err(`has something other than text in it\n${PROGRAM_REMEDY}`);
        if (String(word).includes("\0")) return err("has a zero byte in it");
        texts.push(String(word));
      }
      const [program, ...rest] = texts;
      if (program === undefined || program === "") return err(`names no program\n${PROGRAM_REMEDY}`);
      if (absolute && !program.startsWith("/"))
        return err(`${shown(program)} is not an absolute path\n${PROGRAM_REMEDY}`);
      return ok([program, ...rest]);
    },
  );

/** The name of a network interface as Linux takes it. */
export const interfaceName = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<string>> =>
  value({ kind: "interface name", type: "string", minLength: 1, maxLength: 15 }, (input) => {
    const name = typeof input === "number" ? String(input) : input;
    if (typeof name !== "string") return err(`${shown(input)} is not the name of an interface`);
    // linux/if.h: IFNAMSIZ is 16 with the final zero.
    if (name.length > 15)
      return err(
        `${shown(name)} is too long for the name of an interface\nLinux takes at most 15 characters.`,
      );
    if (!/^[^\s/:]+$/.test(name) || name === "." || name === "..")
      return err(`${shown(name)} is not the name of an interface\nIt has no spaces, slashes or colons.`);
    return ok(name);
  });

export const ipAddress = (family?: Family): z.ZodPipe<z.ZodUnknown, z.ZodTransform<IpAddress>> =>
  value(
    { kind: family === undefined ? "IP address" : `${familyName(family)} address`, type: "string" },
    (input) => {
      const read = addressIn(input);
      if (read.ok && family !== undefined && familyOf(read.value) !== family)
        return err(`${read.value} is not an ${familyName(family)} address`);
      return read;
    },
  );

/** ADDRESS/LENGTH; without a length it is a host address. */
export const prefix = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<Prefix>> =>
  value({ kind: "address/length", type: "string" }, (input) =>
    typeof input === "string" ? parsePrefix(input) : err(`${shown(input)} is not an address`),
  );

export type Endpoint = { readonly address: IpAddress; readonly port: number };

/** ADDRESS:PORT or [ADDRESS]:PORT. */
export const endpoint = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<Endpoint>> =>
  value({ kind: "address:port", type: "string" }, (input) => {
    const read = endpointIn(input);
    if (!read.ok) return read;
    const { address, port: number } = read.value;
    if (number === undefined)
      return err(
        `${shown(input)} has no port\nWrite ${familyOf(address) === "ipv4" ? `${address}:80` : `"[${address}]:80"`}.`,
      );
    return ok({ address, port: number });
  });

/** ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT. */
export const maybeEndpoint = (): z.ZodPipe<
  z.ZodUnknown,
  z.ZodTransform<{ readonly address: IpAddress; readonly port?: number }>
> =>
  value({ kind: "address or address:port", type: "string" }, (input) => {
    const read = endpointIn(input);
    if (!read.ok) return read;
    const { address, port: number } = read.value;
    return ok(number === undefined ? { address } : { address, port: number });
  });

/** An inclusive range of HTTP status codes. */
export type StatusRange = { readonly from: number; readonly to: number };

/** 200, "2xx", "200-299", "200,301", or a list of these. */
export const statusSet = (): z.ZodPipe<z.ZodUnknown, z.ZodTransform<readonly StatusRange[]>> =>
  value({ kind: "status codes", range: "100 to 599", type: ["integer", "string", "array"] }, (input) => {
    const ranges: StatusRange[] = [];
    const parts = (Array.isArray(input) ? (input as unknown[]) : [input]).flatMap((part) =>
      typeof part === "string" ? part.split(",").map((piece) => piece.trim()) : [part],
    );
    if (parts.length === 0) return err("names no status code");
    for (const part of parts) {
      const range = statusRange(part);
      if (range === undefined)
        return err(
          `${shown(part)} is no set of HTTP status codes\nWrite 200, 2xx, 200-299, or a list: [200, 301-303].`,
        );
      ranges.push(range);
    }
    return ok(ranges);
  });

function statusRange(part: unknown): StatusRange | undefined {
  const word = typeof part === "number" ? String(part) : part;
  if (typeof word !== "string") return undefined;
  const hundred = /^([1-5])xx$/i.exec(word);
  if (hundred !== null) return { from: Number(hundred[1]) * 100, to: Number(hundred[1]) * 100 + 99 };
  const range = /^([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?$/.exec(word);
  if (range === null) return undefined;
  const from = Number(range[1]);
  const to = Number(range[2] ?? range[1]);
  return from <= to ? { from, to } : undefined;
}

function addressIn(input: unknown): Result<IpAddress, string> {
  if (typeof input !== "string") return err(`${shown(input)} is not an IPv4 or IPv6 address`);
  if (input.includes("/")) {
    return err(
      `${shown(input)} has a prefix length\nHere an address stands alone: ${input.slice(0, input.indexOf("/"))}.`,
    );
  }
  return parseIp(input);
}

function endpointIn(input: unknown): Result<{ address: IpAddress; port?: number }, string> {
  if (typeof input !== "string") return err(`${shown(input)} is not an address`);
  const parts = /^\[([^\]]*)\](?::(.*))?$/.exec(input) ?? /^([^:]*)(?::([^:]*))?$/.exec(input);
  // Anything else with colons is an IPv6 address without brackets, and so without a port.
  const address = addressIn(parts === null ? input : parts[1]);
  if (!address.ok) return address;
  const digits = parts?.[2];
  if (digits === undefined) return ok({ address: address.value });
  const number = Number(digits);
  if (!/^\d{1,5}$/.test(digits) || number > 65535)
    return err(`${JSON.stringify(digits)} is not a port from 0 to 65535`);
  return ok({ address: address.value, port: number });
}

const DURATION = "^(\\d+(\\.\\d+)?h)?(\\d+(\\.\\d+)?m)?(\\d+(\\.\\d+)?s)?(\\d+(\\.\\d+)?ms)?$";

const familyName = (family: Family): string => (family === "ipv4" ? "IPv4" : "IPv6");
