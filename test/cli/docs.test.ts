// What README.md and docs/ say of commands, of the file and of each other is so: a reader who knows nothing else types
// what stands there.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";
import { commands } from "../../src/cli/commands.js";
import { fileSchema } from "../../src/config/schema.js";
import { check, checkers, root } from "../config/load.js";

const pages = [
  "README.md",
  "CHANGELOG.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
].map((name) => ({ name, text: readFileSync(join(root, name), "utf8") }));

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

test("every command and option that a page names is one that there is", () => {
  const words = new Map(commands.map(({ word, options }) => [word, options.map(({ name }) => `--${name}`)]));
  const wrong: string[] = [];
  let looked = 0;
  for (const { name, text } of pages)
    // In code; words of the program come behind " -- ".
    for (const { 1: word = "", 2: rest = "", index } of text.matchAll(
      /(?:`|^ *[#$] |^ {4,}|&& )vipd ([a-z][a-z-]*)([^`|;&\n]*)/gm,
    )) {
      const place = `${name}:${lineOf(text, index)}: vipd ${word}`;
      const options = words.get(word);
      if (options === undefined) wrong.push(place);
      for (const [option] of (rest.split(" -- ")[0] ?? "").matchAll(/(?<![\w-])--[a-z][a-z-]+/g)) {
        looked += 1;
        if (options?.includes(option) === false && option !== "--help") wrong.push(`${place} ${option}`);
      }
    }
  assert.deepEqual(wrong, []);
  assert.ok(looked > 25, `${looked} options`);
});

/** What a block leaves to the rest of the file, or to the machine. */
const ELSEWHERE = ["missing-key", "secret-file", "unknown-target", "unknown-server", "no-nodes"];

test("every whole configuration that a page shows is read without a mistake of its own", () => {
  const sections = Object.keys(fileSchema(checkers).shape);
  const wrong: string[] = [];
  let looked = 0;
  for (const { name, text } of pages)
    for (const { 1: indent = "", 2: block = "", index } of text.matchAll(/^( *)```yaml\n([^]*?)^ *```/gm)) {
      const yaml = block.replaceAll(new RegExp(`^${indent}`, "gm"), "");
      const keys = Array.from(yaml.matchAll(/^([a-z][a-z-]*):/gm), ([, key]) => key ?? "");
      if (keys.length === 0 || !keys.every((key) => sections.includes(key))) continue;
      looked += 1;
      const nodes = "nodes:\n  lb1: { address: 192.168.1.2, priority: 150 }\n  lb2: { priority: 100 }\n";
      const { diagnostics } = check(keys.includes("nodes") ? yaml : `${nodes}${yaml}`);
      for (const { severity, code, message } of diagnostics)
        if (severity === "error" && !ELSEWHERE.includes(code))
          wrong.push(`${name}:${lineOf(text, index)}: ${message}`);
    }
  assert.deepEqual(wrong, []);
  assert.ok(looked > 6, `${looked} configurations`);
});

/** As the pages are shown: a heading's words, with hyphens for spaces and without other signs. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

test("every link of a page to another one, or to a heading, leads somewhere", () => {
  const anchors = new Map(
    pages.map(({ name, text }) => [
      name,
      new Set(Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading]) => anchorOf(heading ?? ""))),
    ]),
  );
  const wrong: string[] = [];
  for (const { name, text } of pages)
    for (const { 1: target = "", index } of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file =
        path === "" ? name : normalize(relative(root, join(root, dirname(name), path))).replace(/\/$/, "");
      const known = anchors.get(file);
      if (!existsSync(join(root, file)) || (anchor !== undefined && known?.has(anchor) === false))
        wrong.push(`${name}:${lineOf(text, index)}: ${target}`);
    }
  assert.deepEqual(wrong, []);
});
