// Runs the short-lived process that reads the configuration (config-worker.ts), and takes its answer. Of a large file
// of which a few services have changed, the process is given these alone (config/splice.ts).

import { spawn, type ChildProcess } from "node:child_process";
import type { ServiceConfig } from "../../config/model.js";
import { findSplice, fits, splicedStarts, type LineShift } from "../../config/splice.js";
import { readConfigFile } from "../../linux/config-file.js";
import {
  servicesOf,
  servicesToJson,
  servicesToLines,
  type ConfigHead,
  type LoadConfig,
  type LoadedConfig,
  type LoadOutcome,
} from "./config-source.js";
import { flagsOf, programWords } from "./programs.js";
import { childEnvironment } from "./spawn.js";

/** A file of a hundred thousand lines is read in a second or two; this is for a process that hangs. */
const WITHIN_MS = 60_000;
/** Bytes of its complaints that are kept. */
const MOST_SAID = 10_000;

/** What the worker reads. */
export type WorkerRequest = {
  readonly path: string;
  readonly node?: string;
  /** The file; without it the worker reads it, and says why it cannot. */
  readonly text?: string;
  /** The text is a part of the file: where its lines stand there. */
  readonly shifts?: readonly LineShift[];
  readonly previous?: Pick<LoadedConfig, "head" | "servicesJson">;
};

/** What the worker writes: one line of this, and when `ok` the services. */
export type WorkerAnswer =
  | {
      readonly ok: true;
      readonly head: ConfigHead;
      readonly services: number;
      readonly servers: number;
      readonly warnings: readonly string[];
      readonly changes: readonly string[];
      readonly starts?: readonly number[];
    }
  | { readonly ok: false; readonly problems: readonly string[]; readonly report: string };

export const loadConfigInProcess: LoadConfig = async ({ path, node, previous }) => {
  const file = readConfigFile(path);
  const request = {
    path,
    ...(node === undefined ? {} : { node }),
    ...(file.ok ? { text: file.value } : {}),
  };
  const spliced =
    file.ok && previous !== undefined ? await loadChanged(request, file.value, previous) : undefined;
  if (spliced !== undefined) return spliced;
  if (previous === undefined) return ask(request, request.text);
  const { head, servicesJson } = previous;
  return ask({ ...request, previous: { head, servicesJson } }, request.text);
};

/** Reads the services that have changed, when nothing else has. Undefined: everything is to be read. */
async function loadChanged(
  request: WorkerRequest,
  text: string,
  previous: LoadedConfig,
): Promise<LoadOutcome | undefined> {
  const { source, head } = previous;
  const splice = source === undefined ? undefined : findSplice(source, text);
  if (source === undefined || splice === undefined) return undefined;
  const { first, count, reduced, shifts } = splice;
  const lines = servicesToLines(previous.servicesJson);
  const servicesJson = servicesToJson(lines.slice(first, first + count));
  const outcome = await ask({ ...request, text: reduced, shifts, previous: { head, servicesJson } }, reduced);
  if (!outcome.ok || outcome.config.source === undefined) return undefined;
  const { config } = outcome;
  const [before, changed] = [servicesOf({ servicesJson }), servicesOf(config)];
  const starts = splicedStarts(source, splice, outcome.config.source.starts);
  const isSame = JSON.stringify(config.head) === JSON.stringify(head);
  if (starts === undefined || !isSame || !fits(before, changed)) return undefined;
  lines.splice(first, count, ...servicesToLines(config.servicesJson));
  return {
    ...outcome,
    config: {
      ...previous,
      servicesJson: servicesToJson(lines),
      servers: previous.servers - countServers(before) + config.servers,
      source: { text, starts },
    },
    changed,
  };
}

const countServers = (services: readonly ServiceConfig[]): number =>
  services.reduce((sum, { servers }) => sum + servers.length, 0);

/** Runs a worker; `text` is what it reads. Whatever goes wrong is an outcome: a failed reload ends nothing. */
const ask = (request: WorkerRequest, text: string | undefined): Promise<LoadOutcome> =>
  new Promise((resolve) => {
    const fail = (why: string): void => resolve(failed(request.path, why));
    const notStarted = (error: unknown): void =>
      fail(`the config reader could not be started: ${(error as Error).message}`);
    let worker: ChildProcess;
    try {
      worker = spawn(process.execPath, [...flagsOf.config, ...programWords("config")], {
        stdio: ["pipe", "pipe", "pipe"],
        timeout: WITHIN_MS,
        killSignal: "SIGKILL",
        env: childEnvironment(),
      });
    } catch (error) {
      notStarted(error);
      return;
    }
    const output: Buffer[] = [];
    let said = "";
    worker.on("error", notStarted);
    worker.on("close", (code, signal) => {
      const how = signal === null ? `exit code ${code ?? "?"}` : `killed by ${signal}`;
      const complaint = said === "" ? "" : `: ${said.trim()}`;
      const isGood = signal === null && code === 0;
      const answer = isGood ? readAnswer(request.path, text, Buffer.concat(output)) : undefined;
      if (answer !== undefined) resolve(answer);
      else fail(`the config reader failed (${how})${complaint}`);
    });
    // Without a free descriptor there are no streams, and "error" says why.
    worker.stdout?.on("data", (bytes: Buffer) => output.push(bytes));
    worker.stderr?.on("data", (bytes: Buffer) => (said = (said + bytes.toString()).slice(0, MOST_SAID)));
    // A worker that died early does not read; its end is noticed above.
    worker.stdin?.on("error", () => undefined);
    worker.stdin?.end(JSON.stringify(request));
  });

/** Undefined: this is no answer of a reader. */
function readAnswer(path: string, text: string | undefined, output: Buffer): LoadOutcome | undefined {
  const end = output.indexOf(0x0a);
  if (end < 0) return undefined;
  let answer: WorkerAnswer;
  try {
    answer = JSON.parse(output.toString("utf8", 0, end)) as WorkerAnswer;
  } catch {
    return undefined;
  }
  if (!answer.ok) return answer;
  const { head, services, servers, warnings, changes, starts } = answer;
  const servicesJson = output.toString("utf8", end + 1).trimEnd();
  const source = text === undefined || starts === undefined ? {} : { source: { text, starts } };
  return {
    ok: true,
    config: { path, head, servicesJson, services, servers, ...source },
    warnings,
    changes,
  };
}

const failed = (path: string, problem: string): LoadOutcome => {
  const text = `${path}: ${problem}`;
  return { ok: false, problems: [text], report: text };
};
