// The client's side of the control socket. A daemon that is there but says nothing is not waited for without end.
// What requests and replies mean is not known here.

import { connect } from "node:net";
import { createInterface } from "node:readline";
import { parseReply, type Reply, type Request } from "../control/protocol.js";
import { span } from "../control/reason.js";
import { seconds, type Milliseconds } from "../core/units.js";
import {
  controlSocketPath,
  DEFAULT_RUNTIME_DIRECTORY,
  readPid,
} from "../director/supervisor/runtime-directory.js";
import { EXIT, type ExitCode, type Options, type Output } from "./command.js";

export const runtimeDirectoryOf = (options: Options): string =>
  options.text("runtime-dir") ?? DEFAULT_RUNTIME_DIRECTORY;

export type Patience = {
  /** After so long without a word the daemon is asked whether it lives; a reload or a stop may take longer. */
  readonly quiet: Milliseconds;
  /** How long it may take to answer that: it does nothing that takes long. */
  readonly answer: Milliseconds;
};
const PATIENCE: Patience = { quiet: seconds(2), answer: seconds(3) };
/** Of a daemon that answered and has nothing to say, as `events --follow` waits for, this is asked ever more rarely. */
const RAREST = seconds(30);

/**
 * Sends one request and hands over the replies until the last. Gives "ok" when the answer was complete, else
 * the exit code, after it has said what was wrong.
 */
export function ask(
  directory: string,
  request: Request,
  output: Output,
  take: (reply: Exclude<Reply, { reply: "end" | "error" }>) => void,
  patience: Patience = PATIENCE,
): Promise<"ok" | ExitCode> {
  const path = controlSocketPath(directory);
  return new Promise((resolve) => {
    const socket = connect(path);
    let connected = false;
    let replies = 0;
    let ended = false;
    let watch: NodeJS.Timeout | undefined;
    const end = (result: "ok" | ExitCode, problem?: string): void => {
      if (ended) return;
      ended = true;
      clearTimeout(watch);
      if (problem !== undefined) output.err(`vipd: ${problem}\n`);
      resolve(result);
      socket.destroy();
    };
    const lookAfter = (quiet: number): void => {
      const before = replies;
      const next = (): void => lookAfter(Math.min(quiet * 2, RAREST));
      watch = setTimeout(() => {
        if (replies !== before) return next();
        void answers(path, patience.answer).then((isAlive) => {
          if (ended) return;
          if (isAlive || replies !== before) return next();
          end(EXIT.noAnswer, silent(directory, quiet + patience.answer));
        });
      }, quiet);
    };
    lookAfter(patience.quiet);
    socket.once("connect", () => {
      connected = true;
      socket.write(`${JSON.stringify(request)}\n`);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (connected) end(EXIT.noAnswer, hungUp(directory, replies > 0));
      // The queue of connections that nobody accepts is full.
      else if (error.code === "EAGAIN") end(EXIT.noAnswer, silent(directory));
      else end(error.code === "EACCES" ? EXIT.failed : EXIT.notRunning, noDaemon(path, error));
    });
    const lines = createInterface({ input: socket });
    // The same error arrives here too; it is answered above.
    lines.on("error", () => undefined);
    lines.on("line", (line) => {
      const reply = parseReply(line);
      replies++;
      if (reply === undefined || ended) return;
      if (reply.reply === "end") return end("ok");
      if (reply.reply === "error") return end(EXIT.failed, reply.message);
      take(reply);
    });
    // Of an error the socket itself tells; this is a daemon that has ended, or one that wants no more clients.
    socket.on("close", (isError) => {
      if (!isError)
        setImmediate(() => (replies > 0 ? end("ok") : end(EXIT.noAnswer, hungUp(directory, false))));
    });
  });
}

/** Whether the daemon does anything at all: it answers this at once, or turns the connection away. */
function answers(path: string, within: Milliseconds): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (alive: boolean): void => {
      clearTimeout(timer);
      resolve(alive);
      socket.destroy();
    };
    const timer = setTimeout(() => end(false), within);
    const nothing: Request = { request: "events", follow: false, last: 0 };
    socket.once("connect", () => socket.write(`${JSON.stringify(nothing)}\n`));
    socket.once("data", () => end(true));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code !== "EAGAIN"));
    socket.once("close", () => end(true));
  });
}

function daemonOf(directory: string): string {
  const pid = readPid(directory);
  return pid === undefined ? "the daemon" : `the daemon, pid ${pid},`;
}

const silent = (directory: string, ms?: number): string =>
  `${daemonOf(directory)} does not answer${ms === undefined ? "" : ` for ${span(ms)}`}; is it stopped, or the machine overloaded?`;

const hungUp = (directory: string, within: boolean): string =>
  within
    ? `${daemonOf(directory)} hung up in the middle of its answer`
    : `${daemonOf(directory)} hung up without an answer: it has too many clients, or is about to end. Try again.`;

function noDaemon(path: string, error: NodeJS.ErrnoException): string {
  const texts: Readonly<Record<string, string>> = {
    ENOENT: `no daemon runs here: there is no ${path}. Start it with "vipd run", or give its --runtime-dir.`,
    ECONNREFUSED: `no daemon runs here: nobody listens on ${path} (left by a crash). Start it with "vipd run".`,
    EACCES: `${path}: permission denied. Only root may talk to the daemon.`,
  };
  return texts[error.code ?? ""] ?? `${path}: ${error.message}`;
}
