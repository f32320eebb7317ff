// The typed face of the native addon (native/vipd.c): one function a system call, nothing decided in C.
// Every call gives a number: the result, or -errno. Only a wrong argument type or a buffer too small for
// what it was said to hold throws, because that is a bug. Safe in worker threads.

import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A watched file descriptor (uv_poll_t). */
export type PollHandle = { readonly brand: "poll" };
/** A negative number is -errno; what a positive one means stands at the call. */
export type SyscallResult = number;

export type Native = {
  /** CLOCK_MONOTONIC in milliseconds, with fractions. */
  now(): number;
  /** socket(2), always SOCK_NONBLOCK | SOCK_CLOEXEC. Gives the descriptor. */
  socket(family: number, type: number, protocol: number): SyscallResult;
  close(fd: number): SyscallResult;
  /** `address` is a struct sockaddr_* in memory order. */
  bind(fd: number, address: Uint8Array): SyscallResult;
  connect(fd: number, address: Uint8Array): SyscallResult;
  /** A number is passed as a C int, an array as it is. */
  setsockopt(fd: number, level: number, name: number, value: number | Uint8Array): SyscallResult;
  /** Gives the length written into `out`. */
  getsockopt(fd: number, level: number, name: number, out: Uint8Array): SyscallResult;
  /** SO_ATTACH_FILTER: `program` is an array of struct sock_filter, 8 bytes each, at most 4096 of them. */
  attachFilter(fd: number, program: Uint8Array): SyscallResult;
  /** sendmsg(2) with MSG_NOSIGNAL. Gives the bytes sent. */
  send(
    fd: number,
    data: Uint8Array,
    flags: number,
    address: Uint8Array | null,
    control: Uint8Array | null,
  ): SyscallResult;
  /**
   * sendmmsg(2): message i is `data[i*slot .. i*slot+lengths[i])`, sent to `addresses[i*addressSlot ..)` with the
   * ancillary data `controls[i*controlSlot ..)` (a null array: none). One system call, of at most 256 messages.
   * Gives how many were sent; -errno only when not even the first one was.
   */
  sendMany(
    fd: number,
    count: number,
    data: Uint8Array,
    slot: number,
    lengths: Int32Array,
    addresses: Uint8Array | null,
    addressSlot: number,
    controls: Uint8Array | null,
    controlSlot: number,
    flags: number,
  ): SyscallResult;
  /**
   * recvmsg(2) with MSG_DONTWAIT | flags. `meta` (3 numbers) receives address length, control length and msg_flags.
   * Gives the bytes received (with MSG_TRUNC in `flags`: the length of the datagram).
   */
  recv(
    fd: number,
    data: Uint8Array,
    address: Uint8Array | null,
    control: Uint8Array | null,
    meta: Int32Array | null,
    flags: number,
  ): SyscallResult;
  /**
   * recvmmsg(2) with MSG_DONTWAIT into slots as in `sendMany`; `lengths[i]` and `controlLengths[i]` are set.
   * Gives how many were received (at most 64 a call), or -EAGAIN.
   */
  recvMany(
    fd: number,
    data: Uint8Array,
    slot: number,
    lengths: Int32Array,
    addresses: Uint8Array | null,
    addressSlot: number,
    controls: Uint8Array | null,
    controlSlot: number,
    controlLengths: Int32Array | null,
  ): SyscallResult;
  /** Watches `fd`: `onEvents(status, events)`, status 0 or a negative uv error, after which the handle is stopped. */
  pollNew(fd: number, onEvents: (status: number, events: number) => void): PollHandle | number;
  /** `events`: 1 readable, 2 writable, 4 disconnect, 8 prioritized. */
  pollStart(handle: PollHandle, events: number): SyscallResult;
  /** Whether the handle keeps the event loop alive. */
  pollRef(handle: PollHandle, ref: boolean): SyscallResult;
  /** Ends the watch for good; does not close the descriptor. A second call does nothing. */
  pollFree(handle: PollHandle): SyscallResult;
  /** epoll_create1(2): a set of descriptors, which is watched as one. Gives its descriptor. */
  epollCreate(): SyscallResult;
  /** `events` as in EPOLL; `data` (0..2^31-1) comes back with them. A descriptor that is closed leaves its set. */
  epollAdd(set: number, fd: number, events: number, data: number): SyscallResult;
  epollRemove(set: number, fd: number): SyscallResult;
  /**
   * epoll_wait(2) that does not wait: `out` receives `data` and `events` of each member that is ready, as far as there
   * is room, and at most 256. Gives how many.
   */
  epollWait(set: number, out: Int32Array): SyscallResult;
  /**
   * Begins `count` TCP connections (at most 256) to `addresses`, a struct sockaddr_in or sockaddr_in6 in each 28 bytes, that
   * are only to open. `out` receives three numbers for each: its descriptor while it lasts, and then it is a member of
   * `set` under its number of `numbers`, otherwise -1: it is over and closed, -2: there was no socket, -3: it cannot be
   * watched; 0 or -errno; and how many microseconds ago it began.
   */
  connectMany(
    set: number,
    count: number,
    addresses: Uint8Array,
    numbers: Int32Array,
    out: Int32Array,
  ): SyscallResult;
  /**
   * Closes those of `connectMany` in `set` that are open now, or have failed: `out` receives the number of each, and 0
   * or -errno, as far as there is room, and at most 256. Gives how many.
   */
  reap(set: number, out: Int32Array): SyscallResult;
  /**
   * Hashes the netlink messages of `data[0..length)` that are of this type (a generic family) and sequence: all attributes
   * in the nests of each but those whose types are in the mask `ignored`. `out` (4 numbers, zeros at first) receives
   * where it ended, at a message of another type or at the end; the hash, low and high half, to which the next datagram's
   * is added; and all flags that were seen. Gives 0.
   */
  digest(
    data: Uint8Array,
    length: number,
    type: number,
    sequence: number,
    ignored: number,
    out: Int32Array,
  ): SyscallResult;
  /** timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC). */
  timerfdCreate(): SyscallResult;
  /** Arms for an absolute CLOCK_MONOTONIC time in milliseconds with fractions; a past time fires at once; 0 disarms. */
  timerfdSet(fd: number, deadlineMs: number): SyscallResult;
  /** Gives the number of expirations since the last read, or -EAGAIN. */
  timerfdRead(fd: number): SyscallResult;
  ifIndex(name: string): SyscallResult;
  /** The name of an interface index in this network namespace, or -errno. */
  ifName(index: number): string | number;
  /** sched_setscheduler(2): 0 is SCHED_OTHER, 1..99 SCHED_FIFO with SCHED_RESET_ON_FORK. `tid` 0: this thread. */
  setRealtime(tid: number, priority: number): SyscallResult;
  /** Enters the network namespace at `path` (this thread only; for tests and benchmarks). */
  setNetns(path: string): SyscallResult;
  /** One bit per capability number of the effective set (capget(2)), as an unsigned 64-bit number in a double. */
  effectiveCapabilities(): number;
};

/** Where the addon of this platform lies: built here, or shipped in the package. */
export function nativePath(root = packageRoot()): string {
  return join(root, "prebuilds", `linux-${process.arch}`, "vipd.node");
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("vipd: no package.json above the program's own files");
    folder = parent;
  }
  return folder;
}

/** All that there is; the compiler finds what is forgotten here, and `loadNative` what a stale binary lacks. */
const FUNCTIONS: Readonly<Record<keyof Native, true>> = {
  now: true,
  socket: true,
  close: true,
  bind: true,
  connect: true,
  setsockopt: true,
  getsockopt: true,
  attachFilter: true,
  send: true,
  sendMany: true,
  recv: true,
  recvMany: true,
  pollNew: true,
  pollStart: true,
  pollRef: true,
  pollFree: true,
  epollCreate: true,
  epollAdd: true,
  epollRemove: true,
  epollWait: true,
  connectMany: true,
  reap: true,
  digest: true,
  timerfdCreate: true,
  timerfdSet: true,
  timerfdRead: true,
  ifIndex: true,
  ifName: true,
  setRealtime: true,
  setNetns: true,
  effectiveCapabilities: true,
};

/** What the program says of it to an operator instead of a stack (src/main.ts). */
function unusable(what: string, cause?: unknown): Error {
  const text = `vipd: ${what}: install vipd again, or run "node tools/build-native.mjs" in its repository (needs gcc)`;
  return Object.assign(new Error(text, { cause }), { code: "VIPD_ADDON" });
}

/** Loads the addon at `path`, all of it or not at all: a missing function would be found when it is called. */
export function loadNative(path = nativePath()): Native {
  if (!existsSync(path)) throw unusable(`no native addon for linux-${process.arch} at ${path}`);
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = createRequire(import.meta.url)(path) as typeof loaded;
  } catch (error) {
    throw unusable(`the native addon ${path} cannot be loaded (${(error as Error).message})`, error);
  }
  const missing = Object.keys(FUNCTIONS).filter((name) => typeof loaded[name] !== "function");
  if (missing.length > 0)
    throw unusable(`the native addon ${path} is not of this version of vipd, it lacks ${missing.join(", ")}`);
  return loaded as Native;
}

export const native: Native = loadNative();
