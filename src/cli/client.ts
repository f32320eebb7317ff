// The client's side of the control socket.

import { connect } from "node:net";
import { createInterface } from "node:readline";
import { parseReply, type Reply, type Request } from "../control/protocol.js";
import { controlSocketPath, DEFAULT_RUNTIME_DIRECTORY } from "../director/supervisor/runtime-directory.js";
import { EXIT, type ExitCode, type Options, type Output } from "./command.js";

export const runtimeDirectoryOf = (options: Options): string =>
  options.text("runtime-dir") ?? DEFAULT_RUNTIME_DIRECTORY;

/**
 * Sends one request and hands over the replies until the last. Gives "ok" when the answer was complete, else
 * the exit code, after it has said what was wrong.
 */
export function ask(
  directory: string,
  request: Request,
  output: Output,
  take: (reply: Exclude<Reply, { reply: "end" | "error" }>) => void,
): Promise<"ok" | ExitCode> {
  const path = controlSocketPath(directory);
  return new Promise((resolve) => {
    const socket = connect(path);
    let answered = false;
    const end = (result: "ok" | ExitCode): void => {
      resolve(result);
      socket.destroy();
    };
    socket.once("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      output.err(answered ? `vipd: the daemon hung up: ${error.message}\n` : noDaemon(path, error));
      end(error.code === "EACCES" ? EXIT.failed : EXIT.notRunning);
    });
    const lines = createInterface({ input: socket });
    // The same error arrives here too; it is answered above.
    lines.on("error", () => undefined);
    lines.on("line", (line) => {
      const reply = parseReply(line);
      answered = true;
      if (reply === undefined) return;
      if (reply.reply === "end") return end("ok");
      if (reply.reply === "error") {
        output.err(`vipd: ${reply.message}\n`);
        return end(EXIT.failed);
      }
      take(reply);
    });
    lines.on("close", () => {
      end(answered ? "ok" : EXIT.notRunning);
    });
  });
}

function noDaemon(path: string, error: NodeJS.ErrnoException): string {
  const texts: Readonly<Record<string, string>> = {
    ENOENT: `no daemon runs here: there is no ${path}. Start it with "vipd run", or give its --runtime-dir.`,
    ECONNREFUSED: `no daemon runs here: nobody listens on ${path} (left by a crash). Start it with "vipd run".`,
    EACCES: `${path}: permission denied. Only root may talk to the daemon.`,
  };
  return `vipd: ${texts[error.code ?? ""] ?? `${path}: ${error.message}`}\n`;
}
