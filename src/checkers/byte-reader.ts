// Collects what a connection brings until somebody finds in it what they wait for. How much is kept, and in how many
// pieces it may come, is bounded: a server that sends without end, or byte by byte, cannot keep us busy.

import type { Socket } from "node:net";

import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { untilCancelled } from "./cancel.js";

export type ByteFailure = "read-timeout" | "closed-early" | "too-large";

/** Looks at all there is each time some more has come. */
const MOST_PIECES = 1000;

export class ByteReader {
  private readonly socket: Socket;
  private readonly most: number;
  private chunks: Buffer[] = [];
  private length = 0;
  private ended = false;
  private wake: () => void = () => undefined;
  private readonly onData = (chunk: Buffer): void => {
    this.chunks.push(chunk);
    this.length += chunk.length;
    if (this.length > this.most) this.socket.pause();
    this.wake();
  };
  private readonly onEnd = (): void => {
    this.ended = true;
    this.wake();
  };

  /** `most`: bytes that are kept before something is found in them. */
  constructor(socket: Socket, most: number) {
    this.socket = socket;
    this.most = most;
    socket.on("data", this.onData);
    for (const event of ["end", "close", "error"] as const) socket.on(event, this.onEnd);
  }

  /** What has come and was not taken. */
  get pending(): Buffer {
    const [first, second] = this.chunks;
    if (first === undefined) return Buffer.alloc(0);
    if (second !== undefined) this.chunks = [Buffer.concat(this.chunks, this.length)];
    return this.chunks[0]!;
  }

  /** Forgets the first bytes of what is pending. */
  take(count: number): void {
    const rest = this.pending.subarray(count);
    this.chunks = rest.length === 0 ? [] : [rest];
    this.length = rest.length;
    this.socket.resume();
  }

  /** Waits until `look` finds something in what is pending. It is asked once at the start, too. */
  find<T>(look: (bytes: Buffer) => T | undefined, cancel: Cancel): Promise<Result<T, ByteFailure>> {
    let pieces = 0;
    return untilCancelled<Result<T, ByteFailure>>(
      cancel,
      () => err("read-timeout"),
      (settle) => {
        const again = (): boolean => {
          const found = look(this.pending);
          if (found !== undefined) settle(ok(found));
          else if (this.length > this.most || ++pieces > MOST_PIECES) settle(err("too-large"));
          else if (this.ended) settle(err("closed-early"));
          else return false;
          return true;
        };
        if (again()) return;
        this.wake = () => {
          if (again()) this.wake = () => undefined;
        };
      },
    );
  }

  /** Leaves the connection to somebody else; what is pending stays here. */
  release(): void {
    this.socket.off("data", this.onData);
    for (const event of ["end", "close", "error"] as const) this.socket.off(event, this.onEnd);
    this.socket.pause();
  }
}
