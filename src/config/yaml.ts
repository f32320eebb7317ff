// From the text of a YAML file to a plain tree, and from a path in that tree back to its place in the text.
// One document of mappings, sequences and scalars (YAML 1.2's core schema, and the merge key "<<"); a key may
// stand only once. Positions are looked for only when somebody asks: a good file needs none. Knows nothing of
// what the keys mean.

import { EVENT_ID, getScalarValue, SCALAR_STYLE } from "js-yaml";

import type { Locator, Path, Span } from "./diagnostic.js";
import { plainValue, readPlainYaml } from "./plain-yaml.js";
import { parseWhatCan, type Event, type Hole, type YamlProblem } from "./yaml-syntax.js";

export type YamlTree = {
  readonly value: unknown;
  readonly locate: Locator;
  /**
   * Where the lines begin on which the entries of this mapping of the top level begin, and where its last entry
   * ends. Undefined when an entry cannot be read without the rest of the text.
   */
  readonly entriesOf: (key: string) => readonly number[] | undefined;
};

type ScalarEvent = Extract<Event, { valueStart: number }>;
type Key = string | number;
/** Where the entries of a collection stand. */
type Place = { readonly key: Span | undefined; readonly value: Span };
type Entries = Map<Key, Place>;
type Places = Map<object, Entries>;

/** Values after expansion of aliases: enough for a check shared by every service, too few for a bomb. */
const MOST_VALUES = 500_000;

export type ReadYaml = {
  /** What could be read; absent: nothing. */
  readonly tree?: YamlTree;
  readonly problems: readonly YamlProblem[];
  /** Where there are values in the tree that are not what was meant. */
  readonly unread: readonly Path[];
  /** Mappings of which entries are missing. */
  readonly gaps: readonly Path[];
};

export function readYaml(text: string): ReadYaml {
  const plain = readPlainYaml(text);
  if (plain === undefined) return readAnyYaml(text);
  let whole: ReadYaml | undefined;
  const locate: Locator = (path, at) => {
    whole ??= readAnyYaml(text);
    return whole.tree?.locate(path, at) ?? { offset: 0, length: 1 };
  };
  return { tree: { ...plain, locate }, problems: [], unread: [], gaps: [] };
}

/** With the parser of all of YAML. */
export function readAnyYaml(text: string): ReadYaml {
  const { events, rest, problems, holes } = parseWhatCan(text);
  if (events === undefined) return { problems, unread: [], gaps: [] };
  const builder = new TreeBuilder(rest, events);
  for (const { anchors } of holes) for (const name of anchors) builder.lostAnchors.add(name);
  const value = builder.build();
  const all = { problems: [...problems, ...builder.problems], unread: builder.unread };
  if (builder.isHopeless) return { ...all, gaps: [] };
  const locate = locator(rest, events);
  const entriesOf = (key: string): readonly number[] | undefined => entryStarts(rest, events, key);
  const columnOf = (offset: number): number => offset - text.lastIndexOf("\n", offset - 1) - 1;
  const around = holes.map((hole) => surroundings(hole, value, locate, columnOf));
  return {
    tree: { value, locate, entriesOf },
    problems: all.problems,
    unread: [...builder.unread, ...around.flatMap(({ unread }) => unread)],
    gaps: [...builder.gaps, ...around.map(({ gap }) => gap)],
  };
}

/** Finds positions by building the tree a second time, with them, at the first question. */
function locator(text: string, events: readonly Event[]): Locator {
  let built: { readonly root: unknown; readonly places: Places } | undefined;
  return (path, at) => {
    if (built === undefined) {
      const places: Places = new Map();
      built = { root: new TreeBuilder(text, events, places).build(), places };
    }
    let value = built.root;
    let span: Span = { offset: Math.max(0, text.search(/\S/)), length: 1 };
    for (const [i, step] of path.entries()) {
      const place =
        typeof value === "object" && value !== null ? built.places.get(value)?.get(step) : undefined;
      if (place === undefined) return span;
      const wantsKey = i < path.length - 1 || at === "key" || place.value.length === 0;
      span = (wantsKey ? place.key : undefined) ?? place.value;
      value = (value as Record<Key, unknown>)[step];
    }
    return span;
  };
}

function entryStarts(text: string, events: readonly Event[], key: string): readonly number[] | undefined {
  // What an anchor stands for depends on the entries before, and what tabs stand for on the parser.
  if (/[\t\r\ufeff]/.test(text) || events.some(refersToOthers)) return undefined;
  const lineOf = (event: Event | undefined): number | undefined => {
    if (event?.type !== EVENT_ID.SCALAR) return undefined;
    const start = text.lastIndexOf("\n", event.valueStart - 1) + 1;
    return /^ *$/.test(text.slice(start, event.valueStart)) ? start : undefined;
  };
  const isBlock = (event: Event | undefined): boolean =>
    event?.type === EVENT_ID.MAPPING && text[event.start] !== "{";
  if (!isBlock(events[1])) return undefined;
  for (let at = 2; events[at]?.type === EVENT_ID.SCALAR; at = after(events, at + 1)) {
    if (getScalarValue(text, events[at] as ScalarEvent) !== key) continue;
    if (!isBlock(events[at + 1])) return undefined;
    const starts: (number | undefined)[] = [];
    let entry = at + 2;
    for (; events[entry]?.type === EVENT_ID.SCALAR; entry = after(events, entry + 1))
      starts.push(lineOf(events[entry]));
    const next = events[entry + 1];
    starts.push(next?.type === EVENT_ID.POP ? text.length : lineOf(next));
    return starts.includes(undefined) ? undefined : (starts as number[]);
  }
  return undefined;
}

/** The event that follows on the node which begins at this one. */
function after(events: readonly Event[], at: number): number {
  for (let depth = 0; ; at++) {
    const type = events[at]?.type;
    if (type === undefined) return at;
    if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
    else if (type === EVENT_ID.POP) depth--;
    if (depth === 0) return at + 1;
  }
}

function refersToOthers(event: Event): boolean {
  if (event.type === EVENT_ID.DOCUMENT)
    return event.explicitStart || event.explicitEnd || event.directives.length > 0;
  return (
    event.type === EVENT_ID.ALIAS ||
    (event.type !== EVENT_ID.POP && (event.anchorStart >= 0 || event.tagStart >= 0))
  );
}

/** Of what is missing at a hole: the mapping that lacks it, and a value that it may have been a part of. */
function surroundings(
  { offset, column }: Hole,
  root: unknown,
  locate: Locator,
  columnOf: (offset: number) => number,
): { readonly gap: Path; readonly unread: readonly Path[] } {
  let gap: Path = [];
  let value = root;
  for (;;) {
    if (typeof value !== "object" || value === null) return { gap, unread: gap.length === 0 ? [] : [gap] };
    let found: Path | undefined;
    for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
      const path = [...gap, key];
      const at = locate(path, "key").offset;
      if (at < offset && columnOf(at) < column) found = path;
      if (at > offset) break;
    }
    if (found === undefined) return { gap, unread: [] };
    gap = found;
    value = (value as Record<Key, unknown>)[found.at(-1) as Key];
  }
}

class TreeBuilder {
  readonly problems: YamlProblem[] = [];
  readonly unread: Path[] = [];
  readonly gaps: Path[] = [];
  /** Names that were given where nothing could be read. */
  readonly lostAnchors = new Set<string>();
  /** Whether it stands for more than can be read. */
  isHopeless = false;
  private readonly text: string;
  private readonly events: readonly Event[];
  private readonly places: Places | undefined;
  private readonly anchors = new Map<string, { value: unknown; size: number | undefined }>();
  /** To the value that is being read. */
  private readonly way: Key[] = [];
  private at = 0;
  /** Where the value read last ends in the text. */
  private end = 0;
  /** Values so far, those behind aliases counted each time. */
  private values = 0;

  constructor(text: string, events: readonly Event[], places?: Places) {
    this.text = text;
    this.events = events;
    this.places = places;
  }

  build(): unknown {
    const documents = this.events.filter((event) => event.type === EVENT_ID.DOCUMENT);
    if (documents.length > 1) {
      const offset = Math.max(0, this.text.search(/(?<=\n)---/));
      this.problem(
        { offset, length: 3 },
        "yaml",
        "a second document begins here",
        'A configuration is one document: remove the "---".',
      );
      this.gaps.push([]);
    }
    this.at = 1;
    return this.events[1] === undefined || this.events[1].type === EVENT_ID.POP ? null : this.node();
  }

  private node(): unknown {
    const event = this.events[this.at++] as Event;
    const before = this.values++;
    const value = this.valueOf(event);
    const anchor = "anchorStart" in event && event.type !== EVENT_ID.ALIAS ? this.nameOf(event) : undefined;
    if (anchor !== undefined) this.anchors.set(anchor, { value, size: this.values - before });
    return value;
  }

  private valueOf(event: Event): unknown {
    switch (event.type) {
      case EVENT_ID.SCALAR:
        return this.scalar(event);
      case EVENT_ID.SEQUENCE:
        return this.sequence(event);
      case EVENT_ID.MAPPING:
        return this.mapping(event);
      case EVENT_ID.ALIAS:
        return this.alias(event);
      case EVENT_ID.DOCUMENT:
      case EVENT_ID.POP:
        throw new Error(`yaml: event ${String(event.type)} where a value begins`);
    }
  }

  private sequence(event: Extract<Event, { start: number }>): unknown[] {
    const items: unknown[] = [];
    this.open(event);
    while (this.next().type !== EVENT_ID.POP) {
      const span = this.spanOf(this.next());
      this.way.push(items.length);
      const value = this.node();
      this.way.pop();
      this.place(items, items.length, undefined, span);
      items.push(value);
    }
    this.at++;
    return items;
  }

  private mapping(event: Extract<Event, { start: number }>): Record<string, unknown> {
    const mapping: Record<string, unknown> = {};
    this.open(event);
    const merged: unknown[] = [];
    while (this.next().type !== EVENT_ID.POP) {
      const keyEvent = this.next();
      const keySpan = this.spanOf(keyEvent);
      const key = this.node();
      const valueSpan = this.spanOf(this.next());
      const name = keyName(key);
      this.way.push(name ?? "");
      const value = this.node();
      this.way.pop();
      if (name === undefined || name === "__proto__") {
        this.problem(keySpan, "yaml-key", "this cannot be a key");
        this.gaps.push([...this.way]);
      } else if (name === "<<" && isPlain(keyEvent))
        merged.push(...(Array.isArray(value) ? (value as unknown[]) : [value]));
      else if (Object.hasOwn(mapping, name)) {
        const isBoth = isMapping(mapping[name]) && isMapping(value);
        this.problem(
          keySpan,
          "duplicate-key",
          `the key "${name}" stands here for the second time`,
          isBoth ? "Make one of the two, or give this one another name." : "Keep one of the two.",
        );
        mapping[name] = this.joined(mapping[name], value, [...this.way, name]);
      } else {
        mapping[name] = value;
        this.place(mapping, name, keySpan, valueSpan);
      }
      if (name === "<<" && merged.some((source) => !isMapping(source))) {
        this.problem(
          valueSpan,
          "yaml-merge",
          '"<<" takes a mapping, or a list of mappings',
          "Name an anchor: <<: *defaults",
        );
        this.gaps.push([...this.way]);
      }
    }
    this.at++;
    for (const source of merged) if (isMapping(source)) this.merge(mapping, source);
    return mapping;
  }

  /** What stands in the mapping itself wins over what is merged into it. */
  private merge(mapping: Record<string, unknown>, source: Record<string, unknown>): void {
    for (const [key, value] of Object.entries(source)) {
      if (Object.hasOwn(mapping, key)) continue;
      mapping[key] = value;
      const place = this.places?.get(source)?.get(key);
      if (place !== undefined) this.place(mapping, key, place.key, place.value);
    }
  }

  /** What is meant by one key written twice: nobody knows, unless both are mappings of different keys. */
  private joined(first: unknown, second: unknown, path: Path): unknown {
    if (!isMapping(first) || !isMapping(second)) {
      this.unread.push(path);
      return first;
    }
    const both = { ...first };
    this.places?.set(both, new Map(this.places.get(first)));
    for (const [key, value] of Object.entries(second)) {
      if (Object.hasOwn(both, key)) both[key] = this.joined(both[key], value, [...path, key]);
      else {
        both[key] = value;
        const place = this.places?.get(second)?.get(key);
        if (place !== undefined) this.place(both, key, place.key, place.value);
      }
    }
    return both;
  }

  private alias(event: Extract<Event, { type: 5 }>): unknown {
    const name = this.nameOf(event);
    const anchor = name === undefined ? undefined : this.anchors.get(name);
    if (anchor?.size === undefined) {
      const why =
        anchor === undefined
          ? `stands for nothing: no &${name} comes before it`
          : "stands inside of what it stands for";
      if (name === undefined || !this.lostAnchors.has(name))
        this.problem(this.spanOf(event), "yaml-alias", `*${name} ${why}`);
      this.unread.push([...this.way]);
      return null;
    }
    const within = this.values <= MOST_VALUES;
    this.values += anchor.size;
    if (this.values <= MOST_VALUES) return anchor.value;
    this.isHopeless = true;
    // Said once: every further one would be the same mistake.
    if (within)
      this.problem(
        this.spanOf(event),
        "yaml-alias",
        "the file repeats its anchors too often",
        `At most ${MOST_VALUES} values are read.`,
      );
    return null;
  }

  private scalar(event: ScalarEvent): unknown {
    const text = getScalarValue(this.text, event);
    if (event.tagStart >= 0) {
      this.unread.push([...this.way]);
      this.problem(
        { offset: event.tagStart, length: event.tagEnd - event.tagStart },
        "yaml-tag",
        "tags have no meaning here",
        "Write the value alone; quote it to make it text.",
      );
    }
    return event.style === SCALAR_STYLE.PLAIN ? plainValue(text) : text;
  }

  /** Until it is closed, an anchor has no size, and an alias to it would be a circle. */
  private open(event: { anchorStart: number; anchorEnd: number }): void {
    const name = this.nameOf(event);
    if (name !== undefined) this.anchors.set(name, { value: undefined, size: undefined });
  }

  private nameOf(event: { anchorStart: number; anchorEnd: number }): string | undefined {
    return event.anchorStart < 0 ? undefined : this.text.slice(event.anchorStart, event.anchorEnd);
  }

  private next(): Event {
    return this.events[this.at] as Event;
  }

  private place(collection: object, key: Key, keySpan: Span | undefined, value: Span): void {
    if (this.places === undefined) return;
    const entries: Entries = this.places.get(collection) ?? new Map<Key, Place>();
    if (entries.size === 0) this.places.set(collection, entries);
    entries.set(key, { key: keySpan, value });
  }

  private spanOf(event: Event): Span {
    switch (event.type) {
      case EVENT_ID.SCALAR:
        // A value that is not written stands nowhere: its place is the end of what came before.
        if (event.valueStart < 0) return { offset: this.end, length: 0 };
        this.end = event.valueEnd;
        return { offset: event.valueStart, length: event.valueEnd - event.valueStart };
      case EVENT_ID.ALIAS:
        return { offset: event.anchorStart - 1, length: event.anchorEnd - event.anchorStart + 1 };
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.MAPPING:
        return { offset: event.start, length: 1 };
      case EVENT_ID.DOCUMENT:
      case EVENT_ID.POP:
        return { offset: 0, length: 0 };
    }
  }

  private problem(span: Span, code: string, message: string, hint?: string): void {
    this.problems.push({
      offset: span.offset,
      length: Math.max(1, span.length),
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

const isPlain = (event: Event): boolean =>
  event.type === EVENT_ID.SCALAR && event.style === SCALAR_STYLE.PLAIN;
/** A key as it is written in messages; undefined: a collection or nothing, which name no entry. */
function keyName(key: unknown): string | undefined {
  if (typeof key === "string") return key;
  return typeof key === "number" || typeof key === "boolean" ? String(key) : undefined;
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
