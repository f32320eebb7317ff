// What else is wrong in a file of which something cannot be read: nothing that follows from what is broken. A value is
// broken, a key is misspelt, a line has one bracket too many, here and there in a few files; EVERY=1 does it everywhere
// in all of golden/ and some examples. That all is told that does not depend on it, golden/both-kinds.yaml shows.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { pathText, type Path } from "../../src/config/diagnostic.js";
import { readYaml } from "../../src/config/yaml.js";
import { check, codes, readExample, root } from "./load.js";

type Tree = Record<string | number, unknown>;

const golden = join(root, "test/config/golden");
const isEvery = process.env["EVERY"] === "1";
const FEW = ["adverts.yaml", "groups.yaml", "meaning.yaml", "maintenance.yaml", "active-active.yaml"];
const TEXTS = [
  ...readdirSync(golden)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => [name, readFileSync(join(golden, name), "utf8")] as const),
  ...["nat.yaml", "active-active.yaml", "vipd.yaml"].map((name) => [name, readExample(name)] as const),
].filter(([name]) => isEvery || FEW.includes(name));

/** Those that are good YAML, and in which the keys are what they seem. */
const FILES = TEXTS.flatMap(([name, text]) => {
  const { tree, problems } = readYaml(text);
  const value: unknown = tree?.value;
  const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
  const isOdd = problems.length > 0 || !isMapping || codes(text).includes("unknown-key");
  return isOdd ? [] : [{ name, text, tree: JSON.parse(JSON.stringify(value)) as Tree }];
});

/** Each problem's place and rule. `but`: not those on this line. */
const problemsOf = (text: string, but?: number): string[] =>
  check(text).diagnostics.flatMap(({ message, code, line }) =>
    line === but ? [] : [`${message.split(": ")[0]}: ${code}`],
  );
/** What was not looked at before, because another problem was in the way. */
const HIDDEN = "services.too-many.addresses: not-virtual";

const MOST = isEvery ? Number.POSITIVE_INFINITY : 4;
/** Some of them, evenly. */
const some = <T>(all: readonly T[]): T[] =>
  all.filter((_, i) => i % Math.max(1, Math.ceil(all.length / MOST)) === 0);

function pathsIn(value: unknown, path: Path = []): Path[] {
  const own = path.length === 0 ? [] : [path];
  if (typeof value !== "object" || value === null) return own;
  return [
    ...own,
    ...Object.entries(value).flatMap(([key, inner]) =>
      pathsIn(inner, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

/** What a change to a copy leaves. */
function changed(tree: Tree, path: Path, change: (around: Tree, key: string | number) => void): string {
  const copy = structuredClone(tree);
  change(
    path.slice(0, -1).reduce<Tree>((at, step) => at[step] as Tree, copy),
    path.at(-1) as string | number,
  );
  return JSON.stringify(copy);
}

/** `isOfIt`: told of the change itself. */
function nothingNew(
  text: string,
  before: ReadonlySet<string>,
  isOfIt: (problem: string) => boolean,
  what: string,
  but?: number,
): void {
  const others = problemsOf(text, but).filter(
    (problem) => !isOfIt(problem) && !before.has(problem) && problem !== HIDDEN,
  );
  assert.deepEqual(others, [], what);
}

/** No kind of value of the file is written so. */
const NONSENSE = [[]];
const JUNK = "zzzzzzzzzzzz";

for (const { name, text, tree } of FILES) {
  const before = new Set(problemsOf(text));

  test(`a broken value of ${name} makes nothing else wrong`, () => {
    for (const path of some(pathsIn(tree))) {
      const place = pathText(path);
      nothingNew(
        changed(tree, path, (around, key) => (around[key] = NONSENSE)),
        before,
        (problem) => problem.startsWith(place) && /^[:.[]/.test(problem.slice(place.length)),
        place,
      );
    }
  });

  test(`a key of ${name} that nobody knows makes nothing else wrong`, () => {
    for (const path of some(pathsIn(tree).filter((one) => typeof one.at(-1) === "string"))) {
      const text = changed(tree, path, (around, key) => {
        around[JUNK] = around[key];
        Reflect.deleteProperty(around, key);
      });
      if (!check(text).diagnostics.some(({ code }) => code === "unknown-key")) continue;
      nothingNew(text, before, (problem) => /: (unknown-key|missing-key)$/.test(problem), pathText(path));
    }
  });

  test(`a line of ${name} with an open bracket makes nothing else wrong`, () => {
    const lines = text.split("\n");
    for (const at of some([...lines.keys()].filter((line) => /^[^#]*\w/.test(lines[line] ?? "")))) {
      const broken = lines.with(at, `${lines[at]?.replace(/\s*$/, "")} {`).join("\n");
      nothingNew(broken, before, (problem) => /: yaml$/.test(problem), lines[at] ?? "", at + 1);
    }
  });
}
