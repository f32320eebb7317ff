// A FIFO of the file system, open for writing without waiting.

import { execFileSync } from "node:child_process";
import { closeSync, constants, fstatSync, lstatSync, openSync, writeSync } from "node:fs";

import { err, ok, type Result } from "../core/result.js";

export type OpenedFifo = { write(line: string): boolean; close(): void };

/** Makes one that only we and root can read, if nothing is there. The error is for people. */
export function openFifo(path: string): Result<OpenedFifo, string> {
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
      // Node has no call for it.
      execFileSync("mkfifo", ["-m", "600", path], { stdio: ["ignore", "ignore", "pipe"] });
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    if (!fstatSync(fd).isFIFO()) {
      closeSync(fd);
      return err(`${path} is there and is no FIFO: remove it, or name another path`);
    }
    return ok({ write: (line) => writeLine(fd, line), close: () => closeSync(fd) });
  } catch (error) {
    return err(`${path} cannot be opened as a FIFO: ${(error as Error).message.trim()}`);
  }
}

/** Lines are shorter than PIPE_BUF: all or nothing (pipe(7)). */
function writeLine(fd: number, line: string): boolean {
  try {
    writeSync(fd, line);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
    throw error;
  }
}
