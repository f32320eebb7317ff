// Where the state directory lies, and what takes its place.

import { strict as assert } from "node:assert";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openStateDirectory } from "../../src/director/supervisor/state-directory.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-state-"));
after(() => rmSync(folder, { recursive: true }));

test("a state directory is made for root's eyes, with what leads to it", () => {
  const path = join(folder, "var/lib/vipd");
  assert.deepEqual(openStateDirectory(path, "/run/vipd"), { path });
  assert.equal(statSync(path).mode & 0o777, 0o700);
});

test("a daemon with a runtime directory of its own keeps its state there, unless told otherwise", () => {
  const own = join(folder, "run-of-another");
  assert.deepEqual(openStateDirectory(undefined, own), { path: own });
  assert.ok(!existsSync(own));
});

test("where nothing can be written the runtime directory is used, and the remedy is said", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const path of [file, join(file, "below"), "/proc/vipd"]) {
    const { path: used, problem } = openStateDirectory(path, "/run/vipd");
    assert.equal(used, "/run/vipd");
    assert.match(problem ?? "", /^state directory .* is not usable: .*\. Give another with --state-dir$/);
  }
});
