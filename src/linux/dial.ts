// Opens TCP connections the way a health check needs them: marked, bound to an interface or a source address,
// with one deadline, and with a closed set of reasons for failing. node:net offers no mark and no interface.

import { Socket } from "node:net";
import { err, ok, type Result } from "../core/result.js";
import { formatDuration, type Milliseconds } from "../core/units.js";
import type { Cancel } from "../ports/cancel.js";
import type { Dialer, DialFailure, DialRequest } from "../ports/dialer.js";
import { failure, openCheckSocket, scopeOf, socketError } from "./check-socket.js";
import { IPPROTO, POLL, SOCK } from "./constants.js";
import { errno } from "./errno.js";
import { native } from "./native.js";
import { sockaddrIp } from "./sockaddr.js";

/** The Dialer port of this machine. */
export const tcpDialer: Dialer<Socket> = {
  async dial(request, cancel) {
    const connected = await connect(request, cancel, (fd) => fd);
    return connected.ok ? ok(new Socket({ fd: connected.value, readable: true, writable: true })) : connected;
  },
  probe: (request, cancel) => connect(request, cancel, close),
};

const CANCELLED: DialFailure = { reason: "connect-failed", detail: "cancelled" };

const close = (fd: number): null => {
  native.close(fd);
  return null;
};

/** `opened` takes a connected descriptor, which is its own from then on, and must not throw. */
function connect<T>(
  request: DialRequest,
  cancel: Cancel,
  opened: (fd: number) => T,
): Promise<Result<T, DialFailure>> {
  if (cancel.cancelled) return Promise.resolve(err(CANCELLED));
  const socket = openCheckSocket(request, SOCK.STREAM, IPPROTO.TCP);
  if (!socket.ok) return Promise.resolve(socket);
  const fd = socket.value;
  const result = native.connect(fd, sockaddrIp(request.address, request.port, scopeOf(request)));
  if (result < 0 && result !== -errno.EINPROGRESS) {
    native.close(fd);
    return Promise.resolve(err(failure("connect", result)));
  }
  return result === 0
    ? Promise.resolve(ok(opened(fd)))
    : waitForConnection(fd, request.timeout, cancel, opened);
}

function waitForConnection<T>(
  fd: number,
  timeout: Milliseconds,
  cancel: Cancel,
  opened: (fd: number) => T,
): Promise<Result<T, DialFailure>> {
  return new Promise((resolve) => {
    let finished = false;
    let forget = (): void => undefined;
    const finish = (problem: DialFailure | undefined): void => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      forget();
      if (typeof handle !== "number") native.pollFree(handle);
      if (problem !== undefined) native.close(fd);
      resolve(problem === undefined ? ok(opened(fd)) : err(problem));
    };
    const timer = setTimeout(() => {
      finish({ reason: "connect-timeout", detail: `no answer in ${formatDuration(timeout)}` });
    }, timeout);
    // An error comes as a status below zero or as writable; SO_ERROR knows which it was in both cases.
    const handle = native.pollNew(fd, () => {
      const error = socketError(fd);
      finish(error === 0 ? undefined : failure("connect", error));
    });
    const started = typeof handle === "number" ? handle : native.pollStart(handle, POLL.WRITABLE);
    if (started < 0) finish(failure("watch", started));
    forget = cancel.onCancel(() => {
      finish(CANCELLED);
    });
  });
}
