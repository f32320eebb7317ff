// A file of thousands of services of which a few have changed: finds these, so that the rest need not be read
// again. What is to be read is the file without the services that are as they were; what follows from it holds for
// the whole file because an entry of a block mapping that is complete in itself reads the same whatever entries
// stand around it. Gives up rather than guess: whoever asks then reads everything.

import type { ServiceConfig } from "./model.js";
import { mayHaveWindows } from "./resolve-windows.js";

/** A file that was read without an error. */
export type Source = {
  readonly text: string;
  /** Where the line of each service's name begins, and where the last service ends. */
  readonly starts: readonly number[];
};

export type Splice = {
  /** The services that have changed: their place in the list, and how many they are. */
  readonly first: number;
  readonly count: number;
  /** The new file without the services before and after these. */
  readonly reduced: string;
  /** From a line of `reduced` on, lines stand this much further down in the file. */
  readonly shifts: readonly LineShift[];
};
export type LineShift = { readonly from: number; readonly by: number };

/** `notify` as a key of a mapping, or what might be one. */
const TELLS = /notify["']?\s*:/;

export function findSplice({ text: old, starts }: Source, text: string): Splice | undefined {
  const first = starts[0];
  const end = starts.at(-1);
  if (first === undefined || end === undefined || starts.length < 2) return undefined;
  // What a check depends on may stand in any other service.
  if (text.includes("depends-on")) return undefined;
  // Windows name services and servers, too.
  if (mayHaveWindows(text)) return undefined;
  // Programs that are told of services belong to the whole file's head, too.
  if (TELLS.test(old.slice(first, end)) || TELLS.test(text.slice(first))) return undefined;
  const same = commonPrefix(old, text);
  const sameAtEnd = Math.min(commonSuffix(old, text), Math.min(old.length, text.length) - same);
  const changedTo = old.length - sameAtEnd;
  if (same < first || changedTo > end || (same === old.length && same === text.length)) return undefined;
  const from = starts.findLastIndex((start) => start <= same);
  const to = Math.max(
    from + 1,
    starts.findIndex((start) => start >= changedTo),
  );
  const [chunkStart, chunkEnd] = [starts[from], starts[to]];
  if (chunkStart === undefined || chunkEnd === undefined) return undefined;
  const longer = text.length - old.length;
  const chunk = text.slice(chunkStart, chunkEnd + longer);
  const indent = /^ */.exec(old.slice(chunkStart, chunkEnd))?.[0].length ?? 0;
  if (!standsAlone(chunk, indent) || (chunkEnd < old.length && !chunk.endsWith("\n"))) return undefined;
  const before = text.slice(0, first);
  const lines = (a: number, b: number): number => countLines(old.slice(a, b));
  const chunkAt = 1 + countLines(before);
  const skipped = lines(first, chunkStart);
  return {
    first: from,
    count: to - from,
    reduced: before + chunk + text.slice(end + longer),
    shifts: [
      { from: chunkAt, by: skipped },
      { from: chunkAt + countLines(chunk), by: skipped + lines(chunkEnd, end) },
    ],
  };
}

/** Whether the services read from `splice.reduced` may take the place of `before`, which stood there. */
export function fits(before: readonly ServiceConfig[], after: readonly ServiceConfig[]): boolean {
  // A new name or key could be that of any other service.
  const identity = ({ name, service, group }: ServiceConfig): string =>
    JSON.stringify([name, service.key, group?.keys, group?.ports]);
  return (
    before.length === after.length &&
    before.every((service, i) => identity(service) === identity(after[i] as ServiceConfig))
  );
}

/** Where the services stand in the whole file, from where they stand in `splice.reduced`. */
export function splicedStarts(
  { starts }: Source,
  { first, count }: Splice,
  reducedStarts: readonly number[],
): readonly number[] | undefined {
  const [base, moved, oldEnd] = [starts[0], starts[first], starts[first + count]];
  const newEnd = reducedStarts.at(-1);
  if (base === undefined || moved === undefined || oldEnd === undefined || newEnd === undefined)
    return undefined;
  if (reducedStarts.length !== count + 1 || reducedStarts[0] !== base) return undefined;
  const shift = moved - base;
  const longer = newEnd + shift - oldEnd;
  return [
    ...starts.slice(0, first),
    ...reducedStarts.slice(0, -1).map((start) => start + shift),
    ...starts.slice(first + count).map((start) => start + longer),
  ];
}

/** The first line has exactly this indentation, and none less but blank ones and comments. */
function standsAlone(chunk: string, indent: number): boolean {
  if (indent === 0 || /[\t\r\ufeff]/.test(chunk)) return false;
  const deep = " ".repeat(indent);
  return chunk
    .split("\n")
    .every(
      (line, i) =>
        (line.startsWith(deep) && (i > 0 || /^[^\s#]/.test(line.slice(indent)))) ||
        (i > 0 && /^ *(#|$)/.test(line)),
    );
}

const countLines = (text: string): number => text.split("\n").length - 1;

/** By halves: comparing slices is far quicker than comparing characters one by one. */
function commonPrefix(a: string, b: string): number {
  return largest(Math.min(a.length, b.length), (from, to) => a.slice(from, to) === b.slice(from, to));
}

function commonSuffix(a: string, b: string): number {
  return largest(
    Math.min(a.length, b.length),
    (from, to) => a.slice(a.length - to, a.length - from) === b.slice(b.length - to, b.length - from),
  );
}

/** The largest n up to `most` for which `isSame` holds from 0 to n. */
function largest(most: number, isSame: (from: number, to: number) => boolean): number {
  let known = 0;
  let limit = most;
  while (known < limit) {
    const middle = Math.ceil((known + limit) / 2);
    if (isSame(known, middle)) known = middle;
    else limit = middle - 1;
  }
  return known;
}
