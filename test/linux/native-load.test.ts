// An addon that is not of this version of the program is refused at its loading, in one sentence with the remedy.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { nativePath } from "../../src/linux/native.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-native-"));
after(() => {
  rmSync(folder, { recursive: true });
});
const MODULE = pathToFileURL(join(import.meta.dirname, "../../src/linux/native.js")).href;
const LOAD = `import(${JSON.stringify(MODULE)}).then(({ loadNative }) => { loadNative(process.argv[1]); console.log("loaded"); })
  .catch(({ message }) => console.log(message));`;
const REMEDY = 'install vipd again, or run "node tools/build-native.mjs" in its repository (needs gcc)';

/** What is said of the addon at `path`, by a process of its own: one that was loaded stays. */
function load(path: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", LOAD, path], { encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout.trim();
}

/** The addon with another content. */
function changed(name: string, change: (addon: Buffer) => Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync(nativePath())));
  return path;
}

test("the addon that was built from these sources is loaded", () => {
  assert.equal(load(nativePath()), "loaded");
});

test("an addon that lacks functions is refused, and they are named", () => {
  const path = changed("older.node", (addon) => {
    for (const name of ["setRealtime", "epollWait"]) {
      const at = addon.indexOf(`\0${name}\0`);
      assert.ok(at >= 0, name);
      addon.write("X", at + 1);
    }
    return addon;
  });
  assert.equal(
    load(path),
    `vipd: the native addon ${path} is not of this version of vipd, it lacks epollWait, setRealtime: ${REMEDY}`,
  );
});

test("what is no addon, and none, are refused", () => {
  const half = changed("half.node", (addon) => addon.subarray(0, 40));
  assert.match(
    load(half),
    /^vipd: the native addon \S+half\.node cannot be loaded \(.+\): install vipd again, /,
  );
  const path = join(folder, "none.node");
  assert.equal(load(path), `vipd: no native addon for linux-${process.arch} at ${path}: ${REMEDY}`);
});
