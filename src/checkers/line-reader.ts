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
  private readonly onData = (chunk: Buffer): void => {
    this.pending += chunk.toString("latin1");
    if (this.pending.length > 64 * this.longest) this.socket.pause();
    this.wake?.();
  };
  private readonly onEnd = (): void => {
    this.ended = true;
    this.wake?.();
  };

  /** `longest`: characters of a line without its end. Lines of other encodings come as one character a byte. */
  constructor(socket: Socket, longest: number) {
    this.socket = socket;
    this.longest = longest;
    socket.on("data", this.onData);
    for (const event of ["end", "close", "error"] as const) socket.on(event, this.onEnd);
  }

  /** What has come after the last line. */
  get rest(): string {
    return this.pending;
  }

  /** Leaves the connection to somebody else; what is pending stays here. */
  release(): void {
    this.socket.off("data", this.onData);
    for (const event of ["end", "close", "error"] as const) this.socket.off(event, this.onEnd);
    this.socket.pause();
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
