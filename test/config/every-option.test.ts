// Every option of the schema gets a value of a wrong kind: the message names the file, the line, the column and the
// option, and says what would be right. The list of options is the schema itself, so a new one is covered when it is there.

import assert from "node:assert/strict";
import { test } from "node:test";

import { z } from "zod";

import { pathText, summarizeDiagnostic, type Path } from "../../src/config/diagnostic.js";
import { forms } from "../../src/config/problems.js";
import { fileSchema } from "../../src/config/schema.js";
import { check, checkers } from "./load.js";

/** Fewer than the schema has: whoever finds no options has shown nothing. */
const FEWEST = 250;

/** The ways to all values that may stand in a file, with NAME for every name and the first entry of every list. */
function optionsOf(schema: z.ZodType, path: Path = []): Path[] {
  return [
    ...(path.length === 0 ? [] : [path]),
    ...forms(schema).flatMap((form) => {
      if (form instanceof z.ZodObject)
        return Object.entries(form.shape as Record<string, z.ZodType>).flatMap(([key, inner]) =>
          optionsOf(inner, [...path, key]),
        );
      if (form instanceof z.ZodRecord) return optionsOf(form.valueType as z.ZodType, [...path, "NAME"]);
      return form instanceof z.ZodArray ? optionsOf(form.element as z.ZodType, [...path, 0]) : [];
    }),
  ];
}

type Tree = Record<string | number, unknown>;

/** No option takes it; the text tells which option it was meant for. */
const wrong = (option: string): unknown => [[`wrong ${option}`]];

/** Puts the value there, unless the tree has something else on the way. */
function put(tree: Tree, path: Path, value: unknown): boolean {
  let at = tree;
  for (const [i, step] of path.entries()) {
    if (Array.isArray(at) !== (typeof step === "number")) return false;
    const isLast = i === path.length - 1;
    if (isLast && at[step] !== undefined) return false;
    at[step] ??= isLast ? value : typeof path[i + 1] === "number" ? [] : {};
    at = at[step] as Tree;
    if (!isLast && JSON.stringify(at).startsWith('[["wrong')) return false;
  }
  return true;
}

/** Files with as many of the options as have room beside each other. */
function filesOf(options: ReadonlyMap<string, Path>): Tree[] {
  const files: Tree[] = [];
  for (const [option, path] of options) {
    if (files.some((file) => put(file, path, wrong(option)))) continue;
    const file: Tree = {};
    put(file, path, wrong(option));
    files.push(file);
  }
  return files;
}

/** What would be right, in the message or below it. */
const SAYS_WHAT_IS_RIGHT = /is not (a|an|text|the)\b|neither true nor false|needs at least/;

test("a wrong value of any option is told with its place, its name, and what would be right", () => {
  const options = new Map(optionsOf(fileSchema(checkers)).map((path) => [pathText(path), path]));
  assert.ok(options.size >= FEWEST, `only ${options.size} options were found`);
  const told = new Set<string>();
  for (const file of filesOf(options)) {
    const text = JSON.stringify(file, undefined, 1);
    const lines = text.split("\n");
    const { diagnostics } = check(text, "vipd.yaml");
    for (const [at, content] of lines.entries()) {
      const option = /"wrong (.*)"/.exec(content)?.[1];
      if (option === undefined) continue;
      // The value begins two lines above its innermost text; of a list the entry is wrong, one line above.
      const about = diagnostics.find(({ line, column, message }) => {
        const isEntry = message.startsWith(`${option}[0]: `);
        const place = at - (isEntry ? 0 : 1);
        return (
          (isEntry || message.startsWith(`${option}: `)) &&
          line === place &&
          column === (lines[place - 1]?.indexOf("[") ?? -1) + 1
        );
      });
      assert.ok(about !== undefined, `${option}: nothing was said of line ${at - 1}`);
      assert.match(summarizeDiagnostic(about), /^vipd\.yaml:\d+:\d+: error: /);
      assert.ok(
        about.hint !== undefined || SAYS_WHAT_IS_RIGHT.test(about.message),
        `${option} does not say what would be right: ${about.message}`,
      );
      told.add(option);
    }
  }
  assert.deepEqual([...told].sort(), [...options.keys()].sort());
});
