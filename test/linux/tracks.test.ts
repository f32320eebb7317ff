// Real processes and real files, as tracks see them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { ProcessTable } from "../../src/linux/process-table.js";
import { trackFiles } from "../../src/linux/track-files.js";
import { until } from "../lab/wait.js";

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), "vipd-tracks-"))));
after(() => rmSync(folder, { recursive: true }));

test("processes are counted by name and arguments, and not when they have ended", async () => {
  const table = new ProcessTable();
  const mark = `${process.pid}.25`;
  const sleep = (): ReturnType<typeof spawn> => spawn("sleep", ["1000", mark]);
  const [first, second] = [sleep(), sleep()];
  const match = { name: "sleep", arguments: `1000 ${mark}` };
  try {
    await until("both", seconds(10), () => table.count(match, 5) === 2);
    assert.equal(table.count(match, 1), 1);
    assert.equal(table.count({ ...match, name: "slee" }, 5), 0);
    first.kill("SIGKILL");
    await once(first, "exit");
    assert.equal(table.count(match, 5), 1);
  } finally {
    first.kill("SIGKILL");
    second.kill("SIGKILL");
  }
  await once(second, "exit");
  assert.equal(table.count(match, 1), 0);
});

test("a zombie does not live, and a name may have parentheses in it", () => {
  const of = (stat: string): number => {
    mkdirSync(join(folder, "77"), { recursive: true });
    writeFileSync(join(folder, "77/stat"), stat);
    return new ProcessTable(folder).count({ name: "a) R (b" }, 1);
  };
  assert.equal(of("77 (a) R (b) S 1 77"), 1);
  assert.equal(of("77 (a) R (b) Z 1 77"), 0);
  assert.equal(of("77 (a) S 1 77"), 0);
});

test("the number in a file, and what is none", () => {
  const path = join(folder, "number");
  const of = (text: string): unknown => {
    writeFileSync(path, text);
    const read = trackFiles.read(path);
    return read.ok ? read.value : read.error;
  };
  assert.deepEqual(["20\n", "-254", " +7 ", "", "\n"].map(of), [20, -254, 7, 0, 0]);
  for (const text of ["255", "1.5", "ten", "1 2", "1e2"])
    assert.match(String(of(text)), /no whole number from -254 to 254 in it/);
  assert.deepEqual(trackFiles.read(join(folder, "missing")), { ok: true, value: 0 });
  assert.match(JSON.stringify(trackFiles.read(folder)), /is not a file/);
});

test("word of a change comes when a file is written, and when one is put in its place", async () => {
  const path = join(folder, "watched");
  let changes = 0;
  const end = trackFiles.watch(
    path,
    () => changes++,
    () => undefined,
  );
  writeFileSync(path, "1");
  await until("word of the first", seconds(10), () => changes > 0);
  const before = changes;
  writeFileSync(`${path}.new`, "2");
  renameSync(`${path}.new`, path);
  await until("word of the second", seconds(10), () => changes > before);
  end?.();
  assert.equal(
    trackFiles.watch(
      "/no/such/folder/x",
      () => undefined,
      () => undefined,
    ),
    undefined,
  );
});
