// Runs where IPVS is (the test VM): starts each kind with 1,000 services of 10 real servers, and gives one line of
// JSON for each: how long until the kernel had the whole table, until a reload had changed one weight, and memory.

import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { milliseconds, seconds } from "../src/core/units.js";
import { startKeepalived, startVipd } from "../test/lab/directors.js";
import type { Host } from "../test/lab/host.js";
import { Lab } from "../test/lab/lab.js";
import { until } from "../test/lab/wait.js";
import type { Kind } from "./pair.js";
import { memory } from "./pair.js";

export type TableFigures = {
  readonly kind: Kind;
  readonly start: number;
  readonly reload: number;
  readonly rss: number;
  readonly pss: number;
};

const SERVICES = 1000;
const SERVERS = 10;
const CHANGED_WEIGHT = 77;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const service = (n: number): string => `10.100.${n >> 8}.${n & 255}`;
const server = (n: number, m: number): string => `10.${200 + (n >> 8)}.${n & 255}.${m + 1}`;
const weight = (n: number, m: number, changed: boolean): number =>
  changed && n === SERVICES - 1 && m === SERVERS - 1 ? CHANGED_WEIGHT : 1;

function vipdConfig(changed: boolean): string {
  const one = (n: number): string =>
    `  s${n}: { address: ${service(n)}:80, scheduler: rr, forwarding: nat, check: tcp, servers: [${numbers(
      SERVERS,
    )
      .map((m) => `{ address: ${server(n, m)}, weight: ${weight(n, m, changed)} }`)
      .join(", ")}] }`;
  return `nodes:\n  lb1: {}\ndefaults: { check: { every: 10m, timeout: 5s } }\nservices:\n${numbers(SERVICES).map(one).join("\n")}\n`;
}

function keepalivedConfig(changed: boolean): string {
  const one = (n: number): string => `virtual_server ${service(n)} 80 {
  lb_algo rr
  lb_kind NAT
  protocol TCP
  delay_loop 600
${numbers(SERVERS)
  .map(
    (m) =>
      `  real_server ${server(n, m)} 80 {\n    weight ${weight(n, m, changed)}\n    TCP_CHECK {\n      connect_timeout 5\n    }\n  }\n`,
  )
  .join("")}}
`;
  return numbers(SERVICES).map(one).join("");
}

const ACCEPT_ALL = `require("node:net").createServer((s) => s.destroy()).listen(80, () => console.log("ready"))`;

/** A look at the whole table is work for the kernel too: not more often than this. */
const LOOK_EVERY = milliseconds(100);

async function measure(kind: Kind): Promise<TableFigures> {
  const lab = new Lab();
  try {
    const host: Host = lab.host("lb1");
    // Every real server is this host itself, so that all checks succeed without 10,000 namespaces.
    host.ip("route add local 10.192.0.0/10 dev lo");
    await host.spawn([process.execPath, "-e", ACCEPT_ALL]).waitFor(/ready/, seconds(30));
    const others = host.pids();
    const config = lab.file(kind, kind === "vipd" ? vipdConfig(false) : keepalivedConfig(false));
    host.procNet("ip_vs");
    const began = performance.now();
    const director =
      kind === "vipd"
        ? startVipd(lab, host, config)
        : startKeepalived(lab, host, keepalivedConfig(false), { configPath: config, terse: true });
    const complete = (): boolean => (host.procNet("ip_vs").match(/->/g)?.length ?? 0) >= SERVICES * SERVERS;
    const limit = seconds(240);
    await until(
      `the table of ${kind} (it said:\n${director.text.slice(-2000)})`,
      limit,
      complete,
      LOOK_EVERY,
    );
    const start = performance.now() - began;

    // Its first look at the servers and whatever else it does after a start is over by then.
    await pause(10_000);
    const { rss, pss } = memory(host.pids().filter((pid) => pid !== host.anchorPid && !others.includes(pid)));
    writeFileSync(config, kind === "vipd" ? vipdConfig(true) : keepalivedConfig(true));
    const asked = performance.now();
    director.kill("SIGHUP");
    await until(`the reload of ${kind}`, limit, () => / 77 /.test(host.procNet("ip_vs")), LOOK_EVERY);
    return { kind, start, reload: performance.now() - asked, rss, pss };
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
