// Opens TCP connections the way a health check needs them: marked, bound to an interface or a source address,
// with one deadline, and with a closed set of reasons for failing. node:net offers no mark and no interface.

import { Socket } from "node:net";
import { familyOf, type IpAddress } from "../core/address.js";
import { asciiBytes } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import type { Milliseconds } from "../core/units.js";
import { AF, IP, IPPROTO, POLL, SO, SOCK, SOL } from "./constants.js";
import { errno, errnoText } from "./errno.js";
import { native, type SyscallResult } from "./native.js";
import { sockaddrIp } from "./sockaddr.js";

export type DialTarget = {
  readonly address: IpAddress;
  readonly port: number;
  /** The whole time until the connection stands. */
  readonly timeout: Milliseconds;
  /** Source address; default: the kernel's choice. */
  readonly source?: IpAddress;
  /** Leaves by this interface only (SO_BINDTODEVICE). */
  readonly interface?: string;
  /** Mark of the packets, for policy routing (SO_MARK). Needs CAP_NET_ADMIN. */
  readonly mark?: number;
  /** Gives up early. */
  readonly cancel?: AbortSignal;
};

export type DialReason = "connect-refused" | "connect-timeout" | "connect-unreachable" | "connect-reset" | "connect-failed";
/** `detail` is for a person. A cancelled dial is a connect-failed with the detail "cancelled". */
export type DialError = { readonly reason: DialReason; readonly detail: string };

/** Connects, and hands over the open connection. The caller destroys it. */
export async function dial(target: DialTarget): Promise<Result<Socket, DialError>> {
  const connected = await connectDescriptor(target);
  return connected.ok ? ok(new Socket({ fd: connected.value, readable: true, writable: true })) : connected;
}

/** Connects and closes at once: the cheapest answer to "does this port accept". */
export async function dialAndClose(target: DialTarget): Promise<Result<undefined, DialError>> {
  const connected = await connectDescriptor(target);
  if (!connected.ok) return connected;
  native.close(connected.value);
  return ok(undefined);
}

function connectDescriptor(target: DialTarget): Promise<Result<number, DialError>> {
  if (target.cancel?.aborted === true) return Promise.resolve(err(CANCELLED));
  const opened = openSocket(target);
  if (!opened.ok) return Promise.resolve(opened);
  const fd = opened.value;
  const result = native.connect(fd, sockaddrIp(target.address, target.port, scopeOf(target)));
  if (result < 0 && result !== -errno.EINPROGRESS) {
    native.close(fd);
    return Promise.resolve(err(failure("connect", result)));
  }
  return result === 0 ? Promise.resolve(ok(fd)) : waitForConnection(fd, target);
}

const CANCELLED: DialError = { reason: "connect-failed", detail: "cancelled" };

function waitForConnection(fd: number, target: DialTarget): Promise<Result<number, DialError>> {
  return new Promise((resolve) => {
    const finish = (outcome: Result<number, DialError>): void => {
      clearTimeout(timer);
      target.cancel?.removeEventListener("abort", cancelled);
      if (typeof handle !== "number") native.pollFree(handle);
      if (!outcome.ok) native.close(fd);
      resolve(outcome);
    };
    const cancelled = (): void => {
      finish(err(CANCELLED));
    };
    const timer = setTimeout(() => {
      finish(err({ reason: "connect-timeout", detail: `no answer in ${target.timeout} ms` }));
    }, target.timeout);
    // An error comes as a status below zero or as writable; SO_ERROR knows which it was in both cases.
    const handle = native.pollNew(fd, () => {
      const error = socketError(fd);
      finish(error === 0 ? ok(fd) : err(failure("connect", error)));
    });
    if (typeof handle === "number") {
      finish(err(failure("watch", handle)));
      return;
    }
    native.pollStart(handle, POLL.WRITABLE);
    target.cancel?.addEventListener("abort", cancelled, { once: true });
  });
}

function openSocket(target: DialTarget): Result<number, DialError> {
  const fd = native.socket(familyOf(target.address) === "ipv4" ? AF.INET : AF.INET6, SOCK.STREAM, IPPROTO.TCP);
  if (fd < 0) return err(failure("open socket", fd));
  const steps: [what: string, run: () => SyscallResult][] = [];
  const { mark, interface: device, source } = target;
  if (mark !== undefined) steps.push([`mark ${mark}`, () => native.setsockopt(fd, SOL.SOCKET, SO.MARK, mark)]);
  if (device !== undefined)
    steps.push([`bind to interface ${device}`, () => native.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, asciiBytes(device))]);
  if (source !== undefined) {
    // The port is then chosen at connect, when a pair of ports in use towards another server does not matter.
    steps.push(["delay the choice of a port", () => native.setsockopt(fd, SOL.IP, IP.BIND_ADDRESS_NO_PORT, 1)]);
    steps.push([`bind to source ${source}`, () => native.bind(fd, sockaddrIp(source, 0, scopeOf(target)))]);
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
function scopeOf(target: DialTarget): number {
  if (target.interface === undefined || !target.address.startsWith("fe80:")) return 0;
  return Math.max(native.ifIndex(target.interface), 0);
}

function socketError(fd: number): SyscallResult {
  const value = new Int32Array(1);
  const result = native.getsockopt(fd, SOL.SOCKET, SO.ERROR, new Uint8Array(value.buffer));
  return result < 0 ? result : -(value[0] as number);
}

const reasons: ReadonlyMap<number, DialReason> = new Map([
  [errno.ECONNREFUSED, "connect-refused"],
  [errno.ETIMEDOUT, "connect-timeout"],
  [errno.ENETUNREACH, "connect-unreachable"],
  [errno.EHOSTUNREACH, "connect-unreachable"],
  [errno.ENETDOWN, "connect-unreachable"],
  [errno.EHOSTDOWN, "connect-unreachable"],
  [errno.ECONNRESET, "connect-reset"],
]);

const failure = (what: string, result: SyscallResult): DialError => ({
  reason: reasons.get(-result) ?? "connect-failed",
  detail: `${what}: ${errnoText(result)}`,
});
