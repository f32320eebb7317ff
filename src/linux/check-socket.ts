// Opens a socket whose packets leave as a check wants it: marked, bound to an interface or a source address. Says
// every failure in the closed set of reasons that checks have. Connects nothing, and waits for nothing.

import { familyOf, isLinkLocal } from "../core/address.js";
import { asciiBytes } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import type { DialFailure, Route } from "../ports/dialer.js";
import { AF, IP, SO, SOCK, SOL } from "./constants.js";
import { errno, errnoText } from "./errno.js";
import { native, type SyscallResult } from "./native.js";
import { sockaddrIp } from "./sockaddr.js";

/** The descriptor is the caller's to close. */
export function openCheckSocket(route: Route, type: number, protocol: number): Result<number, DialFailure> {
  const fd = native.socket(familyOf(route.address) === "ipv4" ? AF.INET : AF.INET6, type, protocol);
  if (fd < 0) return err(failure("open socket", fd));
  const { mark, interface: device, source } = route;
  // As nearly every check leaves, and there are thousands a second.
  if (mark === undefined && device === undefined && source === undefined) return ok(fd);
  const steps: [what: string, run: () => SyscallResult][] = [];
  if (mark !== undefined)
    steps.push([`mark ${mark}`, () => native.setsockopt(fd, SOL.SOCKET, SO.MARK, mark)]);
  if (device !== undefined)
    steps.push([
      `bind to interface ${device}`,
      () => native.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, asciiBytes(device)),
    ]);
  if (source !== undefined) {
    // The port is then chosen at connect, when a pair of ports in use towards another server does not matter.
    if (type !== SOCK.RAW)
      steps.push([
        "delay the choice of a port",
        () => native.setsockopt(fd, SOL.IP, IP.BIND_ADDRESS_NO_PORT, 1),
      ]);
    steps.push([`bind to source ${source}`, () => native.bind(fd, sockaddrIp(source, 0, scopeOf(route)))]);
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
export function scopeOf(route: Route): number {
  if (route.interface === undefined || !isLinkLocal(route.address)) return 0;
  return Math.max(native.ifIndex(route.interface), 0);
}

const errorValue = new Int32Array(1);
const errorBytes = new Uint8Array(errorValue.buffer);

/** -errno of what has happened to the socket meanwhile; 0: nothing. */
export function socketError(fd: number): SyscallResult {
  const result = native.getsockopt(fd, SOL.SOCKET, SO.ERROR, errorBytes);
  const [error = 0] = errorValue;
  return result < 0 || error === 0 ? Math.min(result, 0) : -error;
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

export const failure = (what: string, result: SyscallResult): DialFailure => ({
  reason: reasons.get(-result) ?? "connect-failed",
  detail: `${what}: ${errnoText(result)}`,
});
