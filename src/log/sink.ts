// A place where lines go. A sink never throws and never blocks: what it cannot write it says so, and the
// line is counted as lost until something can be written again.

import type { LogRecord } from "./record.js";

export type Sink = {
  /** For messages: "file /var/log/vipd.log". */
  readonly name: string;
  /** Undefined when the line is written (or kept to be written soon), else why it is lost. */
  write(record: LogRecord): string | undefined;
  /** Opens a file anew after it was moved away. */
  reopen(): void;
  /** Writes what was kept, as far as it can be done at once, and lets go. */
  close(): void;
};

/** Sends one datagram to a unix socket's path; a negative number is -errno. */
export type SendDatagram = (path: string, data: Uint8Array) => number;

/**
 * Wraps a sink so that lost lines are counted, and said as soon as a line gets through again. `onFirstLoss` is
 * told once for each time that begins, for another way to say it.
 */
export function counting(sink: Sink, onFirstLoss: (text: string) => void): Sink {
  let lost = 0;
  let why = "";
  return {
    name: sink.name,
    write(record) {
      if (lost > 0) {
        const text = `${lost} line${lost === 1 ? " was" : "s were"} lost here (${sink.name}): ${why}`;
        if (sink.write({ time: record.time, level: "warning", subject: "log", text }) !== undefined) {
          lost++;
          return why;
        }
        lost = 0;
      }
      const failure = sink.write(record);
      if (failure === undefined) return undefined;
      lost++;
      why = failure;
      if (lost === 1) onFirstLoss(`log lines cannot be written (${sink.name}): ${failure}`);
      return failure;
    },
    reopen: () => sink.reopen(),
    close: () => sink.close(),
  };
}
