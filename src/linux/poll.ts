// Watches one file descriptor for reading. A socket error (a netlink overrun, an interface that went down) makes
// libuv report UV_EBADF and stop its handle; the owner then drains the socket, which takes the error away, and
// the watch goes on. Does not own the descriptor: close the watch first, then the descriptor.

import { POLL, SO, SOL } from "./constants.js";
import { errnoText } from "./errno.js";
import { native, type PollHandle } from "./native.js";

/** Errors in a row without one good event: the socket is past help, and watching on would be a busy loop. */
const MOST_ERRORS = 100;

export class Watch {
  private readonly fd: number;
  private readonly handle: PollHandle;
  private readonly onReadable: () => void;
  private readonly pendingError = new Uint8Array(4);
  private errors = 0;
  private closed = false;

  /** `onReadable` must read until there is nothing more or its budget is spent; it is called again while data waits. */
  constructor(fd: number, onReadable: () => void) {
    this.fd = fd;
    this.onReadable = onReadable;
    const handle = native.pollNew(fd, (status) => {
      this.wake(status);
    });
    if (typeof handle === "number") throw new Error(`watch descriptor ${fd}: ${errnoText(handle)}`);
    this.handle = handle;
    this.start();
  }

  /** Whether this watch keeps the event loop alive; it does until told otherwise. */
  ref(on: boolean): void {
    if (!this.closed) native.pollRef(this.handle, on);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    native.pollFree(this.handle);
  }

  private start(): void {
    const result = native.pollStart(this.handle, POLL.READABLE);
    if (result < 0) throw new Error(`watch descriptor ${this.fd}: ${errnoText(result)}`);
  }

  private wake(status: number): void {
    if (this.closed) return;
    this.onReadable();
    // The callback may have closed us.
    if (status === 0 || this.isClosed()) {
      this.errors = 0;
      return;
    }
    // An error that the owner's reading did not take away would wake us for ever.
    native.getsockopt(this.fd, SOL.SOCKET, SO.ERROR, this.pendingError);
    this.errors += 1;
    if (this.errors > MOST_ERRORS)
      throw new Error(`watch descriptor ${this.fd}: ${MOST_ERRORS} errors in a row`);
    this.start();
  }

  private isClosed(): boolean {
    return this.closed;
  }
}
