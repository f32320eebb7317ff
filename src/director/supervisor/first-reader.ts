// The reader of `vipd run`, begun before the rest of the program is loaded, as the first checks process is
// (first-child.ts): where there is a configuration that nobody has read yet, it is what a start waits for. That it is new
// is a guess, by the times of the files and their bytes, which saves time when it is right and some work when it is not:
// the first question that the daemon asks of its configuration finds out.

import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { childEnvironment } from "./child-environment.js";
import { flagsOf, programWords } from "./programs.js";

const PLACE = Symbol.for("vipd.first-reader");
type Place = { [PLACE]?: ChildProcess | undefined };
const place = globalThis as Place;

export function spawnReader(): ChildProcess {
  return spawn(process.execPath, [...flagsOf.config, ...programWords("config")], {
    stdio: ["pipe", "pipe", "pipe"],
    env: childEnvironment(),
  });
}

export function startFirstReader(): void {
  const reader = spawnReader();
  // Whoever needs one tries again, and hears why.
  reader.on("error", () => undefined);
  place[PLACE] = reader;
}

/** Undefined: it was never started, is taken, or has ended. */
export function takeFirstReader(): ChildProcess | undefined {
  const first = place[PLACE];
  place[PLACE] = undefined;
  if (first?.pid === undefined || first.exitCode !== null || first.signalCode !== null) return undefined;
  return first;
}

/** There is nothing to read, and it has nothing to put in order. */
export function endFirstReader(): void {
  takeFirstReader()?.kill("SIGKILL");
}

type Defaults = { readonly config: string; readonly state: string };

/**
 * The file is younger than what was kept of the last one that was read, and no copy of that. `words`: those of the command
 * line, with the places that hold where they name none.
 */
export function looksNew(words: readonly string[], defaults: Defaults): boolean {
  const option = (name: string): string | undefined => {
    const at = words.indexOf(`--${name}`);
    const joined = words.find((word) => word.startsWith(`--${name}=`));
    return at >= 0 ? words[at + 1] : joined?.slice(name.length + 3);
  };
  const config = option("config") ?? defaults.config;
  const state = option("state-dir") ?? option("runtime-dir") ?? defaults.state;
  const path = join(state, "saved-config");
  const [kept, written] = [lookAt(path), lookAt(config)];
  // Without a file there is nothing to read, and that is said elsewhere.
  if (written === undefined) return false;
  if (kept === undefined) return true;
  return kept.mtimeMs < written.mtimeMs && !(kept.size > written.size && isKept(path, config));
}

function lookAt(path: string): { readonly mtimeMs: number; readonly size: number } | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat : undefined;
  } catch {
    return undefined;
  }
}

/** What is kept has the whole text in it (saved-config.ts). */
function isKept(path: string, config: string): boolean {
  try {
    return readFileSync(path).includes(readFileSync(config));
  } catch {
    return false;
  }
}
