// Whether a backup takes over from a master that lives, at the shortest interval, while the machine is as busy as it
// can be: a loop on every core, and vipd's supervisor itself doing nothing but making and collecting garbage.

import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import type { Seen } from "../test/lab/capture.js";
import { wallClock } from "../test/lab/wait.js";
import type { Kind } from "./pair.js";
import { GARBAGE_AFTER_MS } from "./garbage-timing.js";
import { GARBAGE, loadEveryCore } from "./load.js";
import { ADDRESS, Pair } from "./pair.js";
import type { Measurement } from "./row.js";

const WINDOW = seconds(60);

/** Every change of sender from the master to the backup is one. */
function takeovers(seen: readonly Seen[], since: number): number {
  const adverts = seen.filter((one) => one.kind === "advert").filter((one) => one.at > since);
  return adverts.filter(
    (advert, i) => advert.source === ADDRESS.lb2 && adverts[i - 1]?.source !== ADDRESS.lb2,
  ).length;
}

async function count(kind: Kind): Promise<number> {
  // Only the director's own main process takes NODE_OPTIONS; its other processes are started without.
  const environment = { NODE_OPTIONS: `--import=${GARBAGE}` };
  const pair = await Pair.create({ kind, interval: milliseconds(10), environment });
  let rest: (() => void) | undefined;
  try {
    await pair.startMaster();
    pair.start("lb2");
    // Both run before the load comes: how long a start takes under it is another question.
    await pause(GARBAGE_AFTER_MS);
    rest = loadEveryCore();
    await pause(3000);
    const since = wallClock();
    await pause(WINDOW);
    const sent = pair.capture.adverts(ADDRESS.lb1).filter((advert) => advert.at > since).length;
    // A capture that saw next to nothing, or a master that was never there, must not count as success.
    if (sent < WINDOW / 10 / 2) throw new Error(`${kind}: only ${sent} adverts of the master were seen`);
    return takeovers(pair.capture.seen, since);
  } finally {
    rest?.();
    pair.close();
  }
}

export const falseTakeover: Measurement = {
  name: "false-takeover",
  summary: `false takeovers in ${WINDOW / 1000} s at 10 ms adverts, every core busy`,
  async measure(kinds, say) {
    const figures: Partial<Record<Kind, number>> = {};
    for (const kind of kinds) {
      say(`false-takeover: ${kind}, ${WINDOW / 1000} s with every core busy`);
      figures[kind] = await count(kind);
    }
    const reached = (vipd: number): boolean => vipd === 0;
    return [
      {
        what: `false takeovers, adverts 10 ms, every core busy, ${WINDOW / 1000} s`,
        unit: "",
        figures,
        target: "0",
        reached,
      },
    ];
  },
};
