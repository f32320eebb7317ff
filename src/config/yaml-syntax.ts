// The syntax of YAML, with words about the file in place of the parser's own. The parser stops at the first thing that
// it does not understand: the lines to blame are then left out, and the rest is read, so that all mistakes are told at
// once. Whatever is left out leaves a hole of spaces, so that all else stands where it stood.

import { parseEvents, YAMLException } from "js-yaml";

import type { Span } from "./diagnostic.js";

export type Event = ReturnType<typeof parseEvents>[number];
export type YamlProblem = Span & { readonly message: string; readonly hint?: string; readonly code: string };
/** Where lines were left out, and how far their first one is indented. */
export type Hole = {
  readonly offset: number;
  readonly column: number;
  /** Names that were given there, and that others may use. */
  readonly anchors: readonly string[];
};

export type Parsed = {
  /** Absent: nothing was understood. */
  readonly events?: readonly Event[];
  /** The text that they are of. */
  readonly rest: string;
  readonly problems: readonly YamlProblem[];
  readonly holes: readonly Hole[];
};

const MOST_DEPTH = 60;
/** Further ones are not looked for: such a file is none of YAML. */
const MOST_PROBLEMS = 12;
/** How far up the line to blame may be. */
const MOST_LINES_BACK = 400;

export function parseWhatCan(text: string): Parsed {
  const problems: YamlProblem[] = [];
  const holes: Hole[] = [];
  for (let rest = text; ;) {
    const parsed = parse(rest);
    if ("events" in parsed) return { events: parsed.events, rest, problems, holes };
    const left = leaveOut(rest, parsed.error);
    problems.push(syntaxProblem(text, parsed.error, left?.opener));
    if (left === undefined || problems.length === MOST_PROBLEMS) return { rest, problems, holes };
    rest = left.rest;
    holes.push(...left.holes);
  }
}

function parse(text: string): { readonly events: readonly Event[] } | { readonly error: YAMLException } {
  try {
    return { events: parseEvents(text, { maxDepth: MOST_DEPTH }) };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    return { error };
  }
}

type Left = {
  readonly rest: string;
  readonly holes: readonly Hole[];
  /** What they open and nobody closes. */
  readonly opener?: number;
};

/** The text without the lines to blame: those without which the parser comes furthest. Undefined: it comes nowhere. */
function leaveOut(text: string, error: YAMLException): Left | undefined {
  const at = positionOf(text, error);
  if (/^tab characters/.test(error.reason)) {
    const tabbed = [...text.matchAll(/^ *\t[\t ]*[^\s#]/gm)].map(({ index }) => index);
    return tabbed.length === 0 ? undefined : without(text, tabbed);
  }
  let best: { readonly left: Left; readonly reaches: number } | undefined;
  for (const line of suspects(text, at)) {
    const left = without(text, [line]);
    const parsed = parse(left.rest);
    const reaches = "events" in parsed ? Number.POSITIVE_INFINITY : positionOf(text, parsed.error);
    if (reaches > at && (best === undefined || reaches > best.reaches)) best = { left, reaches };
  }
  const start = best?.left.holes[0]?.offset;
  if (best === undefined || start === undefined || start === lineStart(text, at)) return best?.left;
  const opener = openerIn(text.slice(start, lineEnd(text, start)));
  return opener === undefined ? best.left : { ...best.left, opener: start + opener };
}

/** Where the lines begin that may be to blame: this one, the one before, and one that opens what nobody closes. */
function suspects(text: string, at: number): readonly number[] {
  const lines: number[] = [];
  let start = lineStart(text, at);
  for (let back = 0; back < MOST_LINES_BACK; back++) {
    const line = text.slice(start, lineEnd(text, start));
    if (/^\s*[^\s#]/.test(line) && (lines.length < 2 || openerIn(line) !== undefined)) lines.push(start);
    if (start === 0 || lines.length > 2) break;
    start = lineStart(text, start - 1);
  }
  return lines;
}

/** Where a bracket or a quote is opened and not closed on this line. */
function openerIn(line: string): number | undefined {
  const bare = line
    .replaceAll(/"(?:[^"\\]|\\.)*"|'[^']*'/g, (quoted) => "x".repeat(quoted.length))
    .replace(/(^|\s)#.*/, "");
  const quote = /(?<=^|[\s[{:,-])["']/.exec(bare);
  if (quote !== null) return quote.index;
  const open: number[] = [];
  for (const { 0: bracket, index } of bare.matchAll(/[[{\]}]/g))
    if (bracket === "[" || bracket === "{") open.push(index);
    else open.pop();
  return open.at(-1);
}

/** Leaves out the lines that begin here, each with those below that are indented deeper. */
function without(text: string, starts: readonly number[]): Left {
  const holes: Hole[] = [];
  const parts: string[] = [];
  let done = 0;
  for (const start of starts) {
    if (start < done) continue;
    const column = columnAt(text, start);
    let end = lineEnd(text, start);
    for (let next = end + 1; next < text.length; next = lineEnd(text, next) + 1) {
      const isBlank = /^[\t ]*\r?$/.test(text.slice(next, lineEnd(text, next)));
      if (!isBlank && columnAt(text, next) <= column) break;
      end = lineEnd(text, next);
    }
    parts.push(text.slice(done, start), text.slice(start, end).replaceAll(/[^\r\n]/g, " "));
    done = end;
    const anchors = [...text.slice(start, end).matchAll(/&([^\s[\]{},]+)/g)].map(([, name = ""]) => name);
    holes.push({ offset: start, column, anchors });
  }
  return { rest: parts.join("") + text.slice(done), holes };
}

const columnAt = (text: string, start: number): number => {
  const found = /[^\t ]/.exec(text.slice(start, lineEnd(text, start)));
  return found?.index ?? 0;
};
const lineStart = (text: string, at: number): number => (at <= 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1);
function lineEnd(text: string, start: number): number {
  const feed = text.indexOf("\n", start);
  return feed < 0 ? text.length : feed;
}

const positionOf = (text: string, { mark }: YAMLException): number =>
  Math.min(mark?.position ?? 0, Math.max(0, text.length - 1));

/** The package's words for what goes wrong most often are about its parser; these are about the file. */
function syntaxProblem(text: string, error: YAMLException, opener: number | undefined): YamlProblem {
  const position = positionOf(text, error);
  const line = text.slice(text.lastIndexOf("\n", position - 1) + 1, position + 1);
  const { reason } = error;
  if (opener !== undefined) return { offset: opener, length: 1, code: "yaml", ...NOT_CLOSED };
  const [, message, hint] = /\[[0-9a-fA-F:]+\]:?$/.test(line)
    ? BARE_BRACKETS
    : (SYNTAX.find(([pattern]) => pattern.test(reason)) ?? [reason, reason, undefined]);
  // At the end of a text or a line there is nothing to mark; the last character before it is shown instead.
  let offset = position;
  while (offset > 0 && /[\r\n\0]/.test(text[offset] as string)) offset--;
  return { offset, length: 1, code: "yaml", message, ...(hint === undefined ? {} : { hint }) };
}

const NOT_CLOSED = {
  message: "a bracket or a quote is opened and not closed",
  hint: "Close it; what stands inside of brackets is indented deeper than the key before them.",
} as const;

const BARE_BRACKETS = [
  undefined,
  "brackets begin a list, and this looks like an IPv6 address",
  'Quote it: "[2001:db8::1]:80".',
] as const;

const SYNTAX: readonly (readonly [pattern: RegExp, message: string, hint: string])[] = [
  [/^tab characters/, "a tab is used for indentation", "YAML is indented with spaces alone."],
  [
    /^bad indentation/,
    "this line is not indented like the ones it belongs to",
    "Entries of one mapping or list begin in the same column.",
  ],
  [
    /^(can not read|a whitespace|expected ':'|end of the stream or)/,
    "a key is expected here, with a colon and a space after it",
    'Write "key: value"; check the indentation of this line and the one before it. Quote a value that has ": " in it.',
  ],
  [
    /^(missed comma|expected the node content)/,
    "a comma is missing, or one too many, in this list",
    "Separate the entries of [...] and {...} by one comma each.",
  ],
  [/within a flow collection|quoted scalar|^deficient indentation/, NOT_CLOSED.message, NOT_CLOSED.hint],
  [/^nesting exceeded/, "the file is nested too deeply", `At most ${MOST_DEPTH} levels make sense.`],
];
