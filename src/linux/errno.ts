// Names and texts of errno values. The addon gives -errno; people get "ENODEV: no such device".

import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";
import type { SyscallResult } from "./native.js";

/** A system call that failed: which one, about what, and how. `errno` is negative, as the addon gives it. */
export type SystemError = { readonly call: string; readonly errno: SyscallResult };

const libuvErrors = getSystemErrorMap();
const osNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/** What the kernel means where libuv's text says less, or has none. */
const texts: Readonly<Record<string, string>> = {
  EPERM: "operation not permitted (a capability is missing)",
  ENOENT: "no such object or name",
  ESRCH: "no such object",
  ENXIO: "no such device or address",
  EBADF: "bad file descriptor (already closed)",
  EAGAIN: "temporarily unavailable",
  ENOMEM: "out of memory",
  EACCES: "permission denied",
  EBUSY: "in use",
  EEXIST: "exists already",
  ENODEV: "no such device",
  EINVAL: "invalid argument",
  ENOPROTOOPT: "option not known to this kernel",
  EPROTONOSUPPORT: "protocol not known to this kernel",
  EOPNOTSUPP: "not supported",
  EAFNOSUPPORT: "address family not supported",
  EADDRINUSE: "address in use",
  EADDRNOTAVAIL: "address not on this host",
  ENETDOWN: "interface is down",
  ENETUNREACH: "no route to the network",
  EHOSTUNREACH: "no route to the host",
  ENOBUFS: "buffer overrun or limit reached",
  EMSGSIZE: "message too long",
  ECONNREFUSED: "connection refused",
  ETIMEDOUT: "timed out",
};

const constant = constants.errno;

/** What -errno means, for a `switch` or a comparison: `if (result === -errno.EAGAIN)`. */
export const errno = {
  EPERM: constant.EPERM,
  ENOENT: constant.ENOENT,
  ESRCH: constant.ESRCH,
  EAFNOSUPPORT: constant.EAFNOSUPPORT,
  EINTR: constant.EINTR,
  ENXIO: constant.ENXIO,
  EBADF: constant.EBADF,
  EAGAIN: constant.EAGAIN,
  ENOMEM: constant.ENOMEM,
  EACCES: constant.EACCES,
  EEXIST: constant.EEXIST,
  ENODEV: constant.ENODEV,
  EINVAL: constant.EINVAL,
  EADDRINUSE: constant.EADDRINUSE,
  EADDRNOTAVAIL: constant.EADDRNOTAVAIL,
  EOPNOTSUPP: constant.EOPNOTSUPP,
  EPROTONOSUPPORT: constant.EPROTONOSUPPORT,
  ENETDOWN: constant.ENETDOWN,
  ENETUNREACH: constant.ENETUNREACH,
  ECONNRESET: constant.ECONNRESET,
  ENOBUFS: constant.ENOBUFS,
  ETIMEDOUT: constant.ETIMEDOUT,
  ECONNREFUSED: constant.ECONNREFUSED,
  EHOSTUNREACH: constant.EHOSTUNREACH,
  EINPROGRESS: constant.EINPROGRESS,
  /** Not in node:os. <asm-generic/errno.h>. */
  EHOSTDOWN: 112,
} as const;

/** The name of an errno value, of either sign: "ETIMEDOUT". Unknown ones give "errno 123". */
export function errnoName(code: SyscallResult): string {
  const number = Math.abs(code);
  return (
    libuvErrors.get(-number)?.[0] ??
    osNames.get(number) ??
    (number === errno.EHOSTDOWN ? "EHOSTDOWN" : `errno ${number}`)
  );
}

/** Name and meaning for a person: "ENODEV: no such device". */
export function errnoText(code: SyscallResult): string {
  const name = errnoName(code);
  const text = texts[name] ?? libuvErrors.get(-Math.abs(code))?.[1];
  return text === undefined ? name : `${name}: ${text}`;
}

/** "bind vrrp socket: EADDRINUSE: address in use". */
export const systemErrorText = (error: SystemError): string => `${error.call}: ${errnoText(error.errno)}`;
