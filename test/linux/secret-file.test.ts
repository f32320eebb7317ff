// Which files may hold a secret: whoever else could read or change one knows the key, or could put another there.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readSecretFile } from "../../src/linux/secret-file.js";

const KEY = "hex:s3cret";

function withFile(run: (path: string) => void, text = `${KEY}\n`): void {
  const folder = mkdtempSync(join(tmpdir(), "vipd-secret-"));
  const path = join(folder, "key");
  try {
    writeFileSync(path, text, { mode: 0o600 });
    run(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const refusal = (path: string): string => {
  const read = readSecretFile(path);
  assert.ok(!read.ok);
  assert.doesNotMatch(read.error, /s3cret/);
  return read.error;
};

test("a file of which its owner alone may do anything gives its text, without the end of its line", () => {
  for (const mode of [0o600, 0o400, 0o700])
    withFile((path) => {
      chmodSync(path, mode);
      assert.deepEqual(readSecretFile(path), { ok: true, value: KEY });
    });
  withFile((path) => assert.deepEqual(readSecretFile(path), { ok: true, value: KEY }), `${KEY}\r\n`);
  withFile((path) => {
    symlinkSync(path, `${path}-link`);
    assert.ok(readSecretFile(`${path}-link`).ok, "a link to one is one");
  });
});

test("one that group or others may do anything with is refused, with its mode", () => {
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
    withFile((path) => {
      chmodSync(path, mode);
      assert.equal(refusal(path), `may be used by others (mode 0${mode.toString(8)}): chmod 0600 it`);
      symlinkSync(path, `${path}-link`);
      assert.match(refusal(`${path}-link`), /^may be used by others/);
    });
});

const skip = process.getuid?.() === 0 ? false : "only root can give files away";
test("one of another user is refused, though nobody else may read it", { skip }, () => {
  withFile((path) => {
    chownSync(path, 65_534, 0);
    assert.match(refusal(path), /^belongs to user 65534/);
  });
});

test("what is no file, not there or too large is refused, and nothing waits for a writer", () => {
  withFile((path) => {
    assert.equal(refusal(`${path}-none`), "is not there");
    assert.equal(refusal(join(path, "..")), "is not a file");
    assert.equal(spawnSync("mkfifo", ["-m", "600", `${path}-fifo`]).status, 0);
    assert.equal(refusal(`${path}-fifo`), "is not a file");
  });
  withFile((path) => assert.match(refusal(path), /^is larger than 4096 bytes/), "k".repeat(4097));
});
