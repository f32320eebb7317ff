// Starts a process for each message of alerts (alert-worker.ts), and ends it when it takes too long.

import { spawn, type ChildProcess } from "node:child_process";
import type { AlertTargetConfig } from "../../config/model.js";
import { span } from "../../control/reason.js";
import { err, type Result } from "../../core/result.js";
import { seconds } from "../../core/units.js";
import type { Delivered, DeliveryRequest } from "../alerts/deliver.js";
import { jsonOf, mailOf } from "../alerts/message.js";
import type { Batch, Delivery } from "../alerts/target.js";
import { flagsOf, programWords } from "./programs.js";
import { childEnvironment } from "./child-environment.js";

/** For what does not heed its own time limit, and for the start of the process on a busy machine. */
const GRACE = seconds(10);
/** Bytes of its answer that are kept. */
const MOST_SAID = 10_000;

export function deliverByProcess(node: string, { by, timeout }: AlertTargetConfig, batch: Batch): Delivery {
  const request: DeliveryRequest = { by, timeout, mail: mailOf(node, batch), json: jsonOf(node, batch) };
  let worker: ChildProcess;
  try {
    worker = spawn(process.execPath, [...flagsOf.alerts, ...programWords("alerts")], {
      stdio: ["pipe", "pipe", "pipe"],
      env: childEnvironment(),
    });
  } catch (error) {
    return { done: Promise.resolve(notStarted(error as Error)), cancel: () => undefined };
  }
  const done = new Promise<Delivered>((resolve) => {
    let output = "";
    let said = "";
    const limit = setTimeout(() => worker.kill("SIGKILL"), timeout + GRACE);
    const end = (delivered: Delivered): void => {
      clearTimeout(limit);
      resolve(delivered);
    };
    worker.on("error", (error) => end(notStarted(error)));
    worker.on("close", (code, signal) => {
      const how =
        signal === null ? `exit code ${code ?? "?"}` : `killed by ${signal}, after ${span(timeout)} at most`;
      const trace = said.trim().split("\n")[0] ?? "";
      end(
        readAnswer(output) ??
          err(`the sending process ended without an answer: ${how}${trace === "" ? "" : `: ${trace}`}`),
      );
    });
    worker.stdout?.on("data", (bytes: Buffer) => (output = (output + bytes.toString()).slice(0, MOST_SAID)));
    worker.stderr?.on("data", (bytes: Buffer) => (said = (said + bytes.toString()).slice(0, MOST_SAID)));
    // A worker that died early does not read; its end is noticed above.
    worker.stdin?.on("error", () => undefined);
    worker.stdin?.end(`${JSON.stringify(request)}\n`);
  });
  return { done, cancel: () => void worker.kill("SIGKILL") };
}

const notStarted = (error: Error): Result<never, string> =>
  err(`the sending process cannot be started: ${error.message}`);

function readAnswer(output: string): Delivered | undefined {
  try {
    const value = JSON.parse(output) as Partial<{ ok: boolean; value: unknown; error: unknown }>;
    if (value.ok === true) return { ok: true, value: typeof value.value === "string" ? value.value : null };
    return value.ok === false ? err(String(value.error)) : undefined;
  } catch {
    return undefined;
  }
}
