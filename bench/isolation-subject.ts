// One director of bench/isolation.ts: the VRRP engine on real sockets, and next to it a garbage maker. Where
// each of them runs is what is compared:
//   process  the engine alone in this process (the bench starts the garbage maker as another one)
//   thread   the engine in a worker thread, the garbage maker in the main thread
//   same     both in the main thread

import { readdirSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { milliseconds } from "../src/core/units.js";
import { VrrpEngine } from "../src/director/vrrp-engine.js";
import { openVrrpPorts } from "../src/director/vrrp-ports.js";
import { setRealtime } from "../src/linux/scheduling.js";
import type { VrrpProcessConfig } from "../src/config/model.js";
import { instance, vip } from "../test/vrrp/ip-packet.js";

export type Place = "process" | "thread" | "same" | "garbage";
export type SubjectOptions = {
  readonly place: Place;
  readonly transport: VrrpProcessConfig["transport"];
  readonly realtime: boolean;
  readonly instances: number;
  readonly interval: number;
  readonly seconds: number;
};
export type SubjectResult = {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly cpu: number;
  readonly adverts: number;
};

/** Keeps some tens of MB alive and replaces them all the time: young and old collections, as checks of many servers make. */
function makeGarbage(): void {
  const kept: object[][] = [];
  const turn = (): void => {
    for (let i = 0; i < 20; i++)
      kept.push(Array.from({ length: 1000 }, (_, n) => ({ n, text: `server ${n} of ${i}`, list: [n, i] })));
    if (kept.length > 400) kept.splice(0, 200);
    setImmediate(turn);
  };
  turn();
}

function runEngine(options: SubjectOptions, done: (result: SubjectResult) => void): void {
  const opened = openVrrpPorts(
    options.transport,
    { report: () => undefined, ownerAdded: () => undefined, turned: () => undefined },
    (ports) => new VrrpEngine(ports),
  );
  if (!opened.ok) throw new Error(opened.error);
  const engine = opened.value;
  const interval = milliseconds(options.interval);
  const announce = { repeat: 5, delay: milliseconds(0), refresh: milliseconds(0), refreshRepeat: 1 };
  engine.configure(
    Array.from({ length: options.instances }, (_, i) =>
      instance({
        name: `web${i}`,
        virtualRouterId: i + 1,
        priority: 200,
        advertInterval: interval,
        addresses: [vip(`10.97.1.${i + 1}/24`)],
        announce,
      }),
    ),
    [],
  );
  if (options.realtime) {
    const threads = options.place === "thread" ? [0] : readdirSync("/proc/self/task").map(Number);
    for (const tid of threads) setRealtime(50, tid);
  }
  const before = process.cpuUsage();
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before);
    const adverts = engine.status(0).reduce((sum, { adverts_sent: sent }) => sum + sent, 0);
    const { lateness } = engine;
    const result = { p50: lateness.quantile(0.5), p99: lateness.quantile(0.99), max: lateness.max };
    done({ ...result, cpu: (user + system) / 1000 / options.seconds / 10, adverts });
  }, options.seconds * 1000);
}

const finish = (result: SubjectResult): void => {
  process.stdout.write(JSON.stringify(result) + "\n", () => process.exit(0));
};

if (!isMainThread) {
  runEngine(workerData as SubjectOptions, (result) => parentPort?.postMessage(result));
} else {
  const options = JSON.parse(process.argv[2] ?? "") as SubjectOptions;
  if (options.place === "thread") {
    const worker = new Worker(new URL(import.meta.url), { workerData: options });
    worker.on("message", finish);
    makeGarbage();
  } else {
    if (options.place !== "garbage") runEngine(options, finish);
    if (options.place !== "process") makeGarbage();
  }
}
