// What is read quickly is what is read with zod and all of YAML: with the real zod, and with what stands in for it in
// the bundle of the config reader.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { build } from "esbuild";
import fc from "fast-check";

import { loadConfig } from "../../src/config/load.js";
import { placeIn } from "../../src/config/place.js";
import { quickLoad, quickRead } from "../../src/config/quick-load.js";
import { readSchedule } from "../../src/linux/cron.js";
import { err } from "../../src/core/result.js";
import { checkers, root } from "./load.js";

type QuickLoad = (text: string) => ReturnType<typeof quickLoad>;

const textsOf = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => readFileSync(join(root, folder, name), "utf8"));
const texts = [...textsOf("conf"), ...textsOf("test/config/golden")];
const asked = {
  identity: { kind: "node", name: "lb1" },
  readSecret: () => err("there is none"),
  readSchedule,
} as const;

const withZod: QuickLoad = (text) => quickLoad({ text, checkers, ...asked });

const directory = mkdtempSync(join(tmpdir(), "vipd-quick-load-"));
after(() => rmSync(directory, { recursive: true }));

/** As the bundle of the reader has it (tools/bundle.mjs). */
async function withStandIn(): Promise<QuickLoad> {
  const source = (path: string): string => JSON.stringify(join(root, "build/src", path));
  const outfile = join(directory, "quick-load.mjs");
  const contents = `
    import { checkerSpecs } from ${source("checkers/registry.js")};
    import { quickLoad } from ${source("config/quick-load.js")};
    import * as values from ${source("config/values.js")};
    const checkers = checkerSpecs(values);
    export const load = (asked) => quickLoad({ checkers, ...asked });`;
  const alias = { zod: join(root, "build/src/config/zod-stand-in.js") };
  const options = { bundle: true, platform: "node", format: "esm", logLevel: "error" } as const;
  await build({ stdin: { contents, resolveDir: root }, alias, outfile, ...options });
  const { load } = (await import(outfile)) as { load: (request: object) => ReturnType<typeof quickLoad> };
  return (text) => load({ text, ...asked });
}

/** Gives whether it was read quickly. */
function compare(quick: QuickLoad, text: string): boolean {
  const loaded = quick(text);
  if (loaded === undefined) return false;
  const { diagnostics, ...rest } = loadConfig({
    path: "vipd.yaml",
    text,
    checkers,
    ...asked,
  });
  assert.deepStrictEqual(diagnostics, [], text);
  assert.deepStrictEqual(loaded, rest, text);
  return true;
}

for (const [name, made] of [
  ["zod", () => Promise.resolve(withZod)],
  ["its stand-in", withStandIn],
] as const) {
  test(`with ${name}: examples and edits of them are read quickly only when there is nothing to say`, async () => {
    const quick = await made();
    const right = texts.filter((text) => compare(quick, text));
    assert.ok(right.length >= 5, `${right.length} were read quickly`);
    const word = fc.constantFrom(
      "80",
      "0",
      "-1",
      "70000",
      "true",
      "tcp",
      "x",
      "10.0.0.1",
      "[]",
      "{}",
      "5s",
      "none",
    );
    let read = 0;
    fc.assert(
      fc.property(fc.constantFrom(...right), fc.nat(), word, (text, at, put) => {
        // Another value somewhere, or another key.
        const words = [...text.matchAll(/[\w./:-]*\w/g)];
        const { index, 0: old } = words[at % words.length] as RegExpExecArray;
        if (compare(quick, text.slice(0, index) + put + text.slice(index + old.length))) read++;
      }),
      { numRuns: Number(process.env["VIPD_SEEDS"] ?? 200) },
    );
    assert.ok(read > 0);
  });
}

test("of warnings it finds the places, when they are all there is to say", () => {
  const warned = texts.map((text) =>
    text.replace(/^( *)(- \{? ?address: \S+?), weight: 1\b/m, "$1$2, weight: 9"),
  );
  const without = `nodes: { lb1: {} }
services:
  a: { address: 192.0.2.1:80, scheduler: rr, forwarding: nat, servers: [{ address: 192.0.2.9, weight: 2 }, 192.0.2.8] }
  b:
    address: 192.0.2.2:80
    forwarding: nat
    # None.
    servers: []
`;
  let placed = 0;
  for (const text of [...warned, without]) {
    const read = quickRead({ text, checkers, ...asked });
    if (read === undefined) continue;
    const { config, diagnostics } = loadConfig({ path: "vipd.yaml", text, checkers, ...asked });
    assert.deepStrictEqual(read.config, config, text);
    assert.deepStrictEqual(placeIn("vipd.yaml", text, read.warnings), diagnostics, text);
    placed += diagnostics.length;
  }
  assert.ok(placed >= 2);
  const wrong = without.replace("192.0.2.9", "192.0.2.8");
  assert.equal(quickRead({ text: wrong, checkers, ...asked }), undefined);
});
