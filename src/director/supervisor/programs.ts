// How the other processes are started: which file, with which options of V8. In the repository's compiled form
// every program is a tree of modules; in the bundled form (tools/bundle.mjs) it is one file beside the others,
// started by a loader that brings V8's code cache with it. Knows nothing of what the programs do.

import { closeSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

export type ProgramName = "vrrp" | "checks" | "config" | "alerts";

const modules: Record<ProgramName, string> = {
  vrrp: "../vrrp-process.js",
  checks: "../checks-process.js",
  config: "./config-worker.js",
  alerts: "./alert-worker.js",
};

/**
 * The children: a small young generation is collected in a fraction of a millisecond, which is what the adverts'
 * timing needs, and keeps memory small; the limits are far above what the processes use. The config worker may take
 * longer, but waits for a minute with what its young generation has grown to.
 */
export const flagsOf: Record<ProgramName, readonly string[]> = {
  // With the flag that it sets for itself from the beginning: V8 refuses a code cache that other flags have made. It
  // collects its garbage itself: V8's main thread asks without a pause whether its helpers are done, and under SCHED_FIFO
  // they never are where the processors are taken by threads of the same priority (docs/adr/0002).
  vrrp: ["--max-semi-space-size=1", "--max-old-space-size=64", "--no-flush-bytecode", "--single-threaded-gc"],
  // While it takes its first configuration all that it makes stays: looking for garbage would be half of the work. To
  // optimize what runs once is another third; the process allows it when its table is in place (memory.ts).
  checks: [
    "--max-semi-space-size=1",
    "--optimize-for-size",
    "--no-opt",
    "--max-old-space-size=512",
    "--initial-old-space-size=64",
  ],
  config: ["--max-semi-space-size=8", "--min-semi-space-size=8"],
  alerts: ["--max-semi-space-size=1"],
};

/** Bundled, this module is a part of another file. */
const isBundled = basename(fileURLToPath(import.meta.url)) !== "programs.js";

/**
 * Names what reads configurations here, down to its text: of two that are named alike the same file is read alike.
 * Undefined where there is no such name, among modules.
 */
function readerBuild(): string | undefined {
  if (!isBundled) return undefined;
  const fd = openSync(fileURLToPath(new URL("config.cjs", import.meta.url)), "r");
  try {
    // The bundle's first line is a hash of the rest (tools/bundle.mjs).
    const head = Buffer.alloc(64);
    const line = head.toString("latin1", 0, readSync(fd, head)).split("\n")[0] as string;
    return /^\/\/[0-9a-f]{32}$/.test(line) ? line.slice(2) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** What is kept of a configuration is believed when this made it; undefined: nothing is kept. */
export function savingProgram(version: string): string | undefined {
  const build = readerBuild();
  return build === undefined ? undefined : `vipd ${version} ${build}`;
}

/** The words after `node` and its flags. */
export function programWords(name: ProgramName): readonly [string, ...string[]] {
  if (!isBundled) return [fileURLToPath(new URL(modules[name], import.meta.url))];
  return [fileURLToPath(new URL("start.cjs", import.meta.url)), `${name}.cjs`];
}
