// What is measured is the program as it is compiled now: a bundle that is older than that is made again.

import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const timeOf = (path: string): number => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Files that the compiler touches when it has written anything, and what bundles are made by and of. */
const SOURCES = [
  "build/pure.tsbuildinfo",
  "build/shell.tsbuildinfo",
  "tools/bundle.mjs",
  "tools/bundle/start.cjs",
  "node_modules/.package-lock.json",
];

/** Throws when it cannot be made. */
export function bundle(): void {
  if (timeOf("build/bundle/main.cjs") > Math.max(...SOURCES.map(timeOf))) return;
  console.error("bench: bundling the programs");
  execFileSync(process.execPath, ["tools/bundle.mjs"], { cwd: root, stdio: "inherit", timeout: 120_000 });
}
