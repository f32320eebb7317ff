// From the events of a YAML parser to a plain tree: aliases stand for their anchors, "<<" merges, and what stands twice
// or stands for nothing is a problem, after which the rest is read all the same. Notes where everything stands when it
// is asked to. Knows nothing of parsing, nor of what the keys mean.

import { EVENT_ID, getScalarValue, SCALAR_STYLE } from "js-yaml";
import type { Path, Span } from "./diagnostic.js";
import { plainValue } from "./plain-yaml.js";
import type { Event, YamlProblem } from "./yaml-syntax.js";

export type ScalarEvent = Extract<Event, { valueStart: number }>;
export type Key = string | number;
/** Where the entries of a collection stand. */
type Place = { readonly key: Span | undefined; readonly value: Span };
type Entries = Map<Key, Place>;
export type Places = Map<object, Entries>;

/** Values after expansion of aliases: enough for a check shared by every service, too few for a bomb. */
const MOST_VALUES = 500_000;

export class TreeBuilder {
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
