// Opens TCP connections the way a health check needs them: marked, bound to an interface or a source address,
// with one deadline, and with a closed set of reasons for failing. node:net offers no mark and no interface.

import { Socket } from "node:net";
import { familyOf } from "../core/address.js";
import { asciiBytes } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import { formatDuration, type Milliseconds } from "../core/units.js";
import type { Cancel } from "../ports/cancel.js";
import type { Dialer, DialFailure, DialRequest } from "../ports/dialer.js";
import { AF, IP, IPPROTO, POLL, SO, SOCK, SOL } from "./constants.js";
import { errno, errnoText } from "./errno.js";
import { native, type SyscallResult } from "./native.js";
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
  const opened = openSocket(request);
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

function openSocket(request: DialRequest): Result<number, DialFailure> {
  const fd = native.socket(
    familyOf(request.address) === "ipv4" ? AF.INET : AF.INET6,
    SOCK.STREAM,
    IPPROTO.TCP,
  );
  if (fd < 0) return err(failure("open socket", fd));
  const steps: [what: string, run: () => SyscallResult][] = [];
  const { mark, interface: device, source } = request;
  if (mark !== undefined)
    steps.push([`mark ${mark}`, () => native.setsockopt(fd, SOL.SOCKET, SO.MARK, mark)]);
  if (device !== undefined)
    steps.push([
      `bind to interface ${device}`,
      () => native.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, asciiBytes(device)),
    ]);
  if (source !== undefined) {
    // The port is then chosen at connect, when a pair of ports in use towards another server does not matter.
    steps.push([
      "delay the choice of a port",
      () => native.setsockopt(fd, SOL.IP, IP.BIND_ADDRESS_NO_PORT, 1),
    ]);
    steps.push([`bind to source ${source}`, () => native.bind(fd, sockaddrIp(source, 0, scopeOf(request)))]);
  }
  for (const [what, run] of steps) {
    const result = run();
    if (result >= 0) continue;
    native.close(fd);
    return err(failure(what, result));
  }
  return ok(fd);
}

/** A link-local IPv6 address means nothing without its interface. */
function scopeOf(request: DialRequest): number {
  if (request.interface === undefined || !request.address.startsWith("fe80:")) return 0;
  return Math.max(native.ifIndex(request.interface), 0);
}

function socketError(fd: number): SyscallResult {
  const value = new Int32Array(1);
  const result = native.getsockopt(fd, SOL.SOCKET, SO.ERROR, new Uint8Array(value.buffer));
  return result < 0 ? result : -(value[0] as number);
}

const reasons: ReadonlyMap<number, DialFailure["reason"]> = new Map([
  [errno.ECONNREFUSED, "connect-refused"],
  [errno.ETIMEDOUT, "connect-timeout"],
  [errno.ENETUNREACH, "connect-unreachable"],
  [errno.EHOSTUNREACH, "connect-unreachable"],
  [errno.ENETDOWN, "connect-unreachable"],
  [errno.EHOSTDOWN, "connect-unreachable"],
  [errno.ECONNRESET, "connect-reset"],
]);

const failure = (what: string, result: SyscallResult): DialFailure => ({
  reason: reasons.get(-result) ?? "connect-failed",
  detail: `${what}: ${errnoText(result)}`,
});
