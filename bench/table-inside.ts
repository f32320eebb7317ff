// Runs where IPVS is (the test VM): starts each kind with 1,000 services of 10 real servers, and gives one line of
// JSON for each: how long until the kernel had the whole table, until a reload had changed one weight, and memory.

import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import { startKeepalived, startVipd } from "../test/lab/directors.js";
import type { Host } from "../test/lab/host.js";
import { Lab } from "../test/lab/lab.js";
import type { LabProcess } from "../test/lab/process.js";
import { until } from "../test/lab/wait.js";
import type { Kind } from "./pair.js";
import { memory } from "./pair.js";

/** `cold`: nothing of it was kept or runs by now; `known`: the file was read before. */
export type TableFigures = {
  readonly kind: Kind;
  readonly start: number;
  readonly knownStart?: number;
  readonly reload: number;
  readonly coldReload?: number;
  readonly memory: Memory;
  /** While the reader of the configuration waits for another file. */
  readonly memoryWithReader?: Memory;
};
type Memory = ReturnType<typeof memory>;

const SERVICES = 1000;
const SERVERS = 10;
const FIRST_WEIGHT = 77;
const SECOND_WEIGHT = 78;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const service = (n: number): string => `10.100.${n >> 8}.${n & 255}`;
const server = (n: number, m: number): string => `10.${200 + (n >> 8)}.${n & 255}.${m + 1}`;
/** The last server of the last service has the weight `last`. */
const weight = (n: number, m: number, last: number): number =>
  n === SERVICES - 1 && m === SERVERS - 1 ? last : 1;

function vipdConfig(last: number): string {
  const one = (n: number): string =>
    `  s${n}: { address: ${service(n)}:80, scheduler: rr, forwarding: nat, check: tcp, servers: [${numbers(
      SERVERS,
    )
      .map((m) => `{ address: ${server(n, m)}, weight: ${weight(n, m, last)} }`)
      .join(", ")}] }`;
  return `nodes:\n  lb1: {}\ndefaults: { check: { every: 10m, timeout: 5s } }\nservices:\n${numbers(SERVICES).map(one).join("\n")}\n`;
}

function keepalivedConfig(last: number): string {
  const one = (n: number): string => `virtual_server ${service(n)} 80 {
  lb_algo rr
  lb_kind NAT
  protocol TCP
  delay_loop 600
${numbers(SERVERS)
  .map(
    (m) =>
      `  real_server ${server(n, m)} 80 {\n    weight ${weight(n, m, last)}\n    TCP_CHECK {\n      connect_timeout 5\n    }\n  }\n`,
  )
  .join("")}}
`;
  return numbers(SERVICES).map(one).join("");
}

const ACCEPT_ALL = `require("node:net").createServer((s) => s.destroy()).listen(80, () => console.log("ready"))`;

/** A look at the whole table is work for the kernel too: not more often than this. */
const LOOK_EVERY = milliseconds(100);

/** Longer than the reader waits for another file after all that it does. */
const READER_GONE = seconds(150);
const LIMIT = seconds(240);

async function measure(kind: Kind): Promise<TableFigures> {
  const lab = new Lab();
  try {
    const host: Host = lab.host("lb1");
    // Every real server is this host itself, so that all checks succeed without 10,000 namespaces.
    host.ip("route add local 10.192.0.0/10 dev lo");
    await host.spawn([process.execPath, "-e", ACCEPT_ALL]).waitFor(/ready/, seconds(30));
    const others = host.pids();
    const text = kind === "vipd" ? vipdConfig : keepalivedConfig;
    const config = lab.file(kind, text(1));
    const servers = (): number => host.procNet("ip_vs").match(/->/g)?.length ?? 0;
    const pids = (): number[] => host.pids().filter((pid) => pid !== host.anchorPid && !others.includes(pid));

    const start = async (): Promise<{ readonly director: LabProcess; readonly took: number }> => {
      host.procNet("ip_vs");
      const began = performance.now();
      const director =
        kind === "vipd"
          ? startVipd(lab, host, config)
          : startKeepalived(lab, host, text(1), { configPath: config, terse: true });
      const what = `the table of ${kind} (it said:\n${director.text.slice(-2000)})`;
      await until(what, LIMIT, () => servers() >= SERVICES * SERVERS, LOOK_EVERY);
      return { director, took: performance.now() - began };
    };
    const reload = async (director: LabProcess, last: number): Promise<number> => {
      writeFileSync(config, text(last));
      const asked = performance.now();
      director.kill("SIGHUP");
      const isThere = (): boolean => host.procNet("ip_vs").includes(` ${last} `);
      await until(`the reload of ${kind}`, LIMIT, isThere, LOOK_EVERY);
      return performance.now() - asked;
    };

    const { director, took } = await start();
    // Its first look at the servers and whatever else it does after a start is over by then.
    await pause(10_000);
    const early = memory(pids());
    const figures = { kind, start: took, reload: await reload(director, FIRST_WEIGHT) };
    if (kind !== "vipd") return { ...figures, memory: early };

    const processes = 3;
    await until("the end of the reader", READER_GONE, () => pids().length === processes, LOOK_EVERY);
    const late = memory(pids());
    const coldReload = await reload(director, SECOND_WEIGHT);
    director.kill();
    await until("the end of vipd", LIMIT, () => !director.running && servers() === 0, LOOK_EVERY);
    // What was kept is the file of the first reload: of the second, nothing was yet.
    writeFileSync(config, text(FIRST_WEIGHT));
    const again = await start();
    return { ...figures, coldReload, knownStart: again.took, memory: late, memoryWithReader: early };
  } finally {
    lab.close();
  }
}

for (const kind of process.argv.slice(2)) {
  if (kind !== "vipd" && kind !== "keepalived") continue;
  try {
    console.log(JSON.stringify(await measure(kind)));
  } catch (error) {
    console.log(`${kind}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
