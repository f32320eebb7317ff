// Reads the number in a file, and gives word of changes to it. A file may come and go, or be put in place by a
// rename: its folder is what is watched (inotify).

import { closeSync, constants, fstatSync, openSync, readSync, watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";

import { err, ok, type Result } from "../core/result.js";
import type { NumberFiles, TrackFiles } from "../ports/track-files.js";

/** More than a number with white space around it has. */
const LONGEST = 64;
const MOST = 254;

export const trackFiles: TrackFiles & NumberFiles = {
  read(path) {
    const number = this.number(path);
    return number.ok ? ok(number.value ?? 0) : number;
  },

  number(path) {
    let fd: number | undefined;
    try {
      // A FIFO under this name must not hold us up.
      fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      if (!fstatSync(fd).isFile()) return err(`${path} is not a file`);
      const bytes = Buffer.alloc(LONGEST);
      return numberIn(path, bytes.toString("utf8", 0, readSync(fd, bytes, 0, LONGEST, 0)));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === "ENOENT" || code === "ENOTDIR"
        ? ok(undefined)
        : err(`${path} cannot be read: ${code ?? ""}`);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  },

  watch(path, changed, lost) {
    const folder = dirname(path);
    let watcher: FSWatcher;
    try {
      watcher = watch(folder, { persistent: false });
    } catch {
      return undefined;
    }
    const giveUp = (): void => {
      watcher.close();
      lost();
    };
    watcher.on("change", (event, name) => {
      // "rename" under the folder's own name: what is there later is another folder.
      if (event === "rename" && name === basename(folder)) giveUp();
      if (name === basename(path)) changed();
    });
    watcher.on("error", giveUp);
    return () => watcher.close();
  },
};

function numberIn(path: string, text: string): Result<number | undefined, string> {
  const written = text.trim();
  if (written === "") return ok(undefined);
  const number = /^[+-]?\d{1,3}$/.test(written) ? Number(written) : NaN;
  return Math.abs(number) <= MOST
    ? ok(number + 0)
    : err(
        `${path} has no whole number from -${MOST} to ${MOST} in it: ${JSON.stringify(written.slice(0, 20).replace(/[^\x20-\x7e]/g, "?"))}`,
      );
}
