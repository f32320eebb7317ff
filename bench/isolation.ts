// Where the VRRP engine runs, and by which transport: how late its adverts are while a garbage maker runs next
// to it and every core is busy, and what a keepalived in BACKUP makes of that. The figures of docs/adr/0002
// and 0003. Run: node build/bench/isolation.js [SECONDS]

import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { seconds } from "../src/core/units.js";
import { flagsOf } from "../src/director/supervisor/programs.js";
import { startKeepalived } from "../test/lab/directors.js";
import { Lab } from "../test/lab/lab.js";
import type { SubjectOptions, SubjectResult } from "./isolation-subject.js";

const SUBJECT = join(import.meta.dirname, "isolation-subject.js");
const LASTS = Number(process.argv[2] ?? 20);

const keepalivedConfig = (interval: number): string => `
global_defs {
  vrrp_version 3
}
vrrp_instance web {
  state BACKUP
  interface eth0
  virtual_router_id 1
  priority 100
  advert_int ${interval / 1000}
  virtual_ipaddress { 10.97.1.1/24 }
}
`;

async function measure(
  options: SubjectOptions,
  loaded: boolean,
): Promise<SubjectResult & { takeovers: number }> {
  const lab = new Lab();
  const others: ReturnType<typeof spawn>[] = [];
  try {
    const [us, them] = lab.hosts("us", "them");
    lab.cable(us, "eth0", them, "eth0");
    us.ip("address add 10.97.0.2/16 dev eth0");
    them.ip("address add 10.97.0.3/16 dev eth0");
    const keepalived = startKeepalived(lab, them, keepalivedConfig(options.interval), { vrrpOnly: true });
    await keepalived.waitFor(/Entering MASTER STATE/, seconds(10));
    const before = keepalived.lines.length;
    if (options.place === "process")
      others.push(spawn(process.execPath, [SUBJECT, JSON.stringify({ ...options, place: "garbage" })]));
    for (let i = 0; loaded && i < availableParallelism(); i++)
      others.push(spawn("sh", ["-c", "while :; do :; done"]));
    const flags = options.place === "process" ? flagsOf.vrrp : [];
    const subject = us.spawn([process.execPath, ...flags, SUBJECT, JSON.stringify(options)]);
    const line = await subject.waitFor(/^\{/, seconds(LASTS + 20));
    const takeovers = keepalived.lines
      .slice(before)
      .filter(({ text }) => /Entering MASTER STATE/.test(text)).length;
    return { ...(JSON.parse(line.text) as SubjectResult), takeovers };
  } finally {
    for (const other of others) other.kill("SIGKILL");
    lab.close();
  }
}

const show = (
  name: string,
  { p50, p99, max, cpu, takeovers }: SubjectResult & { takeovers: number },
): void => {
  const figures = [p50, p99, max].map((ms) => ms.toFixed(2).padStart(8)).join(" ");
  console.log(
    `${name.padEnd(44)} ${figures} ms ${cpu.toFixed(1).padStart(6)} % ${String(takeovers).padStart(4)}`,
  );
};

console.log(`${"".padEnd(44)}   p50      p99      max late    CPU  false takeovers in ${LASTS} s`);
const base: SubjectOptions = {
  place: "process",
  transport: "native",
  realtime: true,
  instances: 1,
  interval: 10,
  seconds: LASTS,
};
for (const place of ["process", "thread", "same"] as const)
  for (const realtime of [true, false])
    show(
      `${place}, ${realtime ? "SCHED_FIFO" : "ordinary"}, garbage and busy cores`,
      await measure({ ...base, place, realtime }, true),
    );
for (const transport of ["native", "raw-socket"] as const) {
  show(`process, SCHED_FIFO, ${transport}, busy cores`, await measure({ ...base, transport }, true));
  show(
    `200 instances at 100 ms, ${transport}`,
    await measure({ ...base, transport, instances: 200, interval: 100 }, false),
  );
}
