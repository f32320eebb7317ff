// The fast reader of plain YAML gives what the yaml package gives, or gives up; and positions are right.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";
import { parseDocument } from "yaml";

import { readPlainYaml } from "../../src/config/plain-yaml.js";
import { readYaml } from "../../src/config/yaml.js";
import { readExample } from "./load.js";

const PIECES = [
  " ", "\n", "  ", ":", ": ", "- ", "-", "#", " #", "'", '"', "[", "]", "{", "}", ",", "a", "1", "null", "true",
  "~", "0x1", "1e3", ".5", "&a ", "*a", "|", "!x ", "\n\n", "\n  ", "? ", "---\n", "<<", "@", "%", "\t", "\r\n",
]; // prettier-ignore

const SEEDS = [
  ...["direct-routing.yaml", "nat.yaml", "vrrp-only.yaml"].map(readExample),
  "a: [1, 'b', {c: d}]\nb:\n- x: 1\n  y: 2\n- z\nc:   # hi\n    k: \"v\"\n    l:\n",
  "x: {\n  a: 1,  # c\n  b: [ 1,\n   2 ],\n }\ny: -1.5\nz: a:b#c d\n",
];

/** A text cut out of a seed, with some pieces put in and some taken out. */
const mutated = fc
  .tuple(
    fc.constantFrom(...SEEDS),
    fc.nat(2000),
    fc.integer({ min: 1, max: 300 }),
    fc.array(fc.tuple(fc.nat(300), fc.constantFrom(...PIECES, ""), fc.nat(3)), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([seed, from, length, edits]) =>
    edits.reduce(
      (text, [at, piece, cut]) => text.slice(0, at) + piece + text.slice(at + cut),
      seed.slice(from % seed.length, (from % seed.length) + length),
    ),
  );

test("what the fast reader reads, the yaml package reads the same", () => {
  let accepted = 0;
  fc.assert(
    fc.property(mutated, (text) => {
      const plain = readPlainYaml(text);
      if (plain === undefined) return;
      accepted++;
      const document = parseDocument(text, { merge: true });
      assert.deepEqual(document.errors, []);
      assert.deepEqual(document.warnings, []);
      assert.deepStrictEqual(plain.value, document.toJS());
    }),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 200, `only ${accepted} texts were plain`);
});

test("the fast reader takes the examples without anchors, so that they load fast", () => {
  for (const name of ["direct-routing", "nat", "tunnel", "vrrp-only", "minimal", "vipd"])
    assert.ok(readPlainYaml(readExample(`${name}.yaml`)) !== undefined, name);
});

test("both readers give the same positions", () => {
  const text = readExample("nat.yaml");
  // An anchor on an unused value sends the same text to the other reader.
  const anchored = text.replace("priority: 150", "priority: &p 150");
  const quote = (source: string, path: (string | number)[], at: "key" | "value"): string => {
    const read = readYaml(source);
    assert.ok("tree" in read);
    const span = read.tree.locate(path, at);
    return source.slice(span.offset, span.offset + span.length);
  };
  const places: readonly (readonly [(string | number)[], "key" | "value"])[] = [
    [["nodes", "lb2", "priority"], "value"],
    [["nodes", "lb2", "priority"], "key"],
    [["services", "http", "servers", 1, "weight"], "value"],
    [["services", "http", "check", "http", "path"], "value"],
    [["vrrp", "web", "addresses", 0], "value"],
    [["services", "mail"], "key"],
  ];
  for (const [path, at] of places)
    assert.equal(quote(text, path, at), quote(anchored, path, at), path.join("."));
  assert.equal(quote(text, ["services", "http", "check", "http", "path"], "value"), "/health");
});

test("deep nesting is an error and not a crash", () => {
  for (const text of ["[".repeat(100_000), "{a: ".repeat(50_000), "- ".repeat(50_000), "a: ".repeat(50_000)])
    assert.ok("problems" in readYaml(text) || text.startsWith("-"), text.slice(0, 10));
});
