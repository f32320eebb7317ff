// Datagrams that their reader has no room for yet: a socket takes some hundreds of them (net.unix.max_dgram_qlen), or ten, and
// a failure of many servers says thousands of lines at once. They wait here in their order, up to a limit, and nobody
// waits for them. What is lost later is told with the next lines.

import { constants } from "node:os";
import type { Loss } from "./sink.js";

/** Bytes kept for a reader that is slow. */
const KEPT_BYTES = 1024 * 1024;
const RETRY_EVERY_MS = 20;
/** How long `close` waits for a slow reader. */
const LAST_WAIT_MS = 500;
const NO_ROOM = -constants.errno.EAGAIN;

export class DatagramBacklog {
  private readonly send: (datagram: Buffer) => number;
  private readonly describe: (errno: number) => string;
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private loss: Loss | undefined;

  /** `send` gives a negative number when it fails: -errno, of which `describe` makes words. */
  constructor(send: (datagram: Buffer) => number, describe: (errno: number) => string) {
    this.send = send;
    this.describe = describe;
  }

  /** Each is a line. Undefined: they are sent or kept, and so are all before. */
  put(datagrams: Iterable<Buffer>): Loss | undefined {
    for (const datagram of datagrams) {
      if (this.keptBytes + datagram.length > KEPT_BYTES) this.lose("its reader does not read");
      else {
        this.kept.push(datagram);
        this.keptBytes += datagram.length;
        // Behind one that waits there is no room either.
        if (this.kept.length === 1) this.flush();
      }
    }
    this.flush();
    this.later();
    const { loss } = this;
    this.loss = undefined;
    return loss;
  }

  /** Sends what is kept, as far as it can be done soon. */
  close(): void {
    const until = performance.now() + LAST_WAIT_MS;
    const cell = new Int32Array(new SharedArrayBuffer(4));
    this.flush();
    while (this.kept.length > 0 && performance.now() < until) {
      Atomics.wait(cell, 0, 0, 10);
      this.flush();
    }
    clearTimeout(this.timer);
  }

  private flush(): void {
    let done = 0;
    for (const datagram of this.kept) {
      const sent = this.send(datagram);
      if (sent === NO_ROOM) break;
      // One that is refused loses no other one.
      if (sent < 0) this.lose(this.describe(sent));
      this.keptBytes -= datagram.length;
      done++;
    }
    if (done > 0) this.kept = this.kept.slice(done);
  }

  private later(): void {
    if (this.kept.length === 0 || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.flush();
      this.later();
    }, RETRY_EVERY_MS).unref();
  }

  private lose(why: string): void {
    this.loss = { lines: (this.loss?.lines ?? 0) + 1, why };
  }
}
