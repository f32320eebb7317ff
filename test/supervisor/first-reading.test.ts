// A new file that the first process reads itself: the same comes of it as of the reader's work, and what that alone can do
// is left to it.

import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  findSavedConfig,
  findSavedTable,
  savedConfigPath,
  savedForNode,
} from "../../src/director/saved-config.js";
import { alikeReading } from "../../src/director/supervisor/alike-reading.js";
import { configLoader } from "../../src/director/supervisor/config-process.js";
import { readFirst } from "../../src/director/supervisor/first-reading.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-first-reading-"));
after(() => rmSync(folder, { recursive: true }));
const config = join(folder, "vipd.yaml");
const PROGRAM = "vipd 1 aa";

const text = (check: string, more = "", odd = "") =>
  `nodes: { lb1: {}, lb2: {} }\n${more}services:\n${Array.from(
    { length: 150 },
    (_, n) =>
      `  s${n}: { address: 192.0.2.${n + 1}:80, scheduler: rr, forwarding: nat, check: ${check}, servers: [198.51.100.${n + 1}, 203.0.113.${n + 1}${n === 149 ? odd : ""}] }\n`,
  ).join("")}`;

function read(written: string, node = "lb1") {
  writeFileSync(config, written);
  return readFirst({ config, node, runtimeDirectory: folder });
}

test("what it keeps is what the reader makes of the same file", async () => {
  const written = text("tcp");
  const reading = (await read(written)) ?? assert.fail("it was not read");
  const savedFor = savedForNode(PROGRAM, config, "lb1");
  const path = savedConfigPath(folder);
  assert.equal(findSavedConfig(path, savedFor, written), undefined);
  reading.keep(folder, PROGRAM);
  const outcome = await configLoader()({ path: config, node: "lb1" });
  assert.ok(outcome.ok);
  const { head, servicesText, services, servers } = outcome.config;
  const { id, ...kept } = findSavedConfig(path, savedFor, written) ?? assert.fail("it was not kept");
  assert.equal(id, reading.id);
  assert.deepEqual(kept, {
    head,
    servicesText,
    services,
    servers,
    starts: kept.starts,
    text: written,
    warnings: [],
    probes: false,
    isPrepared: true,
  });
  assert.equal(kept.starts?.length, services + 1);
  const bytes = (batches: readonly Uint8Array[]): string[] =>
    batches.map((batch) => Buffer.from(batch).toString("hex"));
  const table = findSavedTable(path, savedFor, written) ?? assert.fail("it has no table");
  assert.deepEqual(bytes(table.prepared.batches), bytes(reading.prepared.batches));
});

test("what needs other files, or words, or another node is left to the reader", async () => {
  const secret = join(folder, "password");
  writeFileSync(secret, "secret\n", { mode: 0o600 });
  for (const [why, written] of [
    ["a program", text("{ script: { command: [/bin/true] } }")],
    ["a program of the operator's", text("tcp", "notify: { any: /bin/true }\n")],
    ["a secret", text(`{ http: { auth: { user: a, password-file: ${secret} } } }`)],
    ["a warning", text("tcp", "", ", { address: 198.51.100.250, weight: 7 }")],
    ["an error", text("tpc")],
    ["few services", "nodes: { lb1: {} }\nservices: {}\n"],
    ["no node", text("tcp").replace("lb1: {}, ", "")],
  ] as const)
    assert.equal(await read(written), undefined, why);
  // Some of these the reader reads by the same way.
  for (const more of ["", "notify: { any: /bin/true }\n"]) {
    const check = more === "" ? `{ http: { auth: { user: a, password-file: ${secret} } } }` : "tcp";
    assert.notEqual(await alikeReading(text(check, more), "lb1"), undefined);
  }
  rmSync(config);
  assert.equal(await readFirst({ config, node: "lb1", runtimeDirectory: folder }), undefined);
});
