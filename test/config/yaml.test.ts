// YAML becomes a plain tree, positions are right, and no text crashes the reader.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";
import { load } from "js-yaml";

import { readYaml } from "../../src/config/yaml.js";
import { readExample } from "./load.js";

function tree(text: string): unknown {
  const read = readYaml(text);
  assert.ok(read.tree !== undefined && read.problems.length === 0, JSON.stringify(read));
  return read.tree.value;
}

function problems(text: string): string[] {
  const read = readYaml(text);
  return read.problems.map((p) => `${p.offset}+${p.length} ${p.code}: ${p.message}`);
}

const EXAMPLES = ["direct-routing", "nat", "tunnel", "active-active", "vrrp-only", "minimal", "vipd"];

test("the examples read as the package itself would read them", () => {
  for (const name of EXAMPLES)
    assert.deepStrictEqual(tree(readExample(`${name}.yaml`)), load(readExample(`${name}.yaml`)), name);
});

test("scalars follow YAML 1.2's core schema: numbers are numbers, and a time or an address stays text", () => {
  assert.deepEqual(
    tree("[1, -2, .5, 1e3, 0x1f, 0o17, true, False, null, ~, '1', 5s, 10.0.0.1, 12:30, yes, on, 1_000]"),
    [1, -2, 0.5, 1000, 31, 15, true, false, null, null, "1", "5s", "10.0.0.1", "12:30", "yes", "on", "1_000"],
  );
  assert.deepEqual(tree("51: a\ntrue: b"), { "51": "a", true: "b" });
});

test("an empty file is null, and so is an empty value", () => {
  assert.equal(tree(""), null);
  assert.equal(tree("# only a comment\n"), null);
  assert.deepEqual(tree("a:\nb: [ ]\n"), { a: null, b: [] });
});

test("anchors, aliases and the merge key work; what stands in the mapping itself wins", () => {
  assert.deepEqual(
    tree("x: &d { every: 5s, fall: 3 }\ny: { <<: *d, fall: 1 }\nz: *d\nw: { <<: [*d, { rise: 2 }] }\n"),
    {
      x: { every: "5s", fall: 3 },
      y: { every: "5s", fall: 1 },
      z: { every: "5s", fall: 3 },
      w: { every: "5s", fall: 3, rise: 2 },
    },
  );
});

test("every mistake that is not one of syntax is reported, each at its place", () => {
  const text = "a: 1\na: 2\nb: { c: 1, c: 2 }\n[x]: 3\nd: !!str 4\ne: *nobody\nf: { <<: 7 }\n";
  assert.deepEqual(problems(text), [
    '5+1 duplicate-key: the key "a" stands here for the second time',
    '21+1 duplicate-key: the key "c" stands here for the second time',
    "28+1 yaml-key: this cannot be a key",
    "38+5 yaml-tag: tags have no meaning here",
    "49+7 yaml-alias: *nobody stands for nothing: no &nobody comes before it",
    '66+1 yaml-merge: "<<" takes a mapping, or a list of mappings',
  ]);
});

test("a second document, a tab, an open bracket and an open quote are named as such", () => {
  for (const [text, words] of [
    ["a: 1\n---\nb: 2\n", "second document"],
    ["a:\n\tb: 1\n", "tab"],
    ["a: [1, 2\n", "bracket"],
    ["a: 'x\n", "quote"],
    ["a: 1\n  b: 2\n", "indented"],
    ["a: [1 2: 3, {]\n", ""],
  ] as const)
    assert.ok(
      problems(text).length === 1 && problems(text)[0]!.includes(words),
      `${text} ${problems(text).join()}`,
    );
});

test("positions lead to the text of a key or a value, through anchors and merges too", () => {
  const text = readExample("nat.yaml");
  const quote = (source: string, path: (string | number)[], at: "key" | "value"): string => {
    const read = readYaml(source);
    assert.ok("tree" in read);
    const span = read.tree.locate(path, at);
    return source.slice(span.offset, span.offset + span.length);
  };
  assert.equal(quote(text, ["services", "http", "check", "http", "path"], "value"), "/health");
  assert.equal(quote(text, ["services", "http", "check", "http", "path"], "key"), "path");
  assert.equal(quote(text, ["nodes", "lb2", "priority"], "value"), "100");
  assert.equal(quote(text, ["services", "http", "servers", 1, "weight"], "key"), "weight");
  assert.equal(quote(text, ["services", "nothing", "here"], "value"), "services");
  const merged = "x: &d { every: 5s }\ny: { <<: *d, fall: 1 }\nz: *d\n";
  assert.equal(quote(merged, ["y", "every"], "value"), "5s");
  assert.equal(quote(merged, ["z"], "value"), "*d");
  assert.equal(quote(merged, ["z", "every"], "key"), "every");
});

test("deep nesting and alias bombs are errors and no crash", () => {
  for (const text of ["[".repeat(100_000), "{a: ".repeat(50_000), "- ".repeat(50_000), "a: ".repeat(50_000)])
    assert.equal(problems(text).length, 1, text.slice(0, 10));
  const bomb = [
    "a0: &a0 x",
    ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`),
  ];
  assert.deepEqual(
    problems(bomb.join("\n")).map((text) => text.replace(/^\S+ /, "")),
    ["yaml-alias: the file repeats its anchors too often"],
  );
  assert.ok(problems("a: &a [*a]")[0]?.includes("stands inside"));
});

test("no text makes the reader throw, and every problem lies inside the text", () => {
  const pieces = fc.constantFrom(
    " ",
    "\n",
    "  ",
    ":",
    ": ",
    "- ",
    "#",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ",",
    "a",
    "1",
    "null",
    "&a ",
    "*a",
    "|",
    "!x ",
    "\n  ",
    "? ",
    "---\n",
    "...\n",
    "<<: ",
    "@",
    "%",
    "\t",
    "\r\n",
    "\0",
    "ä",
    "__proto__: ",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join("");
      const read = readYaml(text);
      if ("tree" in read) read.tree.locate(["a", 0, "b"], "value");
      else
        for (const p of read.problems)
          assert.ok(p.length >= 1 && p.offset >= 0 && p.offset <= text.length, JSON.stringify([text, p]));
    }),
    { numRuns: 3000 },
  );
});
