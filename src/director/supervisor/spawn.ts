// Starts the real child processes: node, an IPC channel, and their output read line by line.

import { fork, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { ChildName, Spawn } from "./child.js";
import { processorTime } from "./process-stat.js";
import { flagsOf, programWords } from "./programs.js";

/** A line of output longer than this is cut. */
const LONGEST_LINE = 1000;
/** Lines of one process that are passed on: enough for the trace of a crash. */
const MOST_LINES = 40;

/** `said` gets what a child writes to its standard output and error: nothing, unless something is very wrong. */
export function spawner(said: (process: ChildName, line: string) => void): Spawn {
  return (name, listener) => {
    const [program, ...words] = programWords(name);
    const child = fork(program, words, {
      execArgv: [...flagsOf[name]],
      serialization: "json",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // A session of its own: Ctrl-C in a terminal is for the supervisor, which stops its children in order.
      detached: true,
      env: childEnvironment(),
    });
    let ended = false;
    const end = (how: string): void => {
      if (ended) return;
      ended = true;
      listener.exit(how);
    };
    child.on("message", (message) => listener.message(message));
    child.on("error", (error) => {
      // A message that could not be sent also ends here; the process is then about to end by itself.
      if (child.pid === undefined) end(`could not be started: ${error.message}`);
    });
    child.on("exit", (code, signal) =>
      end(signal === null ? `exit code ${code ?? "?"}` : `killed by ${signal}`),
    );
    for (const stream of [child.stdout, child.stderr]) readLines(stream, (line) => said(name, line));
    return {
      pid: child.pid ?? 0,
      send: (message) => sendTo(child, message),
      worked: () => processorTime(child.pid ?? 0),
      kill: (signal) => void child.kill(signal),
    };
  };
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

/** What systemd, or a debugger's user, told the supervisor is not meant for its children. */
const OURS_ALONE = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "NODE_OPTIONS"];

export function childEnvironment(): NodeJS.ProcessEnv {
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS_ALONE.includes(name)));
  // One arena of malloc for all threads keeps resident memory small (mallopt(3), M_ARENA_MAX).
  return { ...rest, MALLOC_ARENA_MAX: "1" };
}
