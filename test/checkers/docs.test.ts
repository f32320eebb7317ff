import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { FAIL_REASONS } from "../../src/checkers/checker.js";
import { checkers } from "../../src/checkers/registry.js";
import { good, PAIR, root, WEB } from "../config/load.js";

const page = readFileSync(join(root, "docs/checkers.md"), "utf8");

/** The texts of the fenced blocks of a language. */
const blocks = (language: string): string[] =>
  Array.from(page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, "gm")), ([, text]) => text ?? "");

test("docs/checkers.md explains every reason, and no other", () => {
  const section = /## Why a check failed([^]*?)\n## /.exec(page)?.[1] ?? "";
  assert.deepEqual(
    Array.from(section.matchAll(/^\| `([a-z-]+)` \|/gm), ([, reason]) => reason),
    [...FAIL_REASONS],
  );
});

/** The text of the TypeScript files of a folder and those in it. */
const sources = (folder: string): { readonly path: string; readonly text: string }[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => ({ path: join(folder, path), text: readFileSync(join(root, folder, path), "utf8") }));

test("every reason is one that the code gives and a test sees", () => {
  const code = sources("src").filter(({ path }) => path !== "src/checkers/checker.ts");
  const tests = sources("test");
  for (const reason of FAIL_REASONS) {
    const said = new RegExp(`(?<![a-z-])${reason}(?![a-z-])`);
    assert.ok(
      code.some(({ text }) => text.includes(`"${reason}"`)),
      `nothing gives ${reason}`,
    );
    assert.ok(
      tests.some(({ path, text }) => path !== "test/checkers/docs.test.ts" && said.test(text)),
      `no test sees ${reason}`,
    );
  }
});

test("docs/checkers.md has a section with an example for every checker", () => {
  const section = /## The checkers([^]*?)\n## /.exec(page)?.[1] ?? "";
  assert.deepEqual(
    Array.from(section.matchAll(/^### (.*)$/gm), ([, name]) => name),
    checkers.map(({ name }) => name),
  );
});

test("the examples of docs/checkers.md are good configuration", () => {
  const examples = blocks("yaml");
  assert.ok(examples.length >= checkers.length + 2);
  const seen = new Set<string>();
  for (const example of examples) {
    const service = `address: 192.168.1.1:80\nforwarding: direct-routing\n${example}servers: [192.168.1.4]\n`;
    const { services } = good(`${PAIR}${WEB}services:\n  web:\n${service.replace(/^/gm, "    ")}`);
    for (const { type } of services[0]!.servers[0]!.checks) seen.add(type);
  }
  assert.deepEqual([...seen].sort(), checkers.map(({ name }) => name).sort());
});
