// Whether a start expects to have something to read: by the times of the configuration and of what was kept of the last.

import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { looksNew } from "../../src/director/supervisor/first-reader.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-first-reader-"));
after(() => rmSync(folder, { recursive: true }));
const config = join(folder, "vipd.yaml");
const kept = join(folder, "saved-config");
const nowhere = { config: join(folder, "none.yaml"), state: join(folder, "none") };

test("a configuration that is younger than what was kept looks new, whatever names both", () => {
  writeFileSync(config, "");
  const ways = [
    ["run", "--config", config, "--runtime-dir", folder],
    ["run", `--config=${config}`, "--runtime-dir", "/none", `--state-dir=${folder}`],
  ];
  const all = (): boolean[] => [
    ...ways.map((words) => looksNew(words, nowhere)),
    looksNew(["run"], { config, state: folder }),
  ];
  assert.deepEqual(all(), [true, true, true]);
  writeFileSync(kept, "");
  utimesSync(config, 1000, 1000);
  utimesSync(kept, 1001, 1001);
  assert.deepEqual(all(), [false, false, false]);
  utimesSync(config, 1002, 1002);
  assert.deepEqual(all(), [true, true, true]);
  // One that was written anew, and is as it was, is no new one.
  writeFileSync(config, "nodes: {}\n");
  writeFileSync(kept, "head\nnodes: {}\nmore");
  utimesSync(kept, 1001, 1001);
  assert.deepEqual(all(), [false, false, false]);
  writeFileSync(config, "nodes: { a: {} }\n");
  assert.deepEqual(all(), [true, true, true]);
  assert.equal(looksNew(["run"], nowhere), false);
  assert.equal(looksNew(["run", "--config"], { ...nowhere, config }), true);
});
