// A file that one process at a time can have, and that a dead process has no longer. Knows nothing of what it guards.

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { err, ok, type Result } from "../../core/result.js";
import { processStat } from "./process-stat.js";

const TRIES = 3;

/** Gives what ends the claim, or the pid of the process that has it. Throws when the file cannot be written. */
export function claimFile(path: string): Result<() => void, number> {
  const own = identity(process.pid) ?? `${process.pid}`;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, own, { mode: 0o600 });
  try {
    for (let i = 0; i < TRIES; i++) {
      // A link is made with its content, or not at all.
      if (link(draft, path)) return ok(() => remove(path, own));
      const holder = read(path);
      if (holder !== undefined && isAlive(holder)) return err(pidOf(holder));
      if (holder !== undefined) takeAway(path, holder, draft);
    }
    return err(pidOf(read(path) ?? ""));
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Takes the claim of a process that gives it to us: it is never nobody's. Gives what ends it. */
export function inheritClaim(path: string): () => void {
  const own = identity(process.pid) ?? `${process.pid}`;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, own, { mode: 0o600 });
  renameSync(draft, path);
  return () => remove(path, own);
}

/**
 * Removes the file of a dead holder. Two who saw it must not both remove what is there: the second would remove the
 * claim of the first. One alone has the right to, and looks again when it has.
 */
function takeAway(path: string, holder: string, draft: string): void {
  const right = `${path}.${pidOf(holder)}.gone`;
  if (!link(draft, right)) {
    const other = read(right);
    if (other !== undefined && !isAlive(other)) rmSync(right, { force: true });
    return;
  }
  remove(path, holder);
  rmSync(right, { force: true });
}

function remove(path: string, content: string): void {
  if (read(path) === content) rmSync(path, { force: true });
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Pid, the time it was started at and the boot: a pid is used again. Undefined: there is no such process. */
function identity(pid: number): string | undefined {
  const startedAt = processStat(pid)?.[22 - 3];
  return startedAt && `${pid} ${startedAt} ${read("/proc/sys/kernel/random/boot_id")?.trim() ?? ""}`;
}

const pidOf = (holder: string): number => Number.parseInt(holder, 10) || 0;
const isAlive = (holder: string): boolean => identity(pidOf(holder)) === holder;
