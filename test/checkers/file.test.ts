import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { assertFails, assertUp, check } from "./harness.js";

const folder = mkdtempSync(join(tmpdir(), "vipd-file-"));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, "health");
const written = (text: string) => {
  writeFileSync(path, text);
  return check("file", { path }, 80);
};

test("file is up while the number is 0", async () => {
  assertUp(await written("0\n"), /^0 in .*health$/);
  assertUp(await written(" -0 "), /^0 in/);
  assertFails(await written("1\n"), "file-not-zero", /^1 in .*health$/);
  assertFails(await written("-254"), "file-not-zero", /^-254 in/);
});

test("file fails on what is no number, and on what is no file", async () => {
  assertFails(await written("fine"), "file-unreadable", /no whole number from -254 to 254 in it: "fine"/);
  assertFails(await written("255"), "file-unreadable", /no whole number/);
  assertFails(await check("file", { path: folder }, 80), "file-unreadable", /is not a file/);
});

test("file takes a missing or empty file as it is told to", async () => {
  const none = join(folder, "none");
  assertUp(await check("file", { path: none }, 80), /no number in .*none/);
  assertUp(await written(""), /no number/);
  assertFails(await check("file", { path: none, missing: "down" }, 80), "file-unreadable", /no number in/);
});
