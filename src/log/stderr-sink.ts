// Standard error. Under systemd each line starts with its severity, "<5>". A reader that does not read (a
// stopped pager, a full pipe) must not stop the daemon: lines are kept for a while, then lost and counted.

import { closeSync, openSync, writeSync } from "node:fs";
import { constants } from "node:fs";
import { SEVERITY, type LogRecord } from "./record.js";
import type { Loss, Sink } from "./sink.js";

/** Bytes kept for a reader that is slow. */
const KEPT_BYTES = 1024 * 1024;
/** Characters of lines that are said together, in one system call: much less than a pipe holds. */
const MOST_AT_ONCE = 8192;
const RETRY_EVERY_MS = 100;
/** How long `close` waits for a slow reader. */
const LAST_WAIT_MS = 500;

export type StderrOptions = {
  readonly format: (record: LogRecord) => string;
  /** Whether lines go to systemd's journal, which reads a severity from their start. */
  readonly severityPrefix: boolean;
  /** The descriptor to write to; for tests. */
  readonly fd?: number;
};

export function stderrSink(options: StderrOptions): Sink {
  const { fd: given = 2 } = options;
  const { fd, own } = openWithoutBlocking(given);
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let timer: NodeJS.Timeout | undefined;

  const flush = (): string | undefined => {
    while (kept[0] !== undefined) {
      const bytes = kept[0];
      try {
        const done = writeSync(fd, bytes);
        keptBytes -= done;
        if (done < bytes.length) kept[0] = bytes.subarray(done);
        else kept.shift();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
        kept = [];
        keptBytes = 0;
        return (error as Error).message;
      }
    }
    return undefined;
  };
  const later = (): void => {
    if (kept.length === 0 || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      flush();
      later();
    }, RETRY_EVERY_MS).unref();
  };
  const line = (record: LogRecord): string =>
    `${options.severityPrefix ? `<${SEVERITY[record.level]}>` : ""}${options.format(record)}\n`;
  const put = (bytes: Buffer): string | undefined => {
    if (keptBytes + bytes.length > KEPT_BYTES) return "its reader does not read";
    kept.push(bytes);
    keptBytes += bytes.length;
    return flush();
  };
  return {
    name: "stderr",
    write(records) {
      let loss: Loss | undefined;
      for (let from = 0, to = 0; from < records.length; from = to) {
        let text = "";
        while (to < records.length && text.length < MOST_AT_ONCE) text += line(records[to++] as LogRecord);
        const why = put(Buffer.from(text));
        if (why !== undefined) loss = { lines: (loss?.lines ?? 0) + to - from, why };
      }
      later();
      return loss;
    },
    reopen: () => undefined,
    close() {
      const until = Date.now() + LAST_WAIT_MS;
      const cell = new Int32Array(new SharedArrayBuffer(4));
      flush();
      while (kept.length > 0 && Date.now() < until) {
        Atomics.wait(cell, 0, 0, 10);
        flush();
      }
      clearTimeout(timer);
      if (own) closeSync(fd);
    },
  };
}

/**
 * A descriptor of our own for what `fd` leads to. Setting O_NONBLOCK on the given one would set it for the
 * shell that shares it. A socket cannot be opened this way (ENXIO); it is systemd's, which reads.
 */
function openWithoutBlocking(fd: number): { fd: number; own: boolean } {
  try {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;
    return { fd: openSync(`/proc/self/fd/${fd}`, flags), own: true };
  } catch {
    return { fd, own: false };
  }
}
