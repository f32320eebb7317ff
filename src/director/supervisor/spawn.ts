// Starts the real child processes: node, an IPC channel, and their output read line by line.

import type { ChildProcess } from "node:child_process";
import { constants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Spawn } from "./child.js";
import type { ChildName } from "./child-name.js";
import { takeFirstChild } from "./first-child.js";
import { forkChild } from "./forked.js";
import { processorTime } from "./process-stat.js";

/** A line of output longer than this is cut. */
const LONGEST_LINE = 1000;
/** Lines of one process that are passed on: enough for the trace of a crash. */
const MOST_LINES = 40;

/** `said` gets what a child writes to its standard output and error: nothing, unless something is very wrong. */
export function spawner(said: (process: ChildName, line: string) => void): Spawn {
  return (name, listener, again) => {
    const first = name === "checks" ? takeFirstChild() : undefined;
    const { child, listen } = first ?? forkChild(name);
    if (again && name === "vrrp") hurry(child.pid);
    listen(listener);
    for (const stream of [child.stdout, child.stderr]) readLines(stream, (line) => said(name, line));
    return {
      pid: child.pid ?? 0,
      send: (message) => sendTo(child, message),
      worked: () => processorTime(child.pid ?? 0),
      kill: (signal) => void child.kill(signal),
    };
  };
}

/**
 * Its peer waits for three intervals: on a busy machine a start takes half a second, and a fifth of that before all
 * others. Real-time scheduling is its own business, later; the first start of all would only hold up the table's.
 */
function hurry(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Not permitted, or it has ended.
  }
}

function sendTo(child: ChildProcess, message: object): void {
  // The callback form: an error of a channel that has just closed must not be thrown as an event.
  if (child.connected) child.send(message, () => undefined);
}

function readLines(stream: Readable | null | undefined, line: (text: string) => void): void {
  // Undefined when the process could not be started for want of a file descriptor.
  if (stream === null || stream === undefined) return;
  let lines = 0;
  createInterface({ input: stream }).on("line", (text) => {
    if (text !== "" && lines++ < MOST_LINES) line(text.slice(0, LONGEST_LINE));
  });
}
