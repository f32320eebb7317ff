// Texts that are kept as files beside the tests of the command line; UPDATE=1 writes them anew.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const goldenPath = (name: string): string =>
  fileURLToPath(new URL(`../../../test/cli/golden/${name}`, import.meta.url));

export function golden(name: string, text: string): void {
  const path = goldenPath(name);
  if (process.env["UPDATE"] === "1" || !existsSync(path)) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
}
