// Runs one checker once against something real on the loopback: real sockets, real programs, options read by
// the checker's own schema.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { CancelSource } from "../../src/checkers/cancel.js";
import type { CheckResult, CheckTarget, FailReason, PreparedCheck } from "../../src/checkers/checker.js";
import type { Trace } from "../../src/checkers/trace.js";
import { findChecker } from "../../src/checkers/registry.js";
import * as values from "../../src/config/values.js";
import { ip } from "../../src/core/address.js";
import { after, milliseconds } from "../../src/core/units.js";
import { monotonicNow } from "../../src/linux/clock.js";
import { udpDatagrams } from "../../src/linux/datagram.js";
import { tcpDialer } from "../../src/linux/dial.js";
import { Pings } from "../../src/linux/echo.js";
import { nodeTimers } from "../../src/linux/node-timers.js";
import { ProcessRunner } from "../../src/linux/process-runner.js";
import { trackFiles } from "../../src/linux/track-files.js";

const echo = new Pings();
import { readSecretFile } from "../../src/linux/secret-file.js";

export const LOOPBACK = ip("127.0.0.1");

export const target = (port: number): CheckTarget => ({
  service: "web",
  virtual: { kind: "address", protocol: "tcp", address: ip("192.0.2.80"), port: 80 },
  address: LOOPBACK,
  port,
});

export function readOptions(name: string, options: unknown): unknown {
  const checker = findChecker(name);
  assert.ok(checker !== undefined, `no checker ${name}`);
  return checker.options(values).parse(options);
}

/** Whether checks that can be prepared for many runs are, as the daemon does (prepared.test.ts). */
export const mode = { prepared: false };

export type Outcome = { readonly result: CheckResult; readonly gone: Promise<unknown> };

/** `timeout` in milliseconds; generous where the test is not about it. */
export const run = (
  name: string,
  options: unknown,
  where: CheckTarget | number,
  timeout?: number,
  trace?: Trace,
) => runRead(name, readOptions(name, options), where, timeout, trace);

/** The same with options as the schema gave them. */
async function runRead(
  name: string,
  options: unknown,
  where: CheckTarget | number,
  timeout = 20_000,
  trace?: Trace,
): Promise<Outcome> {
  const checker = findChecker(name);
  assert.ok(checker !== undefined, `no checker ${name}`);
  const cancel = new CancelSource();
  const deadline = after(nodeTimers.now(), milliseconds(timeout));
  const forget = nodeTimers.wakeAt(deadline, () => {
    cancel.cancel();
  });
  let gone: Promise<unknown> = Promise.resolve();
  const place = {
    target: typeof where === "number" ? target(where) : where,
    options: options as never,
    now: monotonicNow,
    wallTime: () => Date.now(),
    readSecret: readSecretFile,
    dialer: tcpDialer,
    datagrams: udpDatagrams,
    echo,
    files: trackFiles,
    runner: new ProcessRunner(),
  };
  const prepared = mode.prepared && trace === undefined ? checker.prepare?.(place) : undefined;
  if (prepared !== undefined) {
    const forgetCancel = cancel.onCancel(() => prepared.cancel());
    const result = await runPrepared(prepared);
    forgetCancel();
    forget();
    return { result, gone };
  }
  const result = await checker.check({
    ...place,
    deadline,
    timeout: milliseconds(timeout),
    cancel,
    trace,
    linger: (work) => {
      gone = work;
    },
  });
  forget();
  return { result, gone };
}

/** One run; the result as it is at its moment. */
export const runPrepared = (prepared: PreparedCheck): Promise<CheckResult> =>
  new Promise((resolve) => {
    let isStarting = true;
    prepared.start((result) => {
      assert.ok(!isStarting, "settled while it was started");
      resolve(structuredClone(result));
    }, monotonicNow());
    isStarting = false;
  });

export const check = async (...args: Parameters<typeof run>): Promise<CheckResult> =>
  (await run(...args)).result;

export const checkRead = async (...args: Parameters<typeof runRead>): Promise<CheckResult> =>
  (await runRead(...args)).result;

export function assertFails(result: CheckResult, reason: FailReason, detail: RegExp): void {
  assert.ok(!result.ok, `succeeded: ${result.detail}`);
  assert.equal(result.reason, reason, result.detail);
  assert.match(result.detail, detail);
}

export function assertUp(result: CheckResult, detail: RegExp): void {
  assert.ok(result.ok, `failed: ${result.ok ? "" : result.reason}: ${result.detail}`);
  assert.match(result.detail, detail);
}

/** Serves while `use` runs, then cuts every connection and closes. */
export async function serving<T>(server: Server, use: (port: number) => Promise<T>): Promise<T> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
  });
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, "close");
  }
}

/** A TCP server that does with each connection what it is told. */
export const talking = (talk: (socket: Socket) => void): Server =>
  createServer({ allowHalfOpen: true }, talk);

/** A port on which nobody listens. */
export async function closedPort(): Promise<number> {
  return serving(createServer(), (port) => Promise.resolve(port));
}
