// Starts the real child processes: node, an IPC channel, and their output read line by line.

import { fork, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Readable } from "node:stream";
import type { ChildName, Spawn } from "./child.js";

const programs: Record<ChildName, URL> = {
  vrrp: new URL("../vrrp-process.js", import.meta.url),
  checks: new URL("../checks-process.js", import.meta.url),
};

/**
 * A small young generation is collected in a fraction of a millisecond, which is what the adverts' timing
 * needs, and keeps memory small; the limits are far above what the processes use.
 */
const flags: Record<ChildName, readonly string[]> = {
  vrrp: ["--max-semi-space-size=1", "--max-old-space-size=64"],
  checks: ["--max-semi-space-size=1", "--optimize-for-size", "--max-old-space-size=512"],
};

/** A line of output longer than this is cut. */
const LONGEST_LINE = 1000;
/** Lines of one process that are passed on: enough for the trace of a crash. */
const MOST_LINES = 40;

/** `said` gets what a child writes to its standard output and error: nothing, unless something is very wrong. */
export function spawner(said: (process: ChildName, line: string) => void, programOf = programs): Spawn {
  return (name, listener) => {
    const child = fork(fileURLToPath(programOf[name]), [], {
      execArgv: [...flags[name]],
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
      kill: (signal) => void child.kill(signal),
    };
  };
}

function sendTo(child: ChildProcess, message: object): void {
  // The callback form: an error of a channel that has just closed must not be thrown as an event.
  if (child.connected) child.send(message, () => undefined);
}

function readLines(stream: Readable | null, line: (text: string) => void): void {
  if (stream === null) return;
  let lines = 0;
  createInterface({ input: stream }).on("line", (text) => {
    if (text !== "" && lines++ < MOST_LINES) line(text.slice(0, LONGEST_LINE));
  });
}

/** What systemd, or a debugger's user, told the supervisor is not meant for its children. */
const OURS_ALONE = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "NODE_OPTIONS"];

function childEnvironment(): NodeJS.ProcessEnv {
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS_ALONE.includes(name)));
  // One arena of malloc for all threads keeps resident memory small (mallopt(3), M_ARENA_MAX).
  return { ...rest, MALLOC_ARENA_MAX: "1" };
}
