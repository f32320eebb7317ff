// A log file. Every line is in the kernel when `write` returns, so that no way of ending loses one; lines that are said
// together are one system call. The file is opened anew when it was moved away (logrotate), on its own or when told.

import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import type { LogRecord } from "./record.js";
import type { Sink } from "./sink.js";

const NEWLINE = 0x0a;

/** How often it is looked whether the file is still the one at its path. */
const LOOK_EVERY_MS = 1000;

/** `now`: monotonic milliseconds; by a wall clock that was set back nothing would be looked at for hours. */
export function fileSink(path: string, format: (record: LogRecord) => string, now: () => number): Sink {
  let fd: number | undefined;
  let looked = now();
  /** The last line was cut off by an error: the next one starts a new line. */
  let cut = false;

  const drop = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const moved = (): boolean => {
    if (fd === undefined || now() - looked < LOOK_EVERY_MS) return false;
    looked = now();
    const there = statSync(path, { throwIfNoEntry: false });
    const ours = fstatSync(fd);
    return there === undefined || there.ino !== ours.ino || there.dev !== ours.dev;
  };
  return {
    name: `file ${path}`,
    write(records) {
      let bytes: Buffer | undefined;
      let done = 0;
      try {
        if (moved()) drop();
        // Not world-readable: addresses and the output of scripts are nobody else's business.
        fd ??= openSync(path, "a", 0o640);
        bytes = Buffer.from(`${cut ? "\n" : ""}${records.map(format).join("\n")}\n`);
        while (done < bytes.length) done += writeSync(fd, bytes, done);
        cut = false;
        return undefined;
      } catch (error) {
        const written = bytes === undefined ? 0 : linesIn(bytes.subarray(cut ? 1 : 0, done));
        if (done > 0) cut = bytes?.[done - 1] !== NEWLINE;
        return { lines: records.length - written, why: (error as Error).message };
      }
    },
    reopen: drop,
    close: drop,
  };
}

/** Whole ones. */
function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === NEWLINE) lines++;
  return lines;
}
