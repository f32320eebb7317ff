// What is read of a changed part is what is read of the whole file, whatever the change.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import type { ServiceConfig } from "../../src/config/model.js";
import { findSplice, fits, splicedStarts, type Source } from "../../src/config/splice.js";
import { load } from "./load.js";

const service = (n: number, more = ""): string =>
  `  s${n}: { address: 192.168.1.${n + 1}:80, forwarding: nat, check: tcp, servers: [{ address: 10.0.0.${n + 1}, weight: 1 }]${more} }\n`;
const tall = (n: number): string =>
  `  s${n}:\n    address: 192.168.1.${n + 1}:80\n    forwarding: nat\n    # said here\n\n    servers:\n      - 10.0.0.1\n      - { address: 10.0.0.2, weight: 3 }\n`;
const fileOf = (services: readonly string[]): string =>
  `nodes:\n  lb1: { priority: 150 }\nservices:\n${services.join("")}log:\n  level: info\n`;
const FILE = fileOf([service(0), tall(1), service(2), "  # between\n", service(3), tall(4)]);

function read(
  text: string,
): { readonly services: readonly ServiceConfig[]; readonly source?: Source } | undefined {
  const { config, starts } = load(text);
  if (config === undefined) return undefined;
  return { services: config.services, ...(starts === undefined ? {} : { source: { text, starts } }) };
}

/** As the daemon does it; undefined when everything is to be read. */
function readSpliced(old: string, text: string): ReturnType<typeof read> {
  const before = read(old);
  if (before?.source === undefined) return undefined;
  const splice = findSplice(before.source, text);
  const part = splice === undefined ? undefined : read(splice.reduced);
  if (splice === undefined || part?.source === undefined) return undefined;
  const starts = splicedStarts(before.source, splice, part.source.starts);
  const services = [...before.services];
  const replaced = services.splice(splice.first, splice.count, ...part.services);
  if (starts === undefined || !fits(replaced, part.services)) return undefined;
  return { services, source: { text, starts } };
}

const change = (from: string, to: string): string => {
  assert.ok(FILE.includes(from));
  return FILE.replace(from, to);
};

test("a weight, a server, a comment and a whole body that change are read for themselves", () => {
  for (const text of [
    change("10.0.0.3, weight: 1", "10.0.0.3, weight: 77"),
    change("- 10.0.0.1\n", "- 10.0.0.1\n      - 10.0.0.9\n"),
    change("    # said here\n\n", ""),
    change("  # between\n", "# another\n  # and one more\n"),
    change(tall(1) + service(2), service(1) + tall(2)),
  ]) {
    const spliced = readSpliced(FILE, text);
    assert.ok(spliced !== undefined, text);
    assert.deepEqual(spliced, read(text));
  }
});

test("what may concern the rest of the file is not read for itself", () => {
  for (const text of [
    change("level: info", "level: debug"),
    change(service(2), service(2, ", notify: { up: /bin/x }")),
    change("priority: 150", "priority: 151"),
    change("  s2:", "  x2:"),
    change(service(2), service(2) + service(9)),
    change(service(2), ""),
    change(service(2), service(2).replace("192.168.1.3", "192.168.1.2")),
    change(service(2), "  s2:\n"),
    change(service(2), "vrrp: {}\n"),
    change(" - 10.0.0.1\n", " - &here 10.0.0.1\n"),
    change("weight: 1 }] }", "weight: 1 }]"),
    change("log:", "   log:"),
    change("log:", 'maintenance: { n: { services: [s3], at: "@daily", for: 1h } }\nlog:').replace(
      "weight: 3",
      "weight: 4",
    ),
    FILE,
  ])
    assert.equal(readSpliced(FILE, text), undefined, text);
});

test("what lies further down is found at its place afterwards, time and again", () => {
  let text = FILE;
  let source = read(text)?.source;
  for (const weight of ["11", "2", "333"]) {
    const next = text
      .replace(/(10\.0\.0\.3, weight: )\d+/, `$1${weight}`)
      .replace("said here", `said here ${weight}`);
    const spliced = readSpliced(text, next);
    assert.deepEqual(spliced?.source, read(next)?.source);
    text = next;
    source = spliced?.source;
  }
  assert.ok(source !== undefined);
});

test("of any edit, what is read of the part is what is read of the whole", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "\n",
      " ",
      "  ",
      "    ",
      "#",
      "# x",
      "{",
      "}",
      "[",
      "]",
      ",",
      ": ",
      ":",
      "- ",
      "'",
      '"',
      "|\n",
      ">\n",
      "&a",
      "*a",
      "---\n",
      "...\n",
      "%",
      "\t",
      "\r",
      "? ",
      "weight: 2",
      "s1:",
      "  s2: ",
      "\n  s1: ",
      "\nlog:",
      "\n      - 10.0.0.7",
      "<<: ",
      "!!str ",
      "~",
      "0",
      "1",
    ),
    fc.string({ maxLength: 3 }),
  );
  const anywhere = fc.record({
    at: fc.nat(FILE.length),
    remove: fc.oneof(fc.nat(3), fc.nat(120)),
    add: fc.array(piece, { maxLength: 4 }),
  });
  // Most edits anywhere leave no file that can be read; another digit mostly does.
  const digits = Array.from(FILE.matchAll(/\d/g), ({ index }) => index);
  const digit = fc.record({
    at: fc.constantFrom(...digits),
    remove: fc.constant(1),
    add: fc.array(fc.constantFrom("1", "2", "9"), { minLength: 1, maxLength: 2 }),
  });
  const edit = fc.oneof({ arbitrary: anywhere, weight: 2 }, { arbitrary: digit, weight: 1 });
  let taken = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 2 }), (edits) => {
      let text = FILE;
      for (const { at, remove, add } of edits)
        text = text.slice(0, at) + add.join("") + text.slice(at + remove);
      const spliced = readSpliced(FILE, text);
      if (spliced === undefined) return;
      taken++;
      assert.deepEqual(spliced.services, read(text)?.services);
      const { source } = read(text) ?? {};
      assert.deepEqual(spliced.source?.starts, source?.starts);
    }),
    { numRuns: Number(process.env["VIPD_SEEDS"] ?? 500) },
  );
  assert.ok(taken > 5, `only ${taken} edits were read for themselves`);
});

test("a file with windows is read as a whole: they name servers that have not changed", () => {
  const windows = 'maintenance: { n: { services: [s3], at: "@daily", for: 1h } }\n';
  const [old, text] = [FILE, change("10.0.0.3, weight: 1", "10.0.0.3, weight: 77")].map(
    (one) => one + windows,
  );
  assert.ok(read(text as string) !== undefined);
  assert.equal(readSpliced(old as string, text as string), undefined);
});
