// Runs the short-lived process that reads the configuration (config-worker.ts), and takes its answer.

import { spawn } from "node:child_process";
import type { ConfigHead, LoadConfig, LoadOutcome } from "./config-source.js";
import { flagsOf, programWords } from "./programs.js";

/** A file of a hundred thousand lines is read in a second or two; this is for a process that hangs. */
const WITHIN_MS = 60_000;
/** Bytes of its complaints that are kept. */
const MOST_SAID = 10_000;

/** What the worker writes: one line of this, and when `ok` a second line, the services. */
export type WorkerAnswer =
  | {
      readonly ok: true;
      readonly head: ConfigHead;
      readonly services: number;
      readonly servers: number;
      readonly warnings: readonly string[];
      readonly changes: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly string[]; readonly report: string };

export const loadConfigInProcess: LoadConfig = (request) =>
  new Promise((resolve) => {
    const worker = spawn(process.execPath, [...flagsOf.config, ...programWords("config")], {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: WITHIN_MS,
      killSignal: "SIGKILL",
    });
    const output: Buffer[] = [];
    let said = "";
    worker.stdout.on("data", (bytes: Buffer) => output.push(bytes));
    worker.stderr.on("data", (bytes: Buffer) => (said = (said + bytes.toString()).slice(0, MOST_SAID)));
    worker.on("error", (error) =>
      resolve(failed(request.path, `the config reader could not be started: ${error.message}`)),
    );
    worker.on("close", (code, signal) => {
      const answer =
        signal === null && code === 0 ? readAnswer(request.path, Buffer.concat(output)) : undefined;
      const how = signal === null ? `exit code ${code ?? "?"}` : `killed by ${signal}`;
      resolve(
        answer ??
          failed(request.path, `the config reader failed (${how})${said === "" ? "" : `: ${said.trim()}`}`),
      );
    });
    // A worker that died early does not read; its end is noticed above.
    worker.stdin.on("error", () => undefined);
    worker.stdin.end(JSON.stringify(request));
  });

function readAnswer(path: string, output: Buffer): LoadOutcome | undefined {
  const end = output.indexOf(0x0a);
  if (end < 0) return undefined;
  const answer = JSON.parse(output.toString("utf8", 0, end)) as WorkerAnswer;
  if (!answer.ok) return answer;
  const { head, services, servers, warnings, changes } = answer;
  const servicesJson = output.toString("utf8", end + 1).trimEnd();
  return { ok: true, config: { path, head, servicesJson, services, servers }, warnings, changes };
}

const failed = (path: string, problem: string): LoadOutcome => {
  const text = `${path}: ${problem}`;
  return { ok: false, problems: [text], report: text };
};
