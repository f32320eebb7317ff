// Whether the file of a program can be run, and why not in words that say the remedy. Looked at before every
// run: the kernel's own answer (ENOENT for a missing interpreter, too) tells an operator little.

import { accessSync, closeSync, constants, openSync, readSync, statSync, type Stats } from "node:fs";

import type { Command } from "../ports/runner.js";
import { changeableByOthers } from "./program-safety.js";

/** The reason why it cannot be run, or nothing. `security`: others must not be able to change what runs as root. */
export function notRunnable(command: Pick<Command, "argv" | "user">, security: boolean): string | undefined {
  const [path] = command.argv;
  if (!path.startsWith("/")) return `${path} is not an absolute path`;
  let file: Stats;
  try {
    file = statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return `${path} does not exist`;
    return `${path} cannot be looked at: ${code ?? String(error)}`;
  }
  if (!file.isFile()) return `${path} is not a file`;
  if ((file.mode & 0o111) === 0) return `${path} is not executable: chmod +x ${path}`;
  return interpreterProblem(path) ?? (security && runsAsRoot(command) ? unsafe(path) : undefined);
}

/** Scripts without a first line that names their interpreter would be run by whatever libc likes. */
function interpreterProblem(path: string): string | undefined {
  const start = Buffer.alloc(256);
  let length: number;
  try {
    const fd = openSync(path, "r");
    length = readSync(fd, start, 0, start.length, 0);
    closeSync(fd);
  } catch {
    // Executable without being readable is in order.
    return undefined;
  }
  const text = start.subarray(0, length).toString("latin1");
  if (text.startsWith("\x7fELF")) return undefined;
  if (!text.startsWith("#!"))
    return `${path} is neither a program nor a script: its first line must name the interpreter, as #!/bin/sh`;
  const interpreter = /^#![ \t]*([^\s]+)/.exec(text)?.[1];
  if (interpreter === undefined) return `${path} names no interpreter in its first line`;
  try {
    accessSync(interpreter, constants.X_OK);
  } catch {
    return `${path} names the interpreter ${JSON.stringify(interpreter)} in its first line, which cannot be run`;
  }
  return undefined;
}

const runsAsRoot = (command: Pick<Command, "user">): boolean =>
  command.user === undefined ? process.getuid?.() === 0 : command.user === "root" || command.user === "0";

function unsafe(path: string): string | undefined {
  const part = changeableByOthers(path);
  return part === undefined
    ? undefined
    : `${path} would be run as root, but ${part}, or run it as another user (user:)`;
}

/** Words for an error of spawn(2) itself. */
export function spawnFailure(error: NodeJS.ErrnoException, command: Command): string {
  const [path] = command.argv;
  const as = command.user === undefined ? "" : ` as user ${command.user}`;
  switch (error.code ?? "") {
    case "EACCES":
      return `${path} may not be run${as}: permission denied on it or on a folder above it`;
    case "EPERM":
      return `${path} cannot be run${as}: vipd may not change its user (CAP_SETUID, CAP_SETGID)`;
    case "EAGAIN":
    case "ENOMEM":
      return `${path} cannot be run now: the machine has no more processes or memory (${error.code})`;
    default:
      return `${path} cannot be run${as}: ${error.code ?? error.message}`;
  }
}
