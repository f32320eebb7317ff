// 50 instances at the shortest interval: what they cost, how even their adverts are, and whether the backup takes over
// from a master that lives while every core is busy.

import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import { Trace } from "../test/lab/trace.js";
import { loadEveryCore } from "./load.js";
import { watchMachine } from "../test/lab/machine.js";
import type { Packet } from "./packets.js";
import { readPackets } from "./packets.js";
import type { Kind } from "./pair.js";
import { ADDRESS, Pair } from "./pair.js";
import { cpuShare } from "./processes.js";
import type { Figures, Measurement, Row } from "./row.js";
import { atMost } from "./row.js";

const INSTANCES = 50;
const INTERVAL = milliseconds(10);
const CALM = seconds(7);
const CPU_WINDOW = seconds(10);
const LOADED = seconds(60);
/** Three seconds of adverts fit in the kernel's buffer (KiB): tcpdump is an ordinary process among the busy ones. */
const FLAGS = ["-s", "96", "-B", "32768"];

type Measured = {
  readonly master: number;
  readonly backup: number;
  readonly flaps: number;
  readonly p50: number;
  readonly p99: number;
  /** The longest that the machine let a real-time process wait meanwhile, in ms. */
  readonly machine: number;
};

/** How far each gap between two adverts of an instance is from the interval, in ms, smallest first. */
function unevenness(packets: readonly Packet[]): number[] {
  const last = new Map<number, number>();
  const values: number[] = [];
  for (const { at, vrid } of packets) {
    const before = last.get(vrid);
    if (before !== undefined) values.push(Math.abs(at - before - INTERVAL));
    last.set(vrid, at);
  }
  return values.sort((a, b) => a - b);
}

/** Adverts of the backup that follow one of the master's, for each instance. */
function flapsIn(packets: readonly Packet[]): number {
  const sender = new Map<number, string>();
  let flaps = 0;
  for (const { vrid, address } of packets) {
    if (address === ADDRESS.lb2 && sender.get(vrid) !== address) flaps++;
    sender.set(vrid, address);
  }
  return flaps;
}

async function underLoad(pair: Pair): Promise<Omit<Measured, "master" | "backup">> {
  const rest = loadEveryCore();
  const witness = watchMachine();
  try {
    await pause(3000);
    const trace = await Trace.start(pair.lab, pair.hosts.observer, "ip proto 112", "eth0", FLAGS);
    await pause(LOADED);
    await trace.stop();
    const packets = readPackets(trace.path);
    const gaps = unevenness(packets.filter(({ address }) => address === ADDRESS.lb1));
    // A capture that saw next to nothing must not count as success.
    if (gaps.length < (INSTANCES * LOADED) / INTERVAL / 2)
      throw new Error(`only ${gaps.length} adverts were seen`);
    const at = (share: number): number => gaps[Math.floor(gaps.length * share)] ?? NaN;
    return { flaps: flapsIn(packets), p50: at(0.5), p99: at(0.99), machine: (await witness.waits()).worst };
  } finally {
    await witness.waits().catch(() => undefined);
    rest();
  }
}

async function run(kind: Kind): Promise<Measured> {
  const pair = await Pair.create({ kind, interval: INTERVAL, instances: INSTANCES });
  try {
    await pair.settle(CALM);
    const [master, backup] = await Promise.all([
      cpuShare(pair.pids("lb1"), CPU_WINDOW),
      cpuShare(pair.pids("lb2"), CPU_WINDOW),
    ]);
    return { master, backup, ...(await underLoad(pair)) };
  } finally {
    pair.close();
  }
}

type Aim = readonly [keyof Measured, string, Pick<Row, "unit" | "target" | "reached">];
const CPU = { unit: "%", target: "<= 1.0 x", reached: atMost(1) };
const EVEN = { unit: "ms", target: "reported", reached: () => true };
const FLAPS = { unit: "", target: "0", reached: (vipd: number) => vipd === 0 };
const AIMS: readonly Aim[] = [
  ["master", `CPU of the master, ${INSTANCES} instances, adverts 10 ms`, CPU],
  ["backup", `CPU of the backup, ${INSTANCES} instances, adverts 10 ms`, CPU],
  ["flaps", `false takeovers of the same in ${LOADED / 1000} s, every core busy`, FLAPS],
  ["p50", "their advert gaps off the interval by, p50", EVEN],
  ["p99", "the same, p99", EVEN],
  ["machine", "longest wait of any real-time process meanwhile", EVEN],
];

export const fast: Measurement = {
  name: "fast",
  summary: `${INSTANCES} instances, adverts every 10 ms: CPU, and evenness and flaps with every core busy`,
  async measure(kinds, say) {
    const measured: Partial<Record<Kind, Measured>> = {};
    for (const kind of kinds) {
      say(`fast: ${kind}, ${INSTANCES} instances, ${(CPU_WINDOW + LOADED) / 1000} s`);
      measured[kind] = await run(kind);
    }
    return AIMS.map(([key, what, rest]) => {
      const figures: Figures = {};
      for (const kind of kinds) if (measured[kind] !== undefined) figures[kind] = measured[kind][key];
      return { what, figures, ...rest };
    });
  },
};
