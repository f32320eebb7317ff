// One half of the interop matrix: one lab in which vipd is master, or backup, of all pairings at once, and what
// befalls the masters, one event after the other. Each event has two halves: the other side takes over, and gives
// back. Keeps for each cell what was seen; the tests judge it (matrix.netns.test.ts).

import { setTimeout as pause } from "node:timers/promises";
import { seconds } from "../../src/core/units.js";
import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";
import { Trace } from "../lab/trace.js";
import { until, wallClock } from "../lab/wait.js";
import {
  addressOf,
  HOSTS,
  INTERVAL,
  nameOf,
  PAIRINGS,
  type Implementation,
  type Pairing,
} from "./pairings.js";
import { FrrRouter, KeepalivedRouter, VipdRouter, type Router } from "./routers.js";

export const ROLES = ["master", "backup"] as const;
export const EVENTS = ["priority change", "link down", "clean stop", "kill"] as const;
export type Role = (typeof ROLES)[number];
export type MatrixEvent = (typeof EVENTS)[number];

/** Of the masters, and of the others; a priority change takes the first below the second. */
const PRIORITY = { high: 150, middle: 100, low: 50 } as const;
/** Longer than any takeover on a busy machine. */
const PATIENCE = seconds(15);

/** One change of the master. Wall clock, ms. */
export type Handover = {
  readonly began: number;
  readonly ended: number;
  /** The new master alone says it is one, and the observer finds its MAC behind the address. */
  readonly done: boolean;
  /** Why vipd says it became what it is. */
  readonly reason: string;
  /** From the new master's first advert to the old one's last; 0 when the old one was silent by then. */
  readonly overlap: number;
};
export type Cell = { readonly away: Handover; readonly back: Handover };
type Moment = Omit<Handover, "overlap" | "reason"> & { readonly reasons: ReadonlyMap<string, string> };

export const cellKey = (event: MatrixEvent, { vrid }: Pairing): string => `${event} ${String(vrid)}`;

export class MatrixRun {
  private readonly role: Role;
  private readonly lab = new Lab();
  private readonly observer: Host;
  private readonly bridge: Host;
  private readonly us: VipdRouter;
  private readonly others: Readonly<Record<Implementation, Router>>;
  private event: MatrixEvent | undefined;

  constructor(role: Role) {
    this.role = role;
    const [us, keepalived, frr, observer] = this.lab.hosts("us", "keep", "frr", "o");
    this.bridge = this.lab.bridge("br");
    this.observer = observer;
    const ends = Object.entries({ us, keepalived, frr, observer } as const).map(([name, host]) => {
      const key = name as keyof (typeof HOSTS)["ipv4"];
      // FRR sends router advertisements over IPv6: the addresses that come of them are of no use here.
      host.sysctl({ "net.ipv6.conf.default.dad_transmits": 0, "net.ipv6.conf.default.accept_ra": 0 });
      return {
        host,
        interface: "eth0",
        addresses: [`${HOSTS.ipv4[key]}/24`, `${HOSTS.ipv6[key]}/64`],
      };
    });
    this.lab.plug(this.bridge, ends);
    const of = (implementation: Implementation): Pairing[] =>
      PAIRINGS.filter((pairing) => pairing.with === implementation);
    this.us = new VipdRouter(us, PAIRINGS);
    this.others = {
      keepalived: new KeepalivedRouter(this.lab, keepalived, of("keepalived")),
      frr: new FrrRouter(this.lab, frr, of("frr")),
    };
  }

  /** Every cell of this role, by `cellKey`, and the adverts that vipd refused until it was stopped first. */
  async run(): Promise<{ readonly cells: ReadonlyMap<string, Cell>; readonly rejected: object }> {
    try {
      this.prepareObserver();
      const trace = await Trace.start(this.lab, this.bridge, "proto 112 or ip6 proto 112", "any");
      const [subjects, rest] = this.sides();
      await Promise.all(subjects.map((router) => router.start(PRIORITY.high)));
      await this.settle("subjects");
      await Promise.all(rest.map((router) => router.start(PRIORITY.middle)));
      const moments = new Map<
        MatrixEvent,
        readonly [ReadonlyMap<Pairing, Moment>, ReadonlyMap<Pairing, Moment>]
      >();
      let rejected = {};
      for (const event of EVENTS) {
        if (event === "clean stop") rejected = await this.us.rejected();
        this.event = event;
        const away = await this.handover(() => this.befall(event, subjects), "rest");
        const back = await this.handover(() => this.undo(event, subjects), "subjects");
        moments.set(event, [away, back]);
      }
      await trace.stop();
      return { cells: this.cells(moments, new Adverts(trace, this.bridge)), rejected };
    } finally {
      this.lab.close();
    }
  }

  private sides(): readonly [subjects: readonly Router[], rest: readonly Router[]] {
    const others = Object.values(this.others);
    return this.role === "master" ? [[this.us], others] : [others, [this.us]];
  }

  /** Its entries are there, and point to nobody: it asks nobody by itself, so only an announcement changes them. */
  private prepareObserver(): void {
    this.observer.sysctl({ "net.ipv4.neigh.eth0.locktime": 0 });
    this.observer.ip(
      ...PAIRINGS.map(
        (pairing) => `neighbour replace ${addressOf(pairing)} lladdr 02:00:00:00:00:01 dev eth0 nud stale`,
      ),
    );
  }

  private async befall(event: MatrixEvent, subjects: readonly Router[]): Promise<void> {
    for (const router of subjects) {
      if (event === "kill") router.kill();
      else if (event === "clean stop") await router.stop();
      else if (event === "priority change") await router.setPriority(PRIORITY.low);
      else this.lab.setPort(this.bridge, router.host, "eth0", "down");
    }
  }

  private async undo(event: MatrixEvent, subjects: readonly Router[]): Promise<void> {
    for (const router of subjects) {
      if (event === "kill" || event === "clean stop") await router.start(PRIORITY.high);
      else if (event === "priority change") await router.setPriority(PRIORITY.high);
      else this.lab.setPort(this.bridge, router.host, "eth0", "up");
    }
  }

  private async handover(
    cause: () => Promise<void>,
    to: "subjects" | "rest",
  ): Promise<ReadonlyMap<Pairing, Moment>> {
    const began = wallClock();
    await cause();
    await this.settle(to);
    // It stays so: the next adverts are out, and nobody has thought better of it.
    await pause(1.2 * INTERVAL);
    const done = await this.settledOn(to);
    const reasons = await this.us.reasons();
    const ended = wallClock();
    return new Map(PAIRINGS.map((pairing) => [pairing, { began, ended, done: done.has(pairing), reasons }]));
  }

  /** Waits until all pairings have their master on this side. */
  private async settle(side: "subjects" | "rest"): Promise<void> {
    const all = async (): Promise<boolean> => (await this.settledOn(side)).size === PAIRINGS.length;
    // Who has not settled by then is a finding about that pairing, not an end of the run.
    await until("all pairings", PATIENCE, all, seconds(0.2)).catch(() => undefined);
  }

  /** Those that have their master on this side, alone, and the observer's neighbour entry led to it. */
  private async settledOn(side: "subjects" | "rest"): Promise<ReadonlySet<Pairing>> {
    const neighbours = this.observer.run("ip", "neighbour", "show", "dev", "eth0").split("\n");
    const ourMasters = await this.us.masterOf();
    const masters = {
      keepalived: await this.others.keepalived.masterOf(),
      frr: await this.others.frr.masterOf(),
    };
    const weShall = (this.role === "master") === (side === "subjects");
    // FRR 8.4 does not see its cable pulled: without one it stays a master for itself, and with it again it has no
    // reason to announce anything. Only what vipd does is looked at then.
    const blind = (pairing: Pairing): boolean =>
      pairing.with === "frr" && this.role === "backup" && this.event === "link down";
    return new Set(
      PAIRINGS.filter((pairing) => {
        const other = this.others[pairing.with];
        const entry = neighbours.find((line) => line.startsWith(`${addressOf(pairing)} `)) ?? "";
        const theirs = masters[pairing.with].has(pairing) === !weShall || blind(pairing);
        const led = entry.includes((weShall ? this.us : other).mac(pairing)) || (blind(pairing) && !weShall);
        return ourMasters.has(pairing) === weShall && theirs && led;
      }),
    );
  }

  private cells(
    moments: ReadonlyMap<MatrixEvent, readonly [ReadonlyMap<Pairing, Moment>, ReadonlyMap<Pairing, Moment>]>,
    adverts: Adverts,
  ): ReadonlyMap<string, Cell> {
    const cells = new Map<string, Cell>();
    for (const [event, [away, back]] of moments)
      for (const pairing of PAIRINGS) {
        const handover = (moment: Moment | undefined, fromUs: boolean): Handover => {
          if (moment === undefined) throw new Error("every pairing has its moments");
          const { began, ended, done, reasons } = moment;
          const reason = reasons.get(nameOf(pairing)) ?? "none: it does not run";
          return {
            began,
            ended,
            done,
            reason,
            overlap: adverts.overlap(pairing, this.us.mac(), fromUs, moment),
          };
        };
        const fromUs = this.role === "master";
        cells.set(cellKey(event, pairing), {
          away: handover(away.get(pairing), fromUs),
          back: handover(back.get(pairing), !fromUs),
        });
      }
    return cells;
  }
}

type Claim = { readonly at: number; readonly mac: string; readonly router: string };

/** The adverts on the link that claim mastership. */
class Adverts {
  private readonly claims: readonly Claim[];

  constructor(trace: Trace, host: Host) {
    const fields = ["frame.time_epoch", "sll.src.eth", "vrrp.virt_rtr_id", "vrrp.prio"];
    this.claims = trace
      .rows(host, "vrrp && vrrp.prio > 0", ...fields)
      .map(([at, mac = "", router = ""]) => ({ at: Number(at) * 1000, mac, router }));
    if (this.claims.length === 0) throw new Error("the capture has no advert");
  }

  /** Infinity: no advert of the new master is there at all. */
  overlap(pairing: Pairing, ourMac: string, fromUs: boolean, { began, ended }: Moment): number {
    const during = this.claims.filter(
      ({ at, router }) => Number(router) === pairing.vrid && at >= began && at <= ended,
    );
    const first = during.find(({ mac }) => (mac === ourMac) !== fromUs);
    const last = during.findLast(({ mac }) => (mac === ourMac) === fromUs);
    if (first === undefined) return Infinity;
    return Math.max(0, (last?.at ?? 0) - first.at);
  }
}
