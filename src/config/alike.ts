// A file of very many services that are written alike but for their names and addresses: finds the first one of each
// kind. Only these are read then, and the others are made after them (control/packed-alike.ts). An entry of a block
// mapping that is complete in itself reads the same whatever entries stand around it (splice.ts), so that what may depend
// on the others, or on the addresses, is all there is to look at. Gives up rather than guess: then everything is read.

import { mayHaveWindows } from "./resolve-windows.js";

export type AlikeServices = {
  /** The file with the first service of each kind alone. */
  readonly reduced: string;
  readonly services: readonly AlikeService[];
  /** See `Loaded`. */
  readonly starts: readonly number[];
};
export type AlikeService = {
  readonly name: string;
  /** The place of the first one of its kind among the services of `reduced`. */
  readonly kind: number;
  /** All that are written in it, in their order, each once. IPv4, unicast, as they are written everywhere. */
  readonly addresses: readonly string[];
};

/** Below this many a file is read as quickly as a whole. */
const LEAST = 100;
/** Services of a kind on average: with fewer nothing is saved. */
const LEAST_OF_A_KIND = 4;

/** What stands in relation to other services, or to the file's head by name. */
const RELATES = /depends-on|notify|sorry-server/;
const NAME = /^ +([A-Za-z](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?):[ \n]/;
/** In a key, these words are no text. */
const NO_NAMES = /^(?:null|true|false|yes|no|on|off)$/i;
const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const FIRST = "(?:22[0-3]|2[01]\\d|12[0-689]|1[013-9]\\d|[1-9]\\d?)";
const ADDRESS = new RegExp(`(?<![\\w.:/-])(${FIRST}(?:\\.${OCTET}){3})(?![\\w./-])`);
/** Nothing that is written has it: the text is ASCII without control characters. */
const HERE = "\u0001";

/** Undefined: they are not alike, or not for certain. */
export function findAlike(text: string): AlikeServices | undefined {
  const starts = entryStarts(text);
  if (starts === undefined || starts.length <= LEAST) return undefined;
  const [first, end] = [starts[0] as number, starts.at(-1) as number];
  const whole = text.slice(first, end);
  if (/[^\n\x20-\x7e]/.test(text) || RELATES.test(whole) || mayHaveWindows(text)) return undefined;
  const kinds = new Map<string, number>();
  const names = new Set<string>();
  const firsts: string[] = [];
  const services: AlikeService[] = [];
  const most = (starts.length - 1) / LEAST_OF_A_KIND;
  for (let i = 0; i + 1 < starts.length; i++) {
    const chunk = text.slice(starts[i], starts[i + 1]);
    const name = NAME.exec(chunk)?.[1];
    if (name === undefined || NO_NAMES.test(name)) return undefined;
    names.add(name);
    // Every second part is an address.
    const parts = chunk.slice(chunk.indexOf(":")).split(ADDRESS);
    const addresses: string[] = [];
    for (let at = 1; at < parts.length; at += 2) {
      addresses.push(parts[at] as string);
      parts[at] = HERE;
    }
    if (new Set(addresses).size < addresses.length) return undefined;
    const likeness = parts.join("");
    let kind = kinds.get(likeness);
    if (kind === undefined) {
      kind = kinds.size;
      if (kind >= most) return undefined;
      kinds.set(likeness, kind);
      firsts.push(chunk);
    }
    services.push({ name, kind, addresses });
  }
  if (names.size < services.length) return undefined;
  return { reduced: text.slice(0, first) + firsts.join("") + text.slice(end), services, starts };
}

/** Where the lines of the names begin in a block mapping `services`, and where the last entry ends. */
function entryStarts(text: string): readonly number[] | undefined {
  const head = /^services: *\n/m.exec(text);
  if (head === null) return undefined;
  const starts: number[] = [];
  let at = head.index + head[0].length;
  const indent = /^ */.exec(text.slice(at, at + 40))?.[0].length ?? 0;
  if (indent === 0) return undefined;
  const deep = " ".repeat(indent);
  while (at < text.length) {
    const next = text.indexOf("\n", at) + 1;
    const after = next === 0 ? text.length : next;
    if (text.startsWith(deep, at)) {
      const inner = text.charAt(at + indent);
      if (inner !== " " && inner !== "#" && inner !== "\n" && inner !== "") starts.push(at);
    } else if (!isBlank(text.slice(at, after))) {
      // What stands in between belongs to neither.
      if (text.startsWith(" ", at)) return undefined;
      return [...starts, at];
    }
    at = after;
  }
  return [...starts, text.length];
}

const isBlank = (line: string): boolean => /^ *(?:#.*)?\n?$/.test(line);
