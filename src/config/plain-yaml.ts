// Reads the YAML that configurations are mostly written in, several times as fast as a parser of all of YAML: block
// mappings and lists, one entry a line, whose values are plain or quoted scalars or flow collections of one line.
// Flow collections become JSON by a few replacements over all of them at once, and JSON is what V8 reads fastest.
// Gives up at the first thing that it does not know for certain, also at everything that is wrong: whoever asks
// then reads with the whole parser (yaml.ts), which gives the same value for whatever is read here.

/** `entriesOf`: see YamlTree. */
export type PlainTree = {
  readonly value: unknown;
  readonly entriesOf: (key: string) => readonly number[] | undefined;
};

/** What the parser would refuse, or read in its own way. */
const ODD_CHARACTERS = /[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|__proto__|\S{1000}/;
const BLANK = /^ *(?:#.*)?$/;
/** Indentation, the dash of a list, key, value; a comment. */
const LINE = /^( *)(- +)?(?:([A-Za-z_][\w.-]*):(?: +|$))?([^#]*?) *(?:(?<= )#.*)?$/;
/** A scalar that ends with its line. In a key, these words are no text. */
const PLAIN = /^[A-Za-z0-9_/](?:[\w./%*+@~=-]| (?=[A-Za-z0-9])|:(?=[\w/:]))*$/;
const QUOTED = /^(?:"[^"\\]*"|'[^']*')$/;
const NO_KEYS = new Set(["null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"]);
const MOST_DEPTH = 40;

type Line = {
  readonly start: number;
  /** Of the key, or of the dash. A list's entry that is a mapping becomes one as if it stood alone on its line. */
  indent: number;
  dash: number;
  readonly key: string | undefined;
  readonly value: string;
};

/** Undefined: not for certain. */
export function readPlainYaml(text: string): PlainTree | undefined {
  if (ODD_CHARACTERS.test(text)) return undefined;
  const lines = linesOf(text);
  if (lines?.[0]?.indent !== 0 || lines[0].dash > 0) return undefined;
  const flows = readFlows(lines.flatMap(({ value }) => (isFlow(value) ? [value] : [])));
  if (flows === undefined) return undefined;
  const builder = new Builder(lines, flows);
  const value = builder.mapping(0, 0);
  if (value === undefined || !builder.isAtEnd) return undefined;
  return { value, entriesOf: (key) => entryStarts(lines, key, text.length) };
}

const isFlow = (value: string): boolean => value.startsWith("{") || value.startsWith("[");

function linesOf(text: string): Line[] | undefined {
  const lines: Line[] = [];
  let start = 0;
  for (const line of text.split("\n")) {
    if (!BLANK.test(line)) {
      const parts = LINE.exec(line);
      if (parts === null) return undefined;
      const [, indent = "", dash = "", key, value = ""] = parts;
      if (key !== undefined && NO_KEYS.has(key)) return undefined;
      lines.push({ start, indent: indent.length, dash: dash.length, key, value });
    }
    start += line.length + 1;
  }
  return lines;
}

const TOKEN = /"([^"\\\n]*)"|'([^'"\\\n]*)'|([A-Za-z0-9_./](?:[\w./%*+@~=-]|:(?=[\w./:%*+@~=-]))*)/g;
/** Scalars that are the same in JSON. */
const WORDS = "0|-?[1-9]\\d{0,14}|true|false|null";
const QUOTED_WORDS = new RegExp(`(["'])(?:${WORDS})\\1`);
const PLAIN_WORDS = new RegExp(`"(${WORDS})"(?! *:)`, "g");
/** No text without quotes, but written in another way than in JSON; and a key that is none. */
const OTHER_WORDS =
  /"(?:[Tt]rue|TRUE|[Ff]alse|FALSE|[Nn]ull|NULL|[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|0o[0-7]+|0x[0-9a-fA-F]+)"/;
const BETWEEN = '"#"';

/** The value of each. */
function readFlows(flows: readonly string[]): readonly unknown[] | undefined {
  if (flows.length === 0) return [];
  const written = flows.join("\n");
  // They would be taken for the words themselves.
  if (QUOTED_WORDS.test(written)) return undefined;
  const json = `[${written.replace(TOKEN, '"$1$2$3"').replace(PLAIN_WORDS, "$1").replaceAll("\n", `,${BETWEEN},`)}]`;
  if (OTHER_WORDS.test(json)) return undefined;
  const structure = json.replace(/"[^"]*"/g, "s");
  // `a :b` is no key.
  if (/:(?! )/.test(structure)) return undefined;
  let values: unknown[];
  try {
    values = JSON.parse(json) as unknown[];
  } catch {
    return undefined;
  }
  // A key that stands in a mapping for the second time has made the value shorter.
  if (JSON.stringify(values).length !== json.length - (structure.split(" ").length - 1)) return undefined;
  // Each line has one value, and is closed: a # cannot come out of a line.
  if (values.length !== 2 * flows.length - 1) return undefined;
  if (values.some((value, i) => (value === "#") !== (i % 2 === 1))) return undefined;
  return values.filter((_, i) => i % 2 === 0);
}

class Builder {
  private readonly lines: readonly Line[];
  private readonly flows: readonly unknown[];
  private at = 0;
  private flow = 0;

  constructor(lines: readonly Line[], flows: readonly unknown[]) {
    this.lines = lines;
    this.flows = flows;
  }

  get isAtEnd(): boolean {
    return this.at === this.lines.length;
  }

  /** Undefined, here and below: not for certain. What is left to read tells the caller whether it ended well. */
  mapping(indent: number, depth: number): Record<string, unknown> | undefined {
    const mapping: Record<string, unknown> = {};
    if (depth > MOST_DEPTH) return undefined;
    for (let line = this.next(indent); line?.dash === 0; line = this.next(indent)) {
      const { key } = line;
      if (key === undefined || Object.hasOwn(mapping, key)) return undefined;
      this.at++;
      const value = line.value === "" ? this.below(indent, depth) : this.scalarOrFlow(line.value);
      if (value === undefined) return undefined;
      mapping[key] = value;
    }
    return mapping;
  }

  private list(indent: number, depth: number): unknown[] | undefined {
    const items: unknown[] = [];
    for (let line = this.next(indent); line !== undefined && line.dash > 0; line = this.next(indent)) {
      let item: unknown;
      if (line.key === undefined) {
        this.at++;
        item = this.scalarOrFlow(line.value);
      } else {
        line.indent += line.dash;
        line.dash = 0;
        item = this.mapping(line.indent, depth + 1);
      }
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }

  /** What stands under a key. A list may stand as far to the left as the key. */
  private below(indent: number, depth: number): unknown {
    const line = this.lines[this.at];
    if (line === undefined || line.indent < indent) return undefined;
    if (line.dash > 0) return this.list(line.indent, depth + 1);
    return line.indent === indent ? undefined : this.mapping(line.indent, depth + 1);
  }

  private scalarOrFlow(text: string): unknown {
    if (isFlow(text)) return this.flows[this.flow++];
    if (PLAIN.test(text)) return plainValue(text);
    return QUOTED.test(text) ? text.slice(1, -1) : undefined;
  }

  /** The next line, when it belongs to a collection with this indentation. */
  private next(indent: number): Line | undefined {
    const line = this.lines[this.at];
    return line?.indent === indent ? line : undefined;
  }
}

/** What a scalar without quotes stands for: YAML 1.2 core schema (section 10.3.2). */
export function plainValue(text: string): unknown {
  switch (text) {
    case "":
    case "~":
    case "null":
    case "Null":
    case "NULL":
      return null;
    case "true":
    case "True":
    case "TRUE":
      return true;
    case "false":
    case "False":
    case "FALSE":
      return false;
    default:
  }
  const first = text.charCodeAt(0);
  // Most plain scalars begin with a letter and are text; the numbers' patterns need not be tried.
  if (first > 0x39) return text;
  if (/^[-+]?[0-9]+$/.test(text) || /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(text))
    return Number(text);
  if (/^0o[0-7]+$/.test(text) || /^0x[0-9a-fA-F]+$/.test(text)) return Number(text);
  return text;
}

function entryStarts(lines: readonly Line[], key: string, end: number): readonly number[] | undefined {
  const at = lines.findIndex((line) => line.indent === 0 && line.key === key);
  const first = lines[at + 1];
  if (at < 0 || lines[at]?.value !== "" || first === undefined || first.indent === 0 || first.dash > 0)
    return undefined;
  const starts: number[] = [];
  for (const { indent, dash, start } of lines.slice(at + 1)) {
    if (indent === 0) return [...starts, start];
    if (indent === first.indent && dash === 0) starts.push(start);
  }
  return [...starts, end];
}
