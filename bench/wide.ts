// What 255 instances of each family cost, the master and the backup: CPU time of all processes while 5,100 adverts a
// second go from one to the other.

import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import type { Kind } from "./pair.js";
import { Pair } from "./pair.js";
import { cpuShare } from "./processes.js";
import type { Figures, Measurement } from "./row.js";
import { atMost } from "./row.js";

const INSTANCES = 255;
const WINDOW = seconds(20);
/** By then the second burst of announcements (5 s after the takeover) is over. */
const CALM = seconds(8);

async function load(kind: Kind): Promise<{ readonly master: number; readonly backup: number }> {
  const pair = await Pair.create({ kind, interval: milliseconds(100), instances: INSTANCES, families: 2 });
  try {
    await pair.startMaster();
    await pair.holds("lb1", seconds(30));
    pair.start("lb2");
    await pause(CALM);
    await pair.capture.stop();
    const [master, backup] = await Promise.all([
      cpuShare(pair.pids("lb1"), WINDOW),
      cpuShare(pair.pids("lb2"), WINDOW),
    ]);
    await pair.holds("lb1", milliseconds(0));
    if (pair.heldBy("lb2") > 0) throw new Error(`${kind}: the backup has addresses too`);
    return { master, backup };
  } finally {
    pair.close();
  }
}

export const wide: Measurement = {
  name: "wide",
  summary: `CPU of master and backup, ${INSTANCES} instances of each family, adverts every 100 ms`,
  async measure(kinds, say) {
    const master: Figures = {};
    const backup: Figures = {};
    for (const kind of kinds) {
      say(`wide: ${kind}, ${2 * INSTANCES} instances, ${WINDOW / 1000} s`);
      const measured = await load(kind);
      master[kind] = measured.master;
      backup[kind] = measured.backup;
    }
    const what = (side: string): string => `CPU of the ${side}, ${2 * INSTANCES} instances, adverts 100 ms`;
    const rest = { unit: "%", target: "<= 1.0 x", reached: atMost(1) };
    return [
      { what: what("master"), figures: master, ...rest },
      { what: what("backup"), figures: backup, ...rest },
    ];
  },
};
