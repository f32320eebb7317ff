// The quick way to read YAML against the parser of all of it: whatever is read quickly is read alike, and what a
// configuration is mostly made of is read quickly.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";

import { readPlainYaml } from "../../src/config/plain-yaml.js";
import { readAnyYaml } from "../../src/config/yaml.js";
import { root } from "./load.js";

const textsOf = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => readFileSync(join(root, folder, name), "utf8"));

/** Gives whether it was read quickly. */
function compare(text: string): boolean {
  const plain = readPlainYaml(text);
  if (plain === undefined) return false;
  const any = readAnyYaml(text);
  assert.ok("tree" in any, `read, but it is wrong:\n${text}`);
  assert.deepStrictEqual(plain.value, any.tree.value, text);
  for (const key of Object.keys(plain.value as object))
    assert.deepStrictEqual(plain.entriesOf(key), any.tree.entriesOf(key), `entries of ${key} in:\n${text}`);
  return true;
}

/** Everything that has a meaning, in the smallest space. */
const KINDS = `nodes: { lb1: {} } # one
services:
  # two of them
  web:
    address: "192.0.2.1:80"
    scheduler: wrr
    check: [{ http: { path: /a, status: 200 } }, tcp]
    servers:
      - 10.0.0.1
      - address: 10.0.0.2 # spare
        weight: 0

      - { address: 2001:db8::3, weight: 2, on: true, off: null, n: -5 }
  db: { address: '[2001:db8::1]:80', servers: [10.0.0.4] }
log:
  targets:
  - stderr
  - file: /var/log/vipd.log
`;

test("the examples, and each kind of entry, are read quickly", () => {
  assert.ok(compare(KINDS));
  const read = textsOf("conf").filter(compare);
  assert.ok(read.length >= 6, `${read.length} of the examples`);
  for (const text of textsOf("test/config/golden")) compare(text);
});

test("what the parser reads in its own way, or refuses, is left to it", () => {
  for (const text of [
    "",
    "- a\n",
    "a\n",
    "a: &x 1\nb: *x\n",
    "a: !t 1\n",
    "a: {b: 1}\na: 2\n",
    "a: {b: 1, b: 2}\n",
    "a: { b: 1, b: 1 }\n",
    "a: [{ b: 1 }, { c: 2, c: 3 }]\n",
    'a: { "b": 1, b: 2 }\n',
    "a: { b :c }\n",
    "a: {1: x, null: y}\n",
    "a: [1, 2\nb: 3]\n",
    'a: {b: 1}, "#", {c: 2}\nd: [1\ne: 2]\n',
    "a: {b: 1}, {c: 2}\nd: [1\ne: 2]\n",
    "a: {b: 1}}\nc: {\n",
    "a: | \n  text\n",
    "a: text\n  goes on\n",
    "a:\n  b: 1\n c: 2\n",
    "a: 1\n  b: 2\n",
    "a:\nb: 1\n",
    "a: b: c\n",
    "a:\t1\n",
    "a: 1\r\n",
    "\ufeffa: 1\n",
    "---\na: 1\n",
    "a: 1\n...\n",
    "<<: { a: 1 }\n",
    "__proto__: { a: 1 }\n",
    'a: "b\\n"\n',
    "a: 'it''s'\n",
    'a: ["80"]\n',
    "a: [0x10]\n",
    "a: [1.5]\n",
    "a: [007]\n",
    "true: 1\n",
  ])
    assert.equal(readPlainYaml(text), undefined, text);
});

test("scalars without quotes are what they are to the parser", () => {
  for (const word of ["80", "0", "-5", "1.5", "1e3", "007", "0o7", "0x1f", "~", "yes", "True", "null", "1:2"])
    for (const text of [`a: ${word}\n`, `a: [${word}]\n`, `a: { b: ${word} }\n`, `a: { ${word}: b }\n`])
      compare(text);
});

test("whatever edits are made, what is read quickly is read alike", () => {
  const texts = [KINDS, ...textsOf("conf")];
  const piece = fc.constantFrom(
    ..." : , { } [ ] \" ' # - \n & * | 0 a 1 . t n ~ %".split(" "),
    ...[
      ": ",
      "\n  ",
      "- ",
      " #",
      "{ ",
      " }",
      '"#"',
      "true",
      "null",
      "a: 1",
      "  b:\n",
      "[a]",
      "1e3",
      "0x1",
      "::",
    ],
  );
  const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat(3), put: piece });
  let quick = 0;
  fc.assert(
    fc.property(fc.constantFrom(...texts), fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
      let edited = text;
      for (const { at, cut, put } of edits) {
        const place = Math.floor(at * edited.length);
        edited = edited.slice(0, place) + put + edited.slice(place + cut);
      }
      if (compare(edited)) quick++;
    }),
    { numRuns: Number(process.env["VIPD_SEEDS"] ?? 3000) },
  );
  assert.ok(quick > 100, `only ${quick} were read quickly`);
});
