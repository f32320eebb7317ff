// From the text of a YAML file to a plain tree, and from a path in that tree back to its place in the text.
// One document of mappings, sequences and scalars; a key may stand only once. Positions are looked for only
// when somebody asks: a good file needs none. Knows nothing of what the keys mean.

import * as yaml from "yaml";

import type { Locator, Path, Span } from "./diagnostic.js";
import { readPlainYaml, type Spans } from "./plain-yaml.js";

export type YamlProblem = Span & { readonly message: string; readonly hint?: string; readonly code: string };

export type YamlTree = {
  readonly value: unknown;
  readonly locate: Locator;
};

/** Expansions of aliases in one file: enough for a check shared by every service, too few for a bomb. */
const MOST_ALIASES = 20_000;
const MOST_DEPTH = 60;

export function readYaml(
  text: string,
): { readonly tree: YamlTree } | { readonly problems: readonly YamlProblem[] } {
  const plain = readPlainYaml(text);
  if (plain !== undefined) return { tree: { value: plain.value, locate: lazily(() => plainLocator(text)) } };
  if (nesting(text) > MOST_DEPTH)
    return { problems: [{ offset: 0, length: 1, code: "yaml", message: "the file is nested too deeply" }] };
  const document = yaml.parseDocument(text, {
    prettyErrors: false,
    uniqueKeys: false,
    merge: true,
    strict: true,
    version: "1.2",
  });
  const problems = [...document.errors.map((error) => syntaxProblem(error, text)), ...keyProblems(document)];
  if (problems.length > 0) return { problems };
  const warning = document.warnings[0];
  if (warning !== undefined) return { problems: [syntaxProblem(warning, text)] };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MOST_ALIASES });
    return { tree: { value, locate: (path, at) => locateInDocument(document, path, at) } };
  } catch (error) {
    // The only thing toJS refuses is what aliases make of the tree.
    const message = error instanceof Error ? error.message : String(error);
    return { problems: [{ offset: 0, length: 1, code: "yaml-alias", message: lowerFirst(message) }] };
  }
}

function lazily(make: () => Locator): Locator {
  let made: Locator | undefined;
  return (path, at) => (made ??= make())(path, at);
}

function plainLocator(text: string): Locator {
  const spans: Spans = new Map();
  const root = readPlainYaml(text, spans)?.value;
  return (path, at) => {
    let value: unknown = root;
    let span: Span = { offset: firstOf(text), length: 1 };
    for (const [i, step] of path.entries()) {
      const place = typeof value === "object" && value !== null ? spans.get(value)?.get(step) : undefined;
      if (place === undefined) return span;
      const [keyStart, keyEnd, valueStart, valueEnd] = place;
      const wantsKey = keyEnd > keyStart && (i < path.length - 1 || at === "key" || valueEnd <= valueStart);
      span = wantsKey
        ? { offset: keyStart, length: keyEnd - keyStart }
        : { offset: valueStart, length: valueEnd - valueStart };
      value = (value as Record<string | number, unknown>)[step];
    }
    return span;
  };
}

function locateInDocument(document: yaml.Document.Parsed, path: Path, at: "key" | "value"): Span {
  let node: unknown = document.contents;
  let span: Span = rangeOf(document.contents) ?? { offset: 0, length: 1 };
  if (path.length > 0) span = { offset: span.offset, length: 1 };
  for (const [i, step] of path.entries()) {
    if (yaml.isAlias(node)) node = node.resolve(document);
    const last = i === path.length - 1;
    if (yaml.isMap(node)) {
      const pair = node.items.find(
        (item) => yaml.isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (pair === undefined) return span;
      const key = rangeOf(pair.key);
      const value = rangeOf(pair.value);
      span = (last && at === "value" && value !== undefined && value.length > 0 ? value : key) ?? span;
      node = pair.value;
    } else if (yaml.isSeq(node) && typeof step === "number") {
      node = node.items[step];
      span = rangeOf(node) ?? span;
    } else return span;
  }
  return span;
}

function rangeOf(node: unknown): Span | undefined {
  const range = yaml.isNode(node) ? node.range : undefined;
  return range ? { offset: range[0], length: range[1] - range[0] } : undefined;
}

/** Keys that stand twice, and keys that are no words. The package's own search for them is quadratic. */
function keyProblems(document: yaml.Document.Parsed): YamlProblem[] {
  const problems: YamlProblem[] = [];
  yaml.visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const span = rangeOf(key) ?? rangeOf(map) ?? { offset: 0, length: 1 };
        const name = yaml.isScalar(key) ? String(key.value) : undefined;
        if (name === undefined || name === "__proto__" || (yaml.isScalar(key) && key.value === null))
          problems.push({ ...span, code: "yaml-key", message: "this cannot be a key" });
        else if (seen.has(name))
          problems.push({
            ...span,
            code: "duplicate-key",
            message: `the key "${name}" stands here for the second time`,
            hint: "Keep one of the two.",
          });
        else seen.add(name);
      }
    },
  });
  return problems;
}

/** The package's words for what goes wrong most often are about its parser; these are about the file. */
function syntaxProblem(error: yaml.YAMLError, text: string): YamlProblem {
  const [from, to] = error.pos;
  const span = { offset: from, length: Math.max(1, to - from) };
  const known = text.slice(from).trim() === "" ? UNFINISHED : SYNTAX[error.code];
  return known === undefined
    ? { ...span, code: "yaml", message: lowerFirst(error.message) }
    : { ...span, code: "yaml", ...known };
}

const UNFINISHED = {
  message: "the file ends in the middle of something",
  hint: "A bracket or a quote is not closed.",
};

const SYNTAX: Partial<Record<yaml.ErrorCode, { message: string; hint: string }>> = {
  TAB_AS_INDENT: { message: "a tab is used for indentation", hint: "YAML is indented with spaces alone." },
  MULTIPLE_DOCS: {
    message: "a second document begins here",
    hint: 'A configuration is one document: remove the "---".',
  },
  BAD_INDENT: {
    message: "this line is not indented like the ones it belongs to",
    hint: "Entries of one mapping or list begin in the same column.",
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "a key is expected here, with a colon and a space after it",
    hint: 'Write "key: value"; check the indentation of this line and the one before it.',
  },
  MISSING_CHAR: {
    message: "a mark is missing here: a colon, a comma, a quote or a closing bracket",
    hint: 'Write "key: value" with a space after the colon; close every bracket and quote.',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "a second colon on this line",
    hint: 'Quote a value that has ": " in it; begin a nested mapping on a line of its own.',
  },
  UNEXPECTED_TOKEN: {
    message: "something that does not belong here",
    hint: 'Quote a value that begins with a bracket, such as "[2001:db8::1]:80".',
  },
};

/** How deep the brackets or the indentation go: the package reads recursively, and a stack has an end. */
function nesting(text: string): number {
  let brackets = 0;
  let most = 0;
  for (const character of text) {
    if (character === "[" || character === "{") most = Math.max(most, ++brackets);
    else if (character === "]" || character === "}") brackets--;
  }
  const dashes = /(?:^|\n)[ ]*((?:[-?] +)+)/g;
  for (const match of text.matchAll(dashes)) most = Math.max(most, (match[1]?.length ?? 0) / 2);
  for (const match of text.matchAll(/^ +/gm)) most = Math.max(most, match[0].length / 8);
  return most;
}

const firstOf = (text: string): number => Math.max(0, text.search(/\S/));
const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
