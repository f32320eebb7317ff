// Starts the program that this process runs once more, as its successor: the same words, the same place, whatever is
// installed there by now; and in that program, speaks with the predecessor.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { FromSuccessor, ToSuccessor } from "../../control/handover.js";
import type { SpawnSuccessor } from "./upgrade.js";

/** As it was started. To be called before the process gets a title, which overwrites it. */
export const ownCommand = (): readonly string[] =>
  readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);

export function successorSpawner(command: readonly string[]): SpawnSuccessor {
  return (listener) => {
    const [program = process.execPath, ...words] = command;
    // The watchdog is fed by the process that it names; named none, by the one that systemd knows as the main one.
    const child = spawn(program, words, {
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      serialization: "json",
      env: { ...process.env, WATCHDOG_PID: undefined, VIPD_PREDECESSOR: String(process.pid) },
    });
    child.on("message", (message) => listener.message(message as FromSuccessor));
    child.on("error", (error) => listener.exit(error.message));
    child.on("exit", (code, signal) =>
      listener.exit(signal === null ? `exit code ${code ?? "?"}` : `killed by ${signal}`),
    );
    return {
      pid: child.pid ?? 0,
      send: (message) => {
        if (child.connected) child.send(message, () => undefined);
      },
      kill: () => void child.kill("SIGKILL"),
      letGo: () => {
        child.unref();
        if (child.connected) child.disconnect();
      },
    };
  };
}

export type Predecessor = {
  send(message: FromSuccessor, done?: () => void): void;
  /** The predecessor has ended, or has let us go. */
  onGone(gone: () => void): void;
  onMessage(take: (message: ToSuccessor) => void): void;
};

/** VIPD_PREDECESSOR, the pid of the process that it is to succeed, is set for it. Undefined when this process was started like any other. Children of this process are no successors. */
export function findPredecessor(): Predecessor | undefined {
  const pid = process.env["VIPD_PREDECESSOR"];
  delete process.env["VIPD_PREDECESSOR"];
  if (pid === undefined || process.send === undefined) return undefined;
  return {
    send(message, done) {
      if (process.send === undefined || !process.connected) return done?.();
      process.send(message, undefined, undefined, () => done?.());
    },
    onGone: (gone) => void process.once("disconnect", gone),
    onMessage: (take) => void process.on("message", (message) => take(message as ToSuccessor)),
  };
}
