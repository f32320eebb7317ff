// Started by native-arguments.test.ts in a process of its own: calls the addon with random arguments, seeded. The
// first argument, a number, is the seed and the second the number of calls. Sends to nobody but this host.

import { randomInt, seededRandom } from "../../src/core/random.js";
import { native } from "../../src/linux/native.js";

const seed = Number(process.argv[2] ?? 1);
const calls = Number(process.argv[3] ?? 100_000);
const random = seededRandom(seed);

const fd = native.socket(2, 2, 0);
const timer = native.timerfdCreate();
const watched = native.timerfdCreate();
const set = native.epollCreate();
const handle = native.pollNew(watched, () => undefined);
const loopback = Uint8Array.of(2, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
// Descriptors are our own or none, so that the fuzzer does not saw off the branch it sits on.
const values: readonly unknown[] = [
  fd,
  fd,
  fd,
  timer,
  set,
  2_000_000,
  0x7fffffff,
  -1,
  1,
  2,
  3,
  8,
  10,
  16,
  17,
  32,
  64,
  65,
  1000,
  65536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 53,
  -(2 ** 53),
  0.5,
  NaN,
  Infinity,
  null,
  null,
  null,
  undefined,
  true,
  false,
  "",
  "lo",
  "x".repeat(300),
  5n,
  {},
  [],
  handle,
  handle,
  () => undefined,
  loopback,
  new Uint8Array(0),
  new Uint8Array(1),
  new Uint8Array(8),
  new Uint8Array(64),
  new Uint8Array(2048),
  new Uint8Array(100_000),
  new Uint8Array(new SharedArrayBuffer(64)),
  new Int32Array(0),
  new Int32Array(1),
  new Int32Array(3),
  new Int32Array(64),
  new Int32Array(200),
  new Int32Array([5, -1, 2 ** 31 - 1]),
  new Float64Array(4),
  new Uint16Array(4),
  new DataView(new ArrayBuffer(8)),
  new ArrayBuffer(8),
];
// These would change the process itself; freeing the handle would end the interesting part early.
const spared = new Set(["setRealtime", "setNetns", "pollFree"]);
const names = Object.keys(native).filter((name) => !spared.has(name));
const functions = native as unknown as Record<string, (...args: readonly unknown[]) => unknown>;

const kept = new Set([0, 1, 2, fd, timer, watched, set]);
let lastMade: unknown;
for (let i = 0; i < calls; i++) {
  const name = names[randomInt(random, names.length)] as string;
  const args = Array.from({ length: randomInt(random, 11) }, () => values[randomInt(random, values.length)]);
  // Small numbers stand for lengths and flags; as descriptors they belong to Node.js.
  if (
    typeof args[0] === "number" &&
    args[0] < 2_000_000 &&
    args[0] !== fd &&
    args[0] !== timer &&
    args[0] !== set &&
    name !== "socket"
  )
    args[0] = fd;
  if (name === "close" && kept.has(args[0] as number)) continue;
  try {
    lastMade = functions[name]?.(...args);
    if (
      (name === "socket" || name === "timerfdCreate" || name === "epollCreate") &&
      typeof lastMade === "number" &&
      lastMade >= 0
    )
      native.close(lastMade);
    if (name === "pollNew" && typeof lastMade === "object" && lastMade !== null)
      native.pollFree(lastMade as never);
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof RangeError)) throw error;
  }
}
if (typeof handle !== "number") native.pollFree(handle);
