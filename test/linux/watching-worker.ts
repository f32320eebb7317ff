// Started by worker.test.ts: keeps many watches busy until it is terminated, or leaves in the middle of a callback.

import { parentPort, workerData } from "node:worker_threads";
import { native } from "../../src/linux/native.js";

let told = false;
for (let i = 0; i < 20; i++) {
  const fd = native.timerfdCreate();
  const handle = native.pollNew(fd, () => {
    native.timerfdRead(fd);
    native.timerfdSet(fd, native.now() + 0.1);
    if (workerData === "leave") process.exit(7);
    if (!told) parentPort?.postMessage("watching");
    told = true;
  });
  if (typeof handle === "number") throw new Error(`pollNew: ${handle}`);
  native.pollStart(handle, 1);
  native.timerfdSet(fd, 1);
}
