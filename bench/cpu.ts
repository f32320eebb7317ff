// What a master of 200 instances costs: CPU time of all its processes while it sends adverts every 100 ms.

import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import type { Kind } from "./pair.js";
import { Pair, memory } from "./pair.js";
import { cpuShare } from "./processes.js";
import type { Measurement } from "./row.js";
import { atMost } from "./row.js";

const INSTANCES = 200;
const WINDOW = seconds(20);
/** By then the second burst of gratuitous ARPs (5 s after the takeover) is over. */
const CALM = seconds(8);

async function load(kind: Kind): Promise<{ readonly percent: number; readonly rss: number }> {
  const pair = await Pair.create({ kind, interval: milliseconds(100), instances: INSTANCES });
  try {
    await pair.startMaster();
    await pause(CALM);
    const pids = pair.pids("lb1");
    return { percent: await cpuShare(pids, WINDOW), rss: memory(pids).rss };
  } finally {
    pair.close();
  }
}

export const cpu: Measurement = {
  name: "cpu",
  summary: `CPU of the master of ${INSTANCES} instances, adverts every 100 ms`,
  async measure(kinds, say) {
    const percent: Partial<Record<Kind, number>> = {};
    const rss: Partial<Record<Kind, number>> = {};
    for (const kind of kinds) {
      say(`cpu: ${kind}, ${INSTANCES} instances, ${WINDOW / 1000} s`);
      const measured = await load(kind);
      percent[kind] = measured.percent;
      rss[kind] = measured.rss / 1024;
    }
    return [
      {
        what: `CPU of the master, ${INSTANCES} instances, adverts 100 ms`,
        unit: "%",
        figures: percent,
        target: "<= 1.0 x",
        reached: atMost(1),
      },
      {
        what: "resident memory of the same, all processes",
        unit: "MB",
        figures: rss,
        target: "reported",
        reached: () => true,
      },
    ];
  },
};
