// What a third host's adverts that nobody may listen to do to a pair: how late the master's own leave, whether anybody
// changes its state, and what it costs. Beside a calm window of the same pair, because a busy machine delays both.

import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import { watchMachine } from "../test/lab/machine.js";
import { Trace } from "../test/lab/trace.js";
import { delays, readPackets } from "./packets.js";
import type { Kind } from "./pair.js";
import { ADDRESS, Pair } from "./pair.js";
import { cpuShare } from "./processes.js";
import type { Figures, Measurement, Row } from "./row.js";

/** The targets of the hostile sender are among them. */
const INSTANCES = 60;
const INTERVAL = milliseconds(50);
const RATE = 20_000;
const WINDOW = seconds(15);
/** The second burst of announcements is over. */
const CALM = seconds(8);
const SENDER = join(import.meta.dirname, "../test/interop/hostile-sender.js");
/** Of the sender and of the capture: before whatever else this machine does, and behind the directors. */
const AHEAD = ["chrt", "-f", "10"];
const FLAGS = ["-s", "96", "-B", "32768"];

type Seen = {
  /** The master's adverts, in percent of those that were due. */
  readonly share: number;
  readonly p50: number;
  readonly p99: number;
  /** Adverts of the backup. */
  readonly takeovers: number;
  readonly cpu: number;
  /** 99 of 100 wake-ups of any real-time process came up to so late, in ms. */
  readonly machine: number;
};
type Measured = { readonly calm: Seen; readonly fire: Seen };

async function look(pair: Pair): Promise<Seen> {
  const only = `ip proto 112 and (src host ${ADDRESS.lb1} or src host ${ADDRESS.lb2})`;
  const trace = await Trace.start(pair.lab, pair.hosts.observer, only, "eth0", FLAGS, AHEAD);
  const witness = watchMachine();
  const cpu = await cpuShare(pair.pids("lb1"), WINDOW);
  const { p99: machine } = await witness.waits();
  await trace.stop();
  const packets = readPackets(trace.path);
  const late = delays(
    packets.filter(({ address }) => address === ADDRESS.lb1),
    INTERVAL,
  );
  const at = (share: number): number => late[Math.floor(late.length * share)] ?? NaN;
  const takeovers = packets.filter(({ address }) => address === ADDRESS.lb2).length;
  const share = (100 * late.length * INTERVAL) / (INSTANCES * WINDOW);
  return { share, p50: at(0.5), p99: at(0.99), takeovers, cpu, machine };
}

async function run(kind: Kind): Promise<Measured> {
  const pair = await Pair.create({ kind, interval: INTERVAL, instances: INSTANCES });
  const { observer } = pair.hosts;
  try {
    observer.ip("route add 224.0.0.0/4 dev eth0");
    await pair.settle(CALM);
    const calm = await look(pair);
    // A capture that saw next to nothing must not count as success. Under fire it may be the director's doing.
    if (calm.share < 50) throw new Error(`only ${calm.share.toFixed(0)} % of the adverts were seen`);
    // It outlasts the window, in which a capture has to start, too.
    const words = [RATE, WINDOW / 1000 + 300, "10.20.0.9", "no-secrets"].map(String);
    const sender = observer.spawn(["env", ...AHEAD, process.execPath, SENDER, ...words]);
    await pause(1000);
    const fire = await look(pair);
    if (!sender.running) throw new Error("the hostile sender has ended");
    await sender.stop();
    return { calm, fire };
  } finally {
    pair.close();
  }
}

export const hostile: Measurement = {
  name: "hostile",
  summary: `${RATE} hostile adverts a second: lateness of the master's own, beside a calm window`,
  async measure(kinds, say) {
    const measured: Partial<Record<Kind, Measured>> = {};
    for (const kind of kinds) {
      say(`hostile: ${kind}, ${INSTANCES} instances, ${(2 * WINDOW) / 1000} s`);
      measured[kind] = await run(kind);
    }
    const of = (value: (one: Measured) => number): Figures => {
      const figures: Figures = {};
      for (const kind of kinds) if (measured[kind] !== undefined) figures[kind] = value(measured[kind]);
      return figures;
    };
    const { calm, fire } = measured.vipd ?? {};
    const most = Math.max(1, 2 * (calm?.p99 ?? 0), 2 * (fire?.machine ?? 0));
    const reported = { target: "reported", reached: () => true };
    const rows: Row[] = [
      {
        what: `adverts late by, ${INTERVAL} ms, calm, p50`,
        unit: "ms",
        figures: of((one) => one.calm.p50),
        ...reported,
      },
      { what: "the same, p99", unit: "ms", figures: of((one) => one.calm.p99), ...reported },
      {
        what: "of the machine meanwhile (cyclictest), p99",
        unit: "ms",
        figures: of((one) => one.calm.machine),
        ...reported,
      },
      {
        what: `late by, ${RATE} hostile adverts a second, p50`,
        unit: "ms",
        figures: of((one) => one.fire.p50),
        ...reported,
      },
      {
        what: "the same, p99",
        unit: "ms",
        figures: of((one) => one.fire.p99),
        target: "<= 1 ms",
        reached: (vipd) => vipd <= most,
        remark: "or twice the calm window's, or twice the machine's",
      },
      {
        what: "of the machine meanwhile (cyclictest), p99",
        unit: "ms",
        figures: of((one) => one.fire.machine),
        ...reported,
      },
      {
        what: "p99 under fire to calm",
        unit: "x",
        figures: of((one) => one.fire.p99 / one.calm.p99),
        ...reported,
      },
      {
        what: "adverts of the master that left under fire, of those due",
        unit: "%",
        figures: of((one) => one.fire.share),
        target: ">= 99 %",
        reached: (vipd) => vipd >= 99,
      },
      {
        what: "adverts of the backup under fire",
        unit: "",
        figures: of((one) => one.fire.takeovers),
        target: "0",
        reached: (vipd) => vipd === 0,
      },
      {
        what: "CPU of the master under fire",
        unit: "%",
        figures: of((one) => one.fire.cpu),
        ...reported,
        remark: "of what reached it",
      },
    ];
    return rows;
  },
};
