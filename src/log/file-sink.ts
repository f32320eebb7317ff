// A log file. Every line is in the kernel when `write` returns, so that no way of ending loses one. The file
// is opened anew when it was moved away (logrotate), on its own or when told.

import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import type { LogRecord } from "./record.js";
import type { Sink } from "./sink.js";

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
    write(record) {
      try {
        if (moved()) drop();
        // Not world-readable: addresses and the output of scripts are nobody else's business.
        fd ??= openSync(path, "a", 0o640);
        const bytes = Buffer.from(`${cut ? "\n" : ""}${format(record)}\n`);
        let done = 0;
        try {
          while (done < bytes.length) done += writeSync(fd, bytes, done);
          cut = false;
        } finally {
          if (done > 0 && done < bytes.length) cut = true;
        }
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    },
    reopen: drop,
    close: drop,
  };
}
