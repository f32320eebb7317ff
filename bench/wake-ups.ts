// How often an idle director wakes up: one instance, adverts every second, as master and as backup.

import { setTimeout as pause } from "node:timers/promises";
import { seconds } from "../src/core/units.js";
import type { Kind, Side } from "./pair.js";
import { Pair } from "./pair.js";
import { sleeps } from "./processes.js";
import type { Figures, Measurement } from "./row.js";

const WINDOW = seconds(20);
const CALM = seconds(10);

async function rates(kind: Kind): Promise<Record<Side, number>> {
  const pair = await Pair.create({ kind, interval: seconds(1) });
  try {
    await pair.startMaster();
    pair.start("lb2");
    await pause(CALM);
    const pids = { lb1: pair.pids("lb1"), lb2: pair.pids("lb2") };
    const from = { lb1: sleeps(pids.lb1), lb2: sleeps(pids.lb2), at: performance.now() };
    await pause(WINDOW);
    const lasted = (performance.now() - from.at) / 1000;
    return { lb1: (sleeps(pids.lb1) - from.lb1) / lasted, lb2: (sleeps(pids.lb2) - from.lb2) / lasted };
  } finally {
    pair.close();
  }
}

export const wakeUps: Measurement = {
  name: "wake-ups",
  summary: "wake-ups per second of all processes of an idle director",
  async measure(kinds, say) {
    const master: Figures = {};
    const backup: Figures = {};
    for (const kind of kinds) {
      say(`wake-ups: ${kind}, ${WINDOW / 1000} s`);
      const { lb1, lb2 } = await rates(kind);
      master[kind] = lb1;
      backup[kind] = lb2;
    }
    const rest = { unit: "/s", target: "reported", reached: () => true };
    return [
      { what: "wake-ups of an idle master, adverts 1 s", figures: master, ...rest },
      { what: "wake-ups of its backup", figures: backup, ...rest },
    ];
  },
};
