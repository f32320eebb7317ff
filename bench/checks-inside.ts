// Runs where IPVS is (the test VM): one director after the other checks the same servers, and each figure is a line
// of JSON as soon as it is there.
//   usage: node checks-inside.js DIRECTOR,... MEASUREMENT...

import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds, type Milliseconds } from "../src/core/units.js";
import { busyShare } from "./busy.js";
import { PORTS, SERVERS, type Director, type Subject } from "./checks-config.js";
import { CheckNetwork } from "./checks-network.js";
import { KernelClock } from "./kernel-clock.js";

export type CheckFigure = {
  readonly director: Director;
  readonly figure: string;
  readonly value: number;
};

const WINDOW = seconds(30);
/**
 * By then the first checks are over, the rhythm of all is spread over the interval, and what a start leaves to do is done:
 * vipd prepares the table of the next start after half a minute, its reader of configurations goes after a minute, and
 * V8 optimizes what turns out to run often for another one.
 */
const CALM: Readonly<Record<Director, Milliseconds>> = {
  keepalived: seconds(10),
  vipd: seconds(150),
  ldirectord: seconds(10),
};
const LOOK = seconds(5);
const MOST_LOOKS = 8;
/** Between two looks at the table, where nothing is to be found out by them but that it is over. */
const SELDOM = milliseconds(250);
/** Per cent of the one core. */
const ALL = 95;
/** More than vipd takes to say that its checks were late: it looks once a minute. */
const LATE_LOOK = seconds(62);
/** vipd speaks of checks that began later than this. */
const NOT_LATE = 1;

const well = (): number => PORTS.well;
/** One server in a hundred. */
const isVictim = (n: number, m: number): boolean => m === SERVERS - 1 && n % 10 === 0;
const victims = (n: number, m: number): number => (isVictim(n, m) ? PORTS.victim : PORTS.well);
const amongHung = (n: number, m: number): number => (m < SERVERS / 2 ? PORTS.hung : victims(n, m));

const tell = (director: Director, figure: string, value: number): void =>
  console.log(JSON.stringify({ director, figure, value } satisfies CheckFigure));

/** Waits for the end of what a start leaves to do: until the machine is not less and less busy any more. */
async function calm(): Promise<void> {
  let before = Infinity;
  for (let look = 0; look < MOST_LOOKS; look++) {
    const share = await busyShare(LOOK);
    if (share < ALL && share > before * 0.8) return;
    before = share;
  }
}

/** `work` with the director checking; on a network of its own, so that nothing is left of another. */
async function withDirector(
  director: Director,
  subject: Subject,
  work: (network: CheckNetwork, idle: number) => Promise<void>,
  idleWindow = 0,
): Promise<void> {
  const network = new CheckNetwork();
  try {
    await network.prepare();
    const idle = idleWindow === 0 ? 0 : await busyShare(seconds(idleWindow));
    await network.start(director, subject);
    await pause(CALM[director]);
    await calm();
    await work(network, idle);
    await network.stop();
  } finally {
    network.close();
  }
}

const load =
  (figure: string, services: number, check: Subject["check"], lateness = false) =>
  async (director: Director): Promise<void> =>
    withDirector(
      director,
      { services, check, port: well },
      async (network, idle) => {
        tell(director, figure, (await busyShare(WINDOW)) - idle);
        if (network.count() < services * SERVERS)
          throw new Error(`servers were lost (it said:\n${network.said.slice(-1000)})`);
        if (!lateness || director !== "vipd") return;
        await pause(LATE_LOOK);
        const late = Array.from(network.said.matchAll(/began up to ([\d.]+)(m?s) late/g), ([, time, unit]) =>
          unit === "s" ? Number(time) : Number(time) / 1000,
        );
        tell(director, `${figure} late`, Math.max(NOT_LATE, ...late));
      },
      5,
    );

async function unreachable(director: Director): Promise<void> {
  const services = 200;
  const stay = (services * SERVERS) / 2;
  await withDirector(director, { services, check: "tcp", port: well }, async (network) => {
    // The end of a route, and any change of IPVS's table.
    const clock = new KernelClock({ cut: "inet_rtm_delroute", change: "ip_vs_genl_set_cmd" });
    try {
      network.cut(true);
      await network.wait("an end of the upper half", () => network.count() <= stay, SELDOM);
      if (network.count() !== stay) throw new Error("servers went that answered");
      const took = (clock.callsOf("change").at(-1) ?? NaN) - (clock.callsOf("cut")[0] ?? NaN);
      tell(director, "unreachable", took / 1000);
    } finally {
      clock.close();
    }
  });
}

const hung =
  (figure: string, port: Subject["port"], others: boolean) =>
  async (director: Director): Promise<void> =>
    withDirector(director, { services: 100, check: "http", port }, async (network) => {
      if (others) await network.wait("an end of those that hang", () => network.count(PORTS.hung) === 0);
      await pause(2000);
      const all = network.count(PORTS.victim);
      await network.hang();
      const began = performance.now();
      let sum = 0;
      let left = all;
      await network.wait("an end of the victims", () => {
        const now = network.count(PORTS.victim);
        sum += (left - now) * (performance.now() - began);
        left = now;
        return left === 0;
      });
      tell(director, figure, sum / all / 1000);
    });

const MEASUREMENTS: Readonly<Record<string, (director: Director) => Promise<void>>> = {
  tcp10: load("tcp10", 10, "tcp"),
  http10: load("http10", 10, "http"),
  tcp100: load("tcp100", 100, "tcp"),
  http100: load("http100", 100, "http"),
  tcp1000: load("tcp1000", 1000, "tcp", true),
  unreachable,
  "hung-well": hung("hung-well", victims, false),
  "hung-hung": hung("hung-hung", amongHung, true),
};
/** It checks one server after the other, and is here for the size that it is used at. */
const OF_LDIRECTORD = ["tcp10", "http10"];

const [directors = "", ...names] = process.argv.slice(2);
for (const name of names.length === 0 ? Object.keys(MEASUREMENTS) : names)
  for (const director of directors.split(",") as Director[]) {
    if (director === "ldirectord" && !OF_LDIRECTORD.includes(name)) continue;
    await MEASUREMENTS[name]?.(director).catch((error: unknown) => {
      process.exitCode = 1;
      console.log(`${director}, ${name}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
