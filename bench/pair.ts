// A pair of directors of either kind on one switch, with an observer: what every VRRP measurement stands on. The
// better one is lb1 (priority 200), the other lb2 (priority 100). Measures nothing itself.

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Milliseconds } from "../src/core/units.js";
import { milliseconds, seconds } from "../src/core/units.js";
import { Capture } from "../test/lab/capture.js";
import { startKeepalived, startVipd } from "../test/lab/directors.js";
import type { Host } from "../test/lab/host.js";
import { Lab } from "../test/lab/lab.js";
import type { LabProcess } from "../test/lab/process.js";
import { until, wallClock } from "../test/lab/wait.js";
import type { Layout, Side } from "./pair-config.js";
import { PRIORITY, heldIn, keepalivedConfig, vipdConfig } from "./pair-config.js";

export type { Side } from "./pair-config.js";
export const KINDS = ["keepalived", "vipd"] as const;
export type Kind = (typeof KINDS)[number];

export const ADDRESS = { lb1: "10.20.0.1", lb2: "10.20.0.2" } as const;

/** RFC 9568 section 6.1, without rounding. */
export function masterDown(interval: Milliseconds, side: Side): number {
  return 3 * interval + ((256 - PRIORITY[side]) / 256) * interval;
}

export class Pair {
  readonly lab: Lab;
  readonly hosts: Readonly<Record<Side | "observer", Host>>;
  readonly #kind: Kind;
  readonly #layout: Layout;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #config: string;
  readonly capture: Capture;

  private constructor(lab: Lab, hosts: Pair["hosts"], capture: Capture, options: PairOptions) {
    this.lab = lab;
    this.hosts = hosts;
    this.capture = capture;
    this.#kind = options.kind;
    this.#layout = { instances: 1, families: 1, addressesEach: 1, ...options };
    this.#environment = options.environment ?? {};
    this.#config = lab.file("vipd.yaml", vipdConfig(this.#layout));
  }

  static async create(options: PairOptions): Promise<Pair> {
    const lab = new Lab();
    const box = lab.bridge("sw");
    const [lb1, lb2, observer] = lab.hosts("lb1", "lb2", "obs");
    // Links that come up from now on have their own IPv6 address at once.
    for (const host of [lb1, lb2]) host.sysctl({ "net.ipv6.conf.default.accept_dad": 0 });
    lab.plug(box, [
      { host: lb1, interface: "eth0", addresses: [`${ADDRESS.lb1}/16`] },
      { host: lb2, interface: "eth0", addresses: [`${ADDRESS.lb2}/16`] },
      { host: observer, interface: "eth0" },
    ]);
    return new Pair(lab, { lb1, lb2, observer }, await Capture.start(observer, "eth0"), options);
  }

  start(side: Side): LabProcess {
    const host = this.hosts[side];
    return this.#kind === "vipd"
      ? startVipd(this.lab, host, this.#config, { env: this.#environment })
      : startKeepalived(this.lab, host, keepalivedConfig(side, this.#layout), {
          vrrpOnly: true,
          terse: true,
        });
  }

  /** Starts lb1, and waits until it is master of all IPv4 instances. */
  async startMaster(): Promise<void> {
    const began = wallClock();
    this.start("lb1");
    await this.masterIs("lb1", began);
  }

  /** Starts both, lets them be for as long as `calm`, and captures no more: what is measured is theirs alone. */
  async settle(calm: Milliseconds): Promise<void> {
    await this.startMaster();
    this.start("lb2");
    await pause(calm);
    await this.capture.stop();
  }

  /** Waits until `side` alone sends adverts, of all IPv4 instances. */
  async masterIs(side: Side, since: number): Promise<void> {
    await until(`${side} (${this.#kind}) to be master of ${this.#layout.instances}`, seconds(30), () => {
      const adverts = this.capture.adverts(ADDRESS[side]).filter((seen) => seen.at > since);
      return new Set(adverts.map((seen) => seen.vrid)).size === this.#layout.instances;
    });
  }

  /** Waits until all virtual addresses lie on `side`: also those of IPv6 instances. */
  async holds(side: Side, limit: Milliseconds): Promise<void> {
    const { instances, families, addressesEach } = this.#layout;
    const all = instances * families * addressesEach;
    const ask = (): boolean => this.heldBy(side) === all;
    await until(`${side} (${this.#kind}) to hold ${all} addresses`, limit, ask, milliseconds(200));
  }

  /** How many of the virtual addresses lie on `side`. */
  heldBy(side: Side): number {
    return heldIn(this.hosts[side].run("ip", "-o", "address", "show", "dev", "eth0"));
  }

  /** kill -9 of every process of the director. The addresses it leaves are removed: the machine is thought dead. */
  kill(side: Side): void {
    this.hosts[side].killAll();
    this.hosts[side].ip("address flush dev eth0", `address add ${ADDRESS[side]}/16 dev eth0`);
  }

  pids(side: Side): number[] {
    return this.hosts[side].pids();
  }

  close(): void {
    this.lab.close();
  }
}

export type PairOptions = Partial<Layout> & {
  readonly kind: Kind;
  readonly interval: Milliseconds;
  readonly environment?: Readonly<Record<string, string>>;
};

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
