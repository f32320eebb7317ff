// A pair of directors of either kind on one switch, with an observer: what every VRRP measurement stands on. The
// better one is lb1 (priority 200), the other lb2 (priority 100). Measures nothing itself.

import { readFileSync } from "node:fs";
import type { Milliseconds } from "../src/core/units.js";
import { seconds } from "../src/core/units.js";
import { Capture } from "../test/lab/capture.js";
import { startKeepalived, startVipd } from "../test/lab/directors.js";
import type { Host } from "../test/lab/host.js";
import { Lab } from "../test/lab/lab.js";
import type { LabProcess } from "../test/lab/process.js";
import { until } from "../test/lab/wait.js";

export const KINDS = ["keepalived", "vipd"] as const;
export type Kind = (typeof KINDS)[number];
export type Side = "lb1" | "lb2";

export const ADDRESS = { lb1: "10.20.0.1", lb2: "10.20.0.2" } as const;
const PRIORITY = { lb1: 200, lb2: 100 } as const;

/** RFC 9568 section 6.1, without rounding. */
export function masterDown(interval: Milliseconds, side: Side): number {
  return 3 * interval + ((256 - PRIORITY[side]) / 256) * interval;
}

/** The virtual address of instance `n`, 1..250. */
export const virtualAddress = (n: number): string => `10.20.1.${n}`;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

function vipdConfig(interval: Milliseconds, instances: number): string {
  const instance = (n: number): string =>
    `  i${n}: { interface: eth0, router-id: ${n}, advert-interval: ${interval}ms, addresses: [${virtualAddress(n)}/32] }`;
  return `nodes:
  lb1: { priority: ${PRIORITY.lb1} }
  lb2: { priority: ${PRIORITY.lb2} }
vrrp:
${numbers(instances).map(instance).join("\n")}
`;
}

function keepalivedConfig(side: Side, interval: Milliseconds, instances: number): string {
  const instance = (n: number): string => `vrrp_instance i${n} {
  state BACKUP
  interface eth0
  virtual_router_id ${n}
  priority ${PRIORITY[side]}
  advert_int ${interval / 1000}
  virtual_ipaddress {
    ${virtualAddress(n)}/32
  }
}
`;
  // The best that keepalived offers: real-time scheduling, which vipd has by default, and no detailed log. Without
  // the higher limit its own guard against loops kills it while it takes over 200 instances.
  return `global_defs {
  vrrp_version 3
  vrrp_rt_priority 50
  vrrp_rlimit_rttime 2000000
}
${numbers(instances).map(instance).join("")}`;
}

export class Pair {
  readonly lab = new Lab();
  readonly #kind: Kind;
  readonly #interval: Milliseconds;
  readonly #instances: number;
  readonly #hosts: Record<Side, Host>;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #config: string;
  readonly capture: Capture;

  private constructor(lab: Lab, hosts: Record<Side, Host>, capture: Capture, options: PairOptions) {
    this.lab = lab;
    this.#hosts = hosts;
    this.capture = capture;
    this.#kind = options.kind;
    this.#interval = options.interval;
    this.#instances = options.instances ?? 1;
    this.#environment = options.environment ?? {};
    this.#config = lab.file("vipd.yaml", vipdConfig(this.#interval, this.#instances));
  }

  static async create(options: PairOptions): Promise<Pair> {
    const lab = new Lab();
    const box = lab.bridge("sw");
    const [lb1, lb2, observer] = lab.hosts("lb1", "lb2", "obs");
    lab.plug(box, [
      { host: lb1, interface: "eth0", addresses: [`${ADDRESS.lb1}/16`] },
      { host: lb2, interface: "eth0", addresses: [`${ADDRESS.lb2}/16`] },
      { host: observer, interface: "eth0" },
    ]);
    return new Pair(lab, { lb1, lb2 }, await Capture.start(observer, "eth0"), options);
  }

  start(side: Side): LabProcess {
    const host = this.#hosts[side];
    return this.#kind === "vipd"
      ? startVipd(this.lab, host, this.#config, { env: this.#environment })
      : startKeepalived(this.lab, host, keepalivedConfig(side, this.#interval, this.#instances), {
          vrrpOnly: true,
        });
  }

  /** Waits until `side` alone sends adverts, of all instances. */
  async masterIs(side: Side, since: number): Promise<void> {
    await until(`${side} (${this.#kind}) to be master of ${this.#instances}`, seconds(30), () => {
      const adverts = this.capture.adverts(ADDRESS[side]).filter((seen) => seen.at > since);
      return new Set(adverts.map((seen) => seen.vrid)).size === this.#instances;
    });
  }

  /** kill -9 of every process of the director. The addresses it leaves are removed: the machine is thought dead. */
  kill(side: Side): void {
    this.#hosts[side].killAll();
    this.#hosts[side].ip("address flush dev eth0", `address add ${ADDRESS[side]}/16 dev eth0`);
  }

  pids(side: Side): number[] {
    return this.#hosts[side].pids();
  }

  close(): void {
    this.lab.close();
  }
}

export type PairOptions = {
  readonly kind: Kind;
  readonly interval: Milliseconds;
  readonly instances?: number;
  readonly environment?: Readonly<Record<string, string>>;
};

/** CPU time all these processes have used so far, in ms: user and system (proc(5), fields 14 and 15 of stat). */
export function cpuTime(pids: readonly number[]): Milliseconds {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks * 10) as Milliseconds;
}

/** Resident and proportional size of all these processes together, in kB. */
export function memory(pids: readonly number[]): { readonly rss: number; readonly pss: number } {
  const sum = { rss: 0, pss: 0 };
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    sum.rss += Number(/^Rss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    sum.pss += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }
  return sum;
}
