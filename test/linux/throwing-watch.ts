// Started by native-arguments.test.ts in a process of its own: throws inside a watch's callback.

import { native } from "../../src/linux/native.js";

const fd = native.timerfdCreate();
const handle = native.pollNew(fd, () => {
  if (typeof handle !== "number") native.pollFree(handle);
  throw new Error("from the callback");
});
process.on("uncaughtException", (error) => {
  process.stdout.write(`uncaught: ${error.message}\n`);
});
if (typeof handle !== "number") native.pollStart(handle, 1);
native.timerfdSet(fd, 1);
