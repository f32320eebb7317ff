// Reads what is right as a zod schema does, in a fraction of the time: of a large file nearly all of the reading is
// the same few kinds of value ten thousand times. Knows how sections, lists, records, unions and value types are put
// together; gives any other kind of schema, and whatever must be true of a value besides, to zod itself. Of what is
// wrong it says only that: the words are zod's, which is asked again.

import { z } from "zod";

import { readerOf } from "./values.js";

/** What a reader gives for a value that the schema refuses. */
export const WRONG = Symbol("wrong");
export type QuickReader = (input: unknown) => unknown;

/** Gives what `schema.parse` does, or WRONG where that throws. Undefined stands for a key that is not there. */
export function quickReader(schema: z.ZodType): QuickReader {
  const read = kindReader(schema);
  const { checks = [] } = schema.def;
  if (read === undefined) return byZod(schema);
  if (checks.length === 0) return read;
  return (input) => {
    const payload: z.core.ParsePayload = { value: read(input), issues: [] };
    for (const { _zod: check } of checks) {
      if (payload.value === WRONG || payload.issues.length > 0) return WRONG;
      // Nothing in a configuration is waited for.
      void check.check(payload as z.core.ParsePayload<never>);
    }
    return payload.issues.length > 0 ? WRONG : payload.value;
  };
}

/** Without what else must be true of the value. Undefined: not one of the kinds that are known here. */
function kindReader(schema: z.ZodType): QuickReader | undefined {
  const read = readerOf(schema);
  if (read !== undefined)
    return (input) => {
      const result = read(input);
      return result.ok ? result.value : WRONG;
    };
  if (schema instanceof z.ZodOptional) return optionalReader(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodPrefault) {
    const inner = quickReader(schema.unwrap() as z.ZodType);
    return (input) => inner(input === undefined ? schema.def.defaultValue : input);
  }
  if (schema instanceof z.ZodUnion) return unionReader(schema.options as z.ZodType[]);
  if (schema instanceof z.ZodArray) return listReader(schema.element as z.ZodType);
  if (schema instanceof z.ZodRecord) return recordReader(schema);
  return schema instanceof z.ZodObject ? sectionReader(schema) : undefined;
}

const byZod =
  (schema: z.ZodType): QuickReader =>
  (input) => {
    const result = schema.safeParse(input);
    return result.success ? result.data : WRONG;
  };

function optionalReader(schema: z.ZodType): QuickReader | undefined {
  // With a default it is not absent.
  if (schema instanceof z.ZodPrefault) return undefined;
  const inner = quickReader(schema);
  return (input) => (input === undefined ? undefined : inner(input));
}

/** No kind of value in a union takes a mapping: what it would say of one need not be put into words. */
function unionReader(members: readonly z.ZodType[]): QuickReader {
  const readers = members.map(quickReader);
  const others = members.flatMap((member, i) =>
    readerOf(member) === undefined ? [readers[i] as QuickReader] : [],
  );
  return (input) => {
    for (const read of isMapping(input) ? others : readers) {
      const value = read(input);
      if (value !== WRONG) return value;
    }
    return WRONG;
  };
}

function listReader(item: z.ZodType): QuickReader {
  const inner = quickReader(item);
  return (input) => {
    if (!Array.isArray(input)) return WRONG;
    const items: unknown[] = [];
    for (const one of input) {
      const value = inner(one);
      if (value === WRONG) return WRONG;
      items.push(value);
    }
    return items;
  };
}

function recordReader({ keyType, valueType }: z.ZodRecord): QuickReader {
  const key = quickReader(keyType as z.ZodType);
  const inner = quickReader(valueType as z.ZodType);
  return (input) => {
    if (!isMapping(input)) return WRONG;
    const record: Record<string, unknown> = {};
    for (const written of Object.keys(input)) {
      const name = key(written);
      const value = inner(input[written]);
      if (typeof name !== "string" || name === "__proto__" || value === WRONG) return WRONG;
      record[name] = value;
    }
    return record;
  };
}

function sectionReader(schema: z.ZodObject): QuickReader | undefined {
  // Other keys are to be refused.
  if (!(schema.def.catchall instanceof z.ZodNever)) return undefined;
  const keys = Object.entries(schema.shape as Record<string, z.ZodType>).map(
    ([key, inner]) => [key, quickReader(inner)] as const,
  );
  return (input) => {
    if (!isMapping(input)) return WRONG;
    const section: Record<string, unknown> = {};
    let known = 0;
    for (const [key, inner] of keys) {
      const written = input[key];
      const value = inner(written);
      if (value === WRONG) return WRONG;
      if (written !== undefined) known++;
      if (value !== undefined) section[key] = value;
    }
    return Object.keys(input).length === known ? section : WRONG;
  };
}

const isMapping = (input: unknown): input is Record<string, unknown> =>
  typeof input === "object" && input !== null && !Array.isArray(input);
