// Opens a socket whose packets leave as a check wants it: marked, bound to an interface or a source address. Says
// every failure in the closed set of reasons that checks have. Connects nothing, and waits for nothing.

import { familyOf } from "../core/address.js";
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
  const steps: [what: string, run: () => SyscallResult][] = [];
  const { mark, interface: device, source } = route;
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
  if (route.interface === undefined || !route.address.startsWith("fe80:")) return 0;
  return Math.max(native.ifIndex(route.interface), 0);
}

/** -errno of what has happened to the socket meanwhile; 0: nothing. */
export function socketError(fd: number): SyscallResult {
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

export const failure = (what: string, result: SyscallResult): DialFailure => ({
  reason: reasons.get(-result) ?? "connect-failed",
  detail: `${what}: ${errnoText(result)}`,
});
