// From the text of a YAML file to a plain tree, and from a path in that tree back to its place in the text.
// One document of mappings, sequences and scalars (YAML 1.2's core schema, and the merge key "<<"); a key may
// stand only once. Positions are looked for only when somebody asks: a good file needs none. Knows nothing of
// what the keys mean.

import { EVENT_ID, getScalarValue } from "js-yaml";
import type { Locator, Path, Span } from "./diagnostic.js";
import { readPlainYaml } from "./plain-yaml.js";
import { parseWhatCan, type Event, type Hole, type YamlProblem } from "./yaml-syntax.js";
import { TreeBuilder, type Key, type Places, type ScalarEvent } from "./yaml-tree.js";

export type YamlTree = {
  readonly value: unknown;
  readonly locate: Locator;
  /**
   * Where the lines begin on which the entries of this mapping of the top level begin, and where its last entry
   * ends. Undefined when an entry cannot be read without the rest of the text.
   */
  readonly entriesOf: (key: string) => readonly number[] | undefined;
};

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
