// A file that cannot be read says why.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { readConfigFile } from "../../src/linux/config-file.js";

test("missing files, directories and text that is not UTF-8 have words and a place", () => {
  const folder = mkdtempSync(join(tmpdir(), "vipd-config-"));
  try {
    const missing = readConfigFile(join(folder, "none.yaml"));
    assert.ok(!missing.ok && missing.error.message === "there is no such file");
    const directory = readConfigFile(folder);
    assert.ok(!directory.ok && directory.error.message === "is a directory");
    const device = readConfigFile("/dev/null");
    assert.ok(!device.ok && device.error.message === "is not a file");
    const latin = join(folder, "latin.yaml");
    writeFileSync(latin, Uint8Array.from([0x61, 0x0a, 0x62, 0xe4, 0x0a]));
    const wrong = readConfigFile(latin);
    assert.ok(!wrong.ok);
    assert.deepEqual([wrong.error.code, wrong.error.line, wrong.error.column], ["encoding", 2, 2]);
    const fine = join(folder, "fine.yaml");
    writeFileSync(fine, "nodes: {}\n");
    assert.deepEqual(readConfigFile(fine), { ok: true, value: "nodes: {}\n" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a pipe is refused, and nobody is waited for who might write to it", () => {
  const folder = mkdtempSync(join(tmpdir(), "vipd-config-"));
  try {
    const pipe = join(folder, "pipe.yaml");
    assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
    // In a process that can be ended: what waits in open(2) cannot be interrupted from within.
    const module = JSON.stringify(new URL("../../src/linux/config-file.js", import.meta.url).href);
    const program = `const { readConfigFile } = await import(${module});
      console.log(readConfigFile(${JSON.stringify(pipe)}).error.message);`;
    const run = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      timeout: 20_000,
    });
    assert.equal(run.stdout, "is a pipe\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
