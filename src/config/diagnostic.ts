// What is wrong with a configuration, where, and what to do about it; and how that is shown to a person:
// like a compiler, with the line and a mark under the place. Knows nothing of YAML or zod.

import { count } from "../core/words.js";

export type Severity = "error" | "warning";

export type Diagnostic = {
  readonly severity: Severity;
  readonly file: string;
  /** From 1; a file without any text has line 1, column 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** Characters to mark, on that line; at least 1. */
  readonly length: number;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** A short name of the rule, for scripts and for looking it up: "unknown-key". */
  readonly code: string;
  /** The line holds what nobody should read in a log. */
  readonly secret?: true;
};

/** A part of a text in UTF-16 units. */
export type Span = { readonly offset: number; readonly length: number };

/** The way to a value in the tree of the file. */
export type Path = readonly (string | number)[];

/** "vrrp.web.addresses[0]"; "the file" for the whole. */
export function pathText(path: Path): string {
  if (path.length === 0) return "the file";
  return path
    .map((step, i) => (typeof step === "number" ? `[${step}]` : i === 0 ? step : `.${step}`))
    .join("");
}

/** No other path has the same. */
export const pathId = (path: Path): string => path.join("\0");

/** A problem at a place in the tree; the file's reader knows where that stands in the text. */
export type Problem = {
  readonly severity: Severity;
  readonly path: Path;
  /** Whether the key itself is meant, rather than its value. */
  readonly at: "key" | "value";
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
};

/** Where something stands in a file. The nearest enclosing thing when the path leads nowhere. */
export type Locator = (path: Path, at: "key" | "value") => Span;

export type Placer = (
  span: Span,
  what: Pick<Diagnostic, "severity" | "code" | "message" | "hint" | "secret">,
) => Diagnostic;

/** Makes diagnostics of positions in one text; finds lines by bisection. */
export function placer(file: string, text: string): Placer {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (span, what) => {
    // After the last line's end there is no line: what is wrong at the end is shown there.
    const last = text.endsWith("\n") ? text.length - 1 : text.length;
    const offset = Math.max(0, Math.min(span.offset, last));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    const start = starts[low]!;
    const end = lineEnd(text, start);
    return {
      severity: what.severity,
      file,
      line: low + 1,
      column: Array.from(text.slice(start, offset)).length + 1,
      length: Math.max(1, Array.from(text.slice(offset, Math.min(end, offset + span.length))).length),
      message: what.message,
      ...(what.hint === undefined ? {} : { hint: what.hint }),
      code: what.code,
      ...(what.secret === undefined ? {} : { secret: what.secret }),
    };
  };
}

/** In the order of the file, each once. */
export function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return [...diagnostics]
    .sort(
      (a, b) =>
        a.line - b.line ||
        a.column - b.column ||
        Number(a.severity === "warning") - Number(b.severity === "warning"),
    )
    .filter((d) => {
      const key = `${d.file}:${d.line}:${d.column}:${d.message}`;
      return !seen.has(key) && seen.add(key);
    });
}

export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean =>
  diagnostics.some((diagnostic) => diagnostic.severity === "error");

/** One line, for a log: "FILE:14:23: error: ... [code]". */
export const summarizeDiagnostic = (d: Diagnostic): string =>
  `${d.file}:${d.line}:${d.column}: ${d.severity}: ${d.message} [${d.code}]`;

/** Advice that lists all the keys of a place begins so; the same list is said once in a report. */
export const KEYS_HERE = "The keys here are: ";

/** The summary, the offending line, a mark under the place, and what to do. `told`: what the report has said so far. */
export function renderDiagnostic(d: Diagnostic, text: string, told = new Set<string>()): string {
  const lines = [summarizeDiagnostic(d)];
  const source = d.secret ? "" : lineOf(text, d.line);
  if (source.trim() !== "") {
    const { shown, column } = excerpt(source, d.column);
    const gutter = String(d.line).padStart(5);
    const left = Array.from(shown).length - column + 1;
    lines.push(`${gutter} | ${shown}`);
    if (left > 0)
      lines.push(
        `${" ".repeat(gutter.length)} | ${" ".repeat(column - 1)}${"^".repeat(Math.min(d.length, left))}`,
      );
  }
  for (const line of d.hint?.split("\n") ?? []) {
    if (line.startsWith(KEYS_HERE) && told.has(line)) continue;
    told.add(line);
    lines.push(`  ${line}`);
  }
  return lines.join("\n");
}

/** All of them, and a last line that counts them; "" when there are none. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], text: string): string {
  if (diagnostics.length === 0) return "";
  const errors = diagnostics.filter((d) => d.severity === "error").length;
  const total = [
    ...(errors > 0 ? [count(errors, "error")] : []),
    ...(diagnostics.length > errors ? [count(diagnostics.length - errors, "warning")] : []),
  ].join(", ");
  const told = new Set<string>();
  return `${diagnostics.map((d) => renderDiagnostic(d, text, told)).join("\n")}\n${total}\n`;
}

const WIDTH = 160;
/** On a line about something else, all that follows one of these keys. */
const SECRETS = /(\b(?:auth|password|key)["']?\s*:).*/;

/** Whether a value at this path, or near it, may be a secret. */
export const isSecret = (path: Path): boolean => path.includes("auth");

/** A very long line is shown around the place. Control characters would move the mark: they become spaces. */
function excerpt(source: string, column: number): { shown: string; column: number } {
  const open = source.replaceAll(/[\u0000-\u001f\u007f]/g, " ").replace(SECRETS, "$1 …");
  const characters = Array.from(open);
  if (characters.length <= WIDTH) return { shown: characters.join(""), column };
  const from = Math.max(0, Math.min(column - WIDTH / 2, characters.length - WIDTH));
  return { shown: characters.slice(from, from + WIDTH).join(""), column: column - from };
}

function lineEnd(text: string, start: number): number {
  const feed = text.indexOf("\n", start);
  const end = feed < 0 ? text.length : feed;
  return end > start && text[end - 1] === "\r" ? end - 1 : end;
}

function lineOf(text: string, line: number): string {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const feed = text.indexOf("\n", start);
    if (feed < 0) return "";
    start = feed + 1;
  }
  return text.slice(start, lineEnd(text, start));
}
