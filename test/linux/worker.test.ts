// The addon in worker threads: each has watches of its own, and a worker that ends with open ones harms nobody.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { native } from "../../src/linux/native.js";

const file = fileURLToPath(new URL("./watching-worker.js", import.meta.url));

/** Starts a worker that watches; gives it once its first timer has fired. */
async function startWorker(): Promise<Worker> {
  const worker = new Worker(file);
  await new Promise<void>((resolve, reject) => {
    worker.once("message", () => {
      resolve();
    });
    worker.once("error", reject);
  });
  return worker;
}

test("workers are terminated with open watches, again and again, while the main thread goes on watching", async () => {
  const fd = native.timerfdCreate();
  let fired = 0;
  const handle = native.pollNew(fd, () => {
    native.timerfdRead(fd);
    fired += 1;
    native.timerfdSet(fd, native.now() + 1);
  });
  assert.ok(typeof handle !== "number");
  native.pollStart(handle, 1);
  native.timerfdSet(fd, 1);
  for (let round = 0; round < 12; round++) {
    const workers = await Promise.all([startWorker(), startWorker(), startWorker()]);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  const before = fired;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(fired > before, "the main thread's own watch still works");
  native.pollFree(handle);
  native.close(fd);
});

test("a worker that leaves by itself closes its watches", async () => {
  const worker = new Worker(file, { workerData: "leave" });
  const code = await new Promise((resolve) => worker.once("exit", resolve));
  assert.equal(code, 7);
});
