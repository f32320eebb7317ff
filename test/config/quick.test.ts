// The quick reader against zod: the same value for what is right, and WRONG for exactly what zod refuses.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { z } from "zod";

import { quickReader, WRONG } from "../../src/config/quick.js";
import { fileSchema } from "../../src/config/schema.js";
import { integer, list, section, text } from "../../src/config/values.js";
import { readYaml } from "../../src/config/yaml.js";
import { checkers, root } from "./load.js";

const schema = fileSchema(checkers);
const quick = quickReader(schema);

/** Gives whether the value is right. */
function compare(other: z.ZodType, read: (input: unknown) => unknown, input: unknown): boolean {
  const parsed = other.safeParse(input);
  const value = read(input);
  if (parsed.success) assert.deepStrictEqual(value, parsed.data);
  else assert.equal(value, WRONG, JSON.stringify(input));
  return parsed.success;
}

const treesOf = (folder: string): unknown[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".yaml"))
    .flatMap((name) => {
      const read = readYaml(readFileSync(join(root, folder, name), "utf8"));
      return "tree" in read ? [read.tree.value] : [];
    });
const trees = [...treesOf("conf"), ...treesOf("test/config/golden")];

/** Every place in a tree, as the mapping or list and the key in it. */
function* places(tree: unknown): Generator<readonly [Record<string, unknown>, string]> {
  if (typeof tree !== "object" || tree === null) return;
  for (const key of Object.keys(tree)) {
    yield [tree as Record<string, unknown>, key];
    yield* places((tree as Record<string, unknown>)[key]);
  }
}

test("every example and every file with mistakes reads as zod reads it", () => {
  const right = trees.filter((tree) => compare(schema, quick, tree));
  assert.ok(right.length > 5 && right.length < trees.length);
});

test("the examples with something else at any place read as zod reads them", () => {
  const other = fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    70_000,
    "",
    "80",
    "tcp",
    "10.0.0.1",
    "10.0.0.1:80",
    "5s",
    [],
    {},
    ["tcp"],
    "none",
    { http: {} },
    { address: "10.0.0.1" },
    [{ tcp: {}, http: {} }],
    { tcp: {}, every: "1s" },
  );
  const example = fc.constantFrom(...treesOf("conf"));
  let wrong = 0;
  const property = fc.property(example, fc.nat(), other, fc.nat(3), (tree, at, value, what) => {
    const copy = structuredClone(tree);
    const all = [...places(copy)];
    const [holder, key] = all[at % all.length] ?? [{}, ""];
    if (what === 0 && !Array.isArray(holder)) Reflect.deleteProperty(holder, key);
    else if (what === 1 && !Array.isArray(holder)) holder[`${key}x`] = value;
    else holder[key] = value;
    if (!compare(schema, quick, copy)) wrong++;
  });
  fc.assert(property, { numRuns: 1000 });
  assert.ok(wrong > 100 && wrong < 1000);
});

test("kinds of schema that are not known go to zod, and what must be true besides is asked", () => {
  const schemas = {
    refined: integer({ min: 1, max: 9 }).refine((value) => value !== 5),
    piped: text().transform((value) => value.length),
    loose: z.looseObject({ a: integer({ min: 1, max: 9 }) }),
    defaulted: section({ a: integer({ min: 1, max: 9 }).prefault(3).optional() }),
    few: list(integer({ min: 1, max: 9 }), { min: 1, max: 2 }),
    record: z.record(text({ pattern: /^[a-z]+$/ }), integer({ min: 1, max: 9 })),
    enumerated: z.enum(["a", "b"]),
  };
  const inputs = [
    5,
    3,
    "abc",
    {},
    { a: 5 },
    { a: 5, b: 1 },
    [],
    [1],
    [1, 2, 3],
    { A: 1 },
    null,
    undefined,
    "a",
    { a: null },
  ];
  for (const one of Object.values(schemas)) {
    const read = quickReader(one);
    const right = inputs.filter((input) => compare(one, read, input));
    assert.ok(right.length > 0 && right.length < inputs.length);
  }
});
