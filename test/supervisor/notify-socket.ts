// The service manager played by a test: hears what a daemon says to NOTIFY_SOCKET.

import assert from "node:assert/strict";
import { seconds } from "../../src/core/units.js";
import { AF, SOCK } from "../../src/linux/constants.js";
import { native } from "../../src/linux/native.js";
import { sockaddrUn } from "../../src/linux/sockaddr.js";
import { until } from "../lab/wait.js";

export class NotifySocket {
  readonly path: string;
  readonly heard: string[] = [];
  readonly #fd = native.socket(AF.UNIX, SOCK.DGRAM, 0);

  constructor(path: string) {
    this.path = path;
    assert.equal(native.bind(this.#fd, sockaddrUn(path) ?? new Uint8Array()), 0);
  }

  /** `since`: how many messages of the kind were heard before and do not count. */
  hears(pattern: RegExp, since = 0): Promise<unknown> {
    return until(`a message like ${String(pattern)}`, seconds(20), () => {
      this.#listen();
      return this.heard.filter((text) => pattern.test(text)).length > since;
    });
  }

  close(): void {
    native.close(this.#fd);
  }

  #listen(): void {
    const buffer = new Uint8Array(4096);
    for (;;) {
      const length = native.recv(this.#fd, buffer, null, null, null, 0);
      if (length < 0) return;
      this.heard.push(new TextDecoder().decode(buffer.subarray(0, length)));
    }
  }
}
