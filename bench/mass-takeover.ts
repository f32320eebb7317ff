// How long a takeover of 255 instances with 10 addresses each takes: from the end of the master (kill -9, link down) to
// the last address on the backup's interface, as its kernel reports it, and to the last first gratuitous ARP, as a third
// host sees it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import { Trace } from "../test/lab/trace.js";
import { wallClock } from "../test/lab/wait.js";
import { readPackets } from "./packets.js";
import type { Kind } from "./pair.js";
import { Pair, masterDown } from "./pair.js";
import type { Figures, Measurement } from "./row.js";
import { atMost, median } from "./row.js";

const INSTANCES = 255;
const EACH = 10;
const ROUNDS = 3;
const INTERVAL = milliseconds(100);

type Times = { readonly installed: number; readonly announced: number };

/** When each address was seen first; throws when it was not all of them. */
function lastOf(what: string, seen: Iterable<readonly [address: string, at: number]>): number {
  const first = new Map<string, number>();
  for (const [address, at] of seen) if (!first.has(address)) first.set(address, at);
  if (first.size !== INSTANCES * EACH) throw new Error(`${first.size} addresses were ${what}`);
  return Math.max(...first.values());
}

// [2026-01-31T12:00:00.123456] 2: eth0    inet 10.20.1.1/32 scope global eth0 ...
const ADDED = /^\[(\S+?)\d{3}\] \d+: eth0 +inet (10\.20\.[1-9]\d*\.\d+)\/32/;

function* added(path: string): Generator<readonly [string, number]> {
  for (const text of readFileSync(path, "utf8").split("\n")) {
    const [, at, address] = ADDED.exec(text) ?? [];
    if (at !== undefined && address !== undefined) yield [address, new Date(at).getTime()];
  }
}

function* announced(path: string, since: number): Generator<readonly [string, number]> {
  for (const { kind, address, at } of readPackets(path))
    if (kind === "gratuitous-arp" && at > since && /^10\.20\.[1-9]/.test(address)) yield [address, at];
}

async function oneRound(kind: Kind): Promise<Times> {
  const pair = await Pair.create({ kind, interval: INTERVAL, instances: INSTANCES, addressesEach: EACH });
  try {
    const { lb1, lb2, observer } = pair.hosts;
    await pair.startMaster();
    await pair.holds("lb1", seconds(60));
    pair.start("lb2");
    // The bursts of announcements are over, and the backup has settled.
    await pause(8000);
    if (pair.heldBy("lb2") > 0) throw new Error(`${kind}: the backup has addresses already`);
    await pair.capture.stop();
    const trace = await Trace.start(pair.lab, observer, "arp", "eth0", ["-s", "96", "-B", "16384"]);
    // It stamps what it reads: at once only when it is above the directors and never waits for who reads from it.
    const monitored = join(pair.lab.directory, "monitor");
    const ip = `exec chrt -f 60 ip -rcvbuf 33554432 -ts -o monitor address > ${monitored}`;
    const monitor = lb2.spawn(["sh", "-c", ip]);
    await pause(500);
    const pids = pair.pids("lb1");
    const killedAt = wallClock();
    lb1.killAll(pids);
    lb1.ip("link set eth0 down");
    await pair.holds("lb2", seconds(60));
    await pause(2000);
    await trace.stop();
    await monitor.stop();
    return {
      installed: lastOf("installed", added(monitored)) - killedAt,
      announced: lastOf("announced", announced(trace.path, killedAt)) - killedAt,
    };
  } finally {
    pair.close();
  }
}

export const massTakeover: Measurement = {
  name: "mass-takeover",
  summary: `takeover of ${INSTANCES} instances with ${EACH} addresses each, to the last address`,
  async measure(kinds, say) {
    const figures: Figures = {};
    const remarks: string[] = [];
    for (const kind of kinds) {
      const rounds: Times[] = [];
      for (let i = 0; i < ROUNDS; i++) {
        say(`mass-takeover: ${kind}, round ${i + 1} of ${ROUNDS}`);
        rounds.push(await oneRound(kind));
      }
      figures[kind] = median(rounds.map(({ installed, announced: last }) => Math.max(installed, last)));
      const of = (key: keyof Times): string => median(rounds.map((round) => round[key])).toFixed(0);
      remarks.push(`${kind} installed ${of("installed")}, announced ${of("announced")}`);
    }
    const beyond: Figures = {};
    for (const kind of kinds) beyond[kind] = (figures[kind] ?? NaN) - masterDown(INTERVAL, "lb2");
    return [
      {
        what: `takeover of ${INSTANCES} x ${EACH} addresses, from the kill to the last`,
        unit: "ms",
        figures,
        target: "<= 0.5 x",
        reached: atMost(0.5),
        remark: `adverts ${INTERVAL} ms, median of ${ROUNDS}; ${remarks.join("; ")}`,
      },
      {
        what: "the same over the protocol's time",
        unit: "ms",
        figures: beyond,
        target: "reported",
        reached: () => true,
      },
    ];
  },
};
