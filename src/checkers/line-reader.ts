// Reads lines from a connection, for protocols that talk in them. Both a line and what is waiting are bounded,
// so that a server that never ends its line cannot fill our memory.

import type { Socket } from "node:net";

import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { untilCancelled } from "./cancel.js";

export type LineFailure = "read-timeout" | "closed-early" | "too-large";

export class LineReader {
  private readonly socket: Socket;
  private readonly longest: number;
  private pending = "";
  private ended = false;
  private wake: (() => void) | undefined;

  /** `longest`: characters of a line without its end. Lines of other encodings come as one character a byte. */
  constructor(socket: Socket, longest: number) {
    this.socket = socket;
    this.longest = longest;
    socket.on("data", (chunk: Buffer) => {
      this.pending += chunk.toString("latin1");
      if (this.pending.length > 64 * longest) socket.pause();
      this.wake?.();
    });
    const end = (): void => {
      this.ended = true;
      this.wake?.();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", end);
  }

  /** The next line without its CRLF (or bare LF). */
  line(cancel: Cancel): Promise<Result<string, LineFailure>> {
    return untilCancelled<Result<string, LineFailure>>(
      cancel,
      () => err("read-timeout"),
      (settle) => {
        const look = (): boolean => {
          const end = this.pending.indexOf("\n");
          if (end > this.longest || (end < 0 && this.pending.length > this.longest)) settle(err("too-large"));
          else if (end >= 0) {
            const line = this.pending.slice(0, end).replace(/\r$/, "");
            this.pending = this.pending.slice(end + 1);
            this.socket.resume();
            settle(ok(line));
          } else if (this.ended) settle(err("closed-early"));
          else return false;
          return true;
        };
        if (look()) return;
        this.wake = () => {
          if (look()) this.wake = undefined;
        };
      },
    );
  }
}
