// How late a takeover is: from the last advert of a master killed with kill -9 to the first gratuitous ARP of the
// backup, less the time the protocol itself prescribes. Both times are the kernel's, taken at a third host.

import { setTimeout as pause } from "node:timers/promises";
import type { Milliseconds } from "../src/core/units.js";
import { milliseconds, seconds } from "../src/core/units.js";
import { wallClock } from "../test/lab/wait.js";
import type { Kind } from "./pair.js";
import { virtualAddress } from "./pair-config.js";
import { ADDRESS, Pair, masterDown } from "./pair.js";
import type { Measurement, Row } from "./row.js";
import { atMost, median } from "./row.js";

const INTERVALS = [
  { interval: seconds(1), rounds: 11 },
  { interval: milliseconds(100), rounds: 11 },
  { interval: milliseconds(10), rounds: 21 },
];

async function oneRound(pair: Pair, interval: Milliseconds): Promise<number> {
  await pair.startMaster();
  // A calm second: lb2 has seen adverts and heard the end of the burst of gratuitous ARPs.
  await pause(Math.max(1000, 2 * interval) + Math.random() * interval);
  const killedAt = wallClock();
  pair.kill("lb1");
  const first = await pair.capture.waitFor(
    "an advert of lb2",
    seconds(20),
    (seen) => seen.kind === "advert" && seen.at > killedAt && seen.source === ADDRESS.lb2,
  );
  const last = pair.capture.adverts(ADDRESS.lb1).findLast((seen) => seen.at < first.at);
  if (last === undefined) throw new Error("no advert of lb1 was seen");
  // The announcement may come just before the advert or after it; that of an earlier takeover is long before.
  const arp = await pair.capture.waitFor(
    "a gratuitous ARP of lb2",
    seconds(20),
    (seen) =>
      seen.kind === "gratuitous-arp" &&
      seen.at > (last.at + first.at) / 2 &&
      seen.address === virtualAddress(1),
  );
  return arp.at - last.at - masterDown(interval, "lb2");
}

async function lateness(kind: Kind, interval: Milliseconds, rounds: number): Promise<number[]> {
  const pair = await Pair.create({ kind, interval });
  try {
    const began = wallClock();
    pair.start("lb2");
    await pair.masterIs("lb2", began);
    const values: number[] = [];
    for (let i = 0; i < rounds; i++) values.push(await oneRound(pair, interval));
    return values;
  } finally {
    pair.close();
  }
}

export const failover: Measurement = {
  name: "failover",
  summary: "kill -9 of the master to the first gratuitous ARP, over Master_Down_Interval",
  async measure(kinds, say) {
    const rows: Row[] = [];
    for (const { interval, rounds } of INTERVALS) {
      const figures: Partial<Record<Kind, number>> = {};
      const spread: string[] = [];
      for (const kind of kinds) {
        say(`failover: ${kind}, adverts every ${interval} ms, ${rounds} rounds`);
        const values = await lateness(kind, interval, rounds);
        figures[kind] = median(values);
        spread.push(`${kind} ${Math.min(...values).toFixed(2)}..${Math.max(...values).toFixed(2)}`);
      }
      const remark = `median of ${rounds}; ${spread.join(", ")}`;
      rows.push({
        what: `takeover over the protocol's time, adverts ${interval} ms`,
        unit: "ms",
        figures,
        target: "<= 1.0 x",
        reached: atMost(1),
        remark,
      });
    }
    return rows;
  },
};
