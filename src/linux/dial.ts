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
    const connected = await connectDescriptor(request, cancel);
    return connected.ok ? ok(new Socket({ fd: connected.value, readable: true, writable: true })) : connected;
  },
  async probe(request, cancel) {
    const connected = await connectDescriptor(request, cancel);
    if (!connected.ok) return connected;
    native.close(connected.value);
    return ok(null);
  },
};

const CANCELLED: DialFailure = { reason: "connect-failed", detail: "cancelled" };

/** Gives a connected descriptor, which is the caller's to close. */
function connectDescriptor(request: DialRequest, cancel: Cancel): Promise<Result<number, DialFailure>> {
  if (cancel.cancelled) return Promise.resolve(err(CANCELLED));
  const opened = openCheckSocket(request, SOCK.STREAM, IPPROTO.TCP);
  if (!opened.ok) return Promise.resolve(opened);
  const fd = opened.value;
  const result = native.connect(fd, sockaddrIp(request.address, request.port, scopeOf(request)));
  if (result < 0 && result !== -errno.EINPROGRESS) {
    native.close(fd);
    return Promise.resolve(err(failure("connect", result)));
  }
  return result === 0 ? Promise.resolve(ok(fd)) : waitForConnection(fd, request.timeout, cancel);
}

function waitForConnection(
  fd: number,
  timeout: Milliseconds,
  cancel: Cancel,
): Promise<Result<number, DialFailure>> {
  return new Promise((resolve) => {
    let finished = false;
    let forget = (): void => undefined;
    const finish = (outcome: Result<number, DialFailure>): void => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      forget();
      if (typeof handle !== "number") native.pollFree(handle);
      if (!outcome.ok) native.close(fd);
      resolve(outcome);
    };
    const timer = setTimeout(() => {
      finish(err({ reason: "connect-timeout", detail: `no answer in ${formatDuration(timeout)}` }));
    }, timeout);
    // An error comes as a status below zero or as writable; SO_ERROR knows which it was in both cases.
    const handle = native.pollNew(fd, () => {
      const error = socketError(fd);
      finish(error === 0 ? ok(fd) : err(failure("connect", error)));
    });
    const started = typeof handle === "number" ? handle : native.pollStart(handle, POLL.WRITABLE);
    if (started < 0) finish(err(failure("watch", started)));
    forget = cancel.onCancel(() => {
      finish(err(CANCELLED));
    });
  });
}
