// Tells systemd how we are (sd_notify(3)): ready, reloading, stopping, alive, and a line of status. Does
// nothing when systemd did not start us. Losing a message is no reason to fail.

import { milliseconds, type Milliseconds } from "../core/units.js";
import { native, type SyscallResult } from "./native.js";
import { sendUnixDatagram } from "./unix-datagram.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export type SystemdNotifier = {
  /** How often systemd wants to hear `watchdog`, already halved as sd_watchdog_enabled(3) advises; undefined: never. */
  readonly watchdogEvery: Milliseconds | undefined;
  ready(status: string): SyscallResult;
  reloading(): SyscallResult;
  stopping(): SyscallResult;
  watchdog(): SyscallResult;
  /** Another process is the daemon from now on, and is the one that may send. */
  mainProcess(pid: number): SyscallResult;
  status(text: string): SyscallResult;
};

/** `pid` is our own process id: a watchdog meant for another process is not ours to feed. */
export function systemdNotifier(environment: Environment, pid: number): SystemdNotifier {
  const path = environment["NOTIFY_SOCKET"];
  const send = (...lines: readonly string[]): SyscallResult =>
    path === undefined || path === ""
      ? 0
      : sendUnixDatagram(path, new TextEncoder().encode(lines.join("\n")));
  return {
    watchdogEvery: watchdogEvery(environment, pid),
    ready: (status) => send("READY=1", `STATUS=${oneLine(status)}`),
    // systemd matches the end of a reload to its start by this time (Type=notify-reload).
    reloading: () => send("RELOADING=1", `MONOTONIC_USEC=${Math.floor(native.now() * 1000)}`),
    stopping: () => send("STOPPING=1"),
    watchdog: () => send("WATCHDOG=1"),
    mainProcess: (main) => send(`MAINPID=${main}`),
    status: (text) => send(`STATUS=${oneLine(text)}`),
  };
}

function watchdogEvery(environment: Environment, pid: number): Milliseconds | undefined {
  const owner = environment["WATCHDOG_PID"];
  if (owner !== undefined && owner !== String(pid)) return undefined;
  const microseconds = Number(environment["WATCHDOG_USEC"] ?? "");
  if (!Number.isSafeInteger(microseconds) || microseconds <= 0) return undefined;
  return milliseconds(microseconds / 2000);
}

/** A line break would start another assignment. */
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, " ");
