// A place where lines go. A sink never throws and never blocks: what it cannot write it says so, and the
// lines are counted as lost until something can be written again.

import type { LogRecord } from "./record.js";

export type Sink = {
  /** For messages: "file /var/log/vipd.log". */
  readonly name: string;
  /** Lines that are said together, in their order. Undefined when they are written (or kept to be written soon). */
  write(records: readonly LogRecord[]): Loss | undefined;
  /** Opens a file anew after it was moved away. */
  reopen(): void;
  /** Writes what was kept, as far as it can be done at once, and lets go. */
  close(): void;
};

/** How many of the lines are lost, and why. */
export type Loss = { readonly lines: number; readonly why: string };

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
    write(records) {
      const { time } = records[0] ?? { time: 0 };
      if (lost > 0) {
        const text = `${lost} line${lost === 1 ? " was" : "s were"} lost here (${sink.name}): ${why}`;
        if (sink.write([{ time, level: "warning", subject: "log", text }]) !== undefined) {
          lost += records.length;
          return { lines: records.length, why };
        }
        lost = 0;
      }
      const loss = sink.write(records);
      if (loss === undefined) return undefined;
      lost = loss.lines;
      why = loss.why;
      onFirstLoss(`log lines cannot be written (${sink.name}): ${why}`);
      return loss;
    },
    reopen: () => sink.reopen(),
    close: () => sink.close(),
  };
}
