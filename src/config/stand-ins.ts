// Values that a place of the file may have, made from its schema: what could stand there if somebody mended it. Of a
// kind with few values all of them, of a range its ends, of a mapping what it must have. They are for looking whether
// a problem is there whatever is written, and never for running anything.

import { z } from "zod";

import { forms } from "./problems.js";
import { readerOf, type ValueMeta } from "./values.js";

const MOST = 40;

/** Made once for a schema: to try all candidates of a section costs more than to look at the file that needs them. */
const made = new WeakMap<z.ZodType, (readonly unknown[])[]>();

/**
 * Written values that `schema` takes; nobody may change them. `turn`: another number gives other names, addresses and
 * numbers.
 */
export function standIns(schema: z.ZodType, turn: number): readonly unknown[] {
  let known = made.get(schema);
  if (known === undefined) made.set(schema, (known = []));
  return (known[turn] ??= forms(schema)
    .flatMap((form) => formStandIns(form, turn))
    .slice(0, MOST));
}

function formStandIns(form: z.ZodType, turn: number): readonly unknown[] {
  const read = readerOf(form);
  if (read !== undefined) return candidates(form.meta() as ValueMeta, turn).filter((one) => read(one).ok);
  if (form instanceof z.ZodObject) return sections(form, turn);
  if (form instanceof z.ZodArray) {
    const items = standIns(form.element as z.ZodType, turn);
    return [[], ...items.map((item) => [item])].filter((one) => takes(form, one));
  }
  return form instanceof z.ZodRecord ? records(form, turn) : [];
}

function records({ valueType }: z.ZodRecord, turn: number): readonly unknown[] {
  return [{}, ...standIns(valueType as z.ZodType, turn).map((one) => ({ [`unread-${turn}`]: one }))];
}

/** With what must be there, and with all that can be; where neither is enough, with one thing more. */
function sections(form: z.ZodObject, turn: number): readonly unknown[] {
  const all = Object.entries(form.shape as Record<string, z.ZodType>).map(
    ([key, inner]) => [key, standIns(inner, turn), takes(inner, undefined)] as const,
  );
  const minimal = together(all.filter(([, , isOptional]) => !isOptional));
  const found = [...minimal, ...together(all).slice(0, MOST / 2)].filter((one) => takes(form, one));
  if (found.length > 0) return found;
  const [base = {}] = minimal;
  return all
    .flatMap(([key, values]) => values.map((value) => ({ ...base, [key]: value })))
    .filter((one) => takes(form, one));
}

/** Mappings of these keys, with the first value of each, with the second, and so on. */
function together(
  keys: readonly (readonly [key: string, values: readonly unknown[], ...unknown[]])[],
): object[] {
  const most = Math.max(1, ...keys.map(([, values]) => values.length));
  return Array.from({ length: Math.min(most, MOST) }, (_, i) =>
    Object.fromEntries(
      keys.flatMap(([key, values]) => (values.length === 0 ? [] : [[key, values[i % values.length]]])),
    ),
  );
}

const takes = (schema: z.ZodType, value: unknown): boolean => schema.safeParse(value).success;

/** Something of every kind; whoever reads a kind of value picks what it takes. */
function candidates(meta: ValueMeta | undefined, turn: number): readonly unknown[] {
  const n = 1 + (turn % 250);
  const [from, to] = meta?.range?.split(" to ") ?? [];
  const numbers = [meta?.["minimum"], meta?.["maximum"]].filter((one) => typeof one === "number");
  const [least = 0, greatest = 100] = numbers;
  return [
    ...((meta?.["enum"] as readonly unknown[] | undefined) ?? []),
    ...[true, false, ...numbers, Math.min(greatest, least + n), from, to],
    ...[
      `198.51.100.${n}`,
      `2001:db8:ffff::${n}`,
      `198.51.100.${n}/32`,
      `2001:db8:ffff::${n}/128`,
      "fe80::1/64",
    ],
    ...[`198.51.100.${n}:${n}`, `[2001:db8:ffff::${n}]:${n}`, `unread-${n}`, `unread${n}`, `/unread-${n}`],
    ...[`https://unread.invalid/${n}`, `${n}s`, "200", n],
  ].filter((one) => one !== undefined);
}
