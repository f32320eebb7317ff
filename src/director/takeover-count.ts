// What a takeover has found in the kernel's table: counted once for each instance that has become master, after the
// takeover's own work, and a few milliseconds at a time, so that neither checks nor answers wait for thousands of
// services. The servers' own counters are read; nobody walks the connections. Refuses to know what a data plane is.

import type { ServiceConfig } from "../config/model.js";
import type { FoundAtTakeover, VipdEvent } from "../control/event.js";
import type { Vacancy } from "../vrrp/reasons.js";
import type { IpAddress } from "../core/address.js";
import { after, milliseconds } from "../core/units.js";
import { keysOf } from "../ipvs/group.js";
import type { ListedServer } from "../ipvs/model.js";
import type { Timers } from "../ports/timers.js";

export type TakeoverPorts = {
  readonly timers: Timers;
  readonly report: (event: VipdEvent) => void;
  readonly services: () => readonly ServiceConfig[];
  /** Of a service, now; undefined: it cannot be read. */
  readonly connections: (service: string) => ReadonlyMap<unknown, ListedServer> | undefined;
  /** Whether the sync daemon of the backup runs; null: none is configured. */
  readonly sync: () => boolean | null;
};

type Taken = { readonly addresses: readonly IpAddress[]; readonly vacancy: Vacancy };

/** Instances of one failure come one after the other, and are counted together. */
const WAIT = milliseconds(20);
/** Work between two turns of everything else. */
const SLICE = milliseconds(5);

export class TakeoverCount {
  private readonly ports: TakeoverPorts;
  private readonly waiting = new Map<string, Taken>();
  private readonly counting = new Set<string>();
  private disarm: (() => void) | undefined;

  constructor(ports: TakeoverPorts) {
    this.ports = ports;
  }

  /** `instance` has become master of these addresses. */
  taken(instance: string, addresses: readonly IpAddress[], vacancy: Vacancy): void {
    this.lost(instance);
    this.waiting.set(instance, { addresses, vacancy });
    this.disarm ??= this.wakeIn(WAIT, () => this.begin());
  }

  /** It is master no longer: what is not counted yet is so no more. */
  lost(instance: string): void {
    this.waiting.delete(instance);
    this.counting.delete(instance);
  }

  stop(): void {
    this.disarm?.();
  }

  private wakeIn(wait: number, work: () => void): () => void {
    const { timers } = this.ports;
    return timers.wakeAt(after(timers.now(), milliseconds(wait)), work);
  }

  private begin(): void {
    const all = [...this.waiting];
    this.waiting.clear();
    for (const [instance] of all) this.counting.add(instance);
    const sums = new Map(all.map(([instance]) => [instance, new Sum()]));
    const holders = new Map<IpAddress, Sum[]>();
    for (const [instance, { addresses }] of all)
      for (const address of addresses) {
        const sum = sums.get(instance)!;
        const others = holders.get(address);
        if (others === undefined) holders.set(address, [sum]);
        else others.push(sum);
      }
    const sync = this.ports.sync();
    this.goOn(this.steps(holders, [...sums.values()]), () => {
      for (const [instance, { vacancy }] of all) this.tell(instance, vacancy, sums.get(instance)!, sync);
    });
  }

  /** One step a service that somebody took over. */
  private *steps(
    holders: ReadonlyMap<IpAddress, readonly Sum[]>,
    everybody: readonly Sum[],
  ): Generator<void> {
    for (const config of this.ports.services()) {
      const keys = keysOf(config);
      // Which of the addresses a firewall mark stands for is known to the packet filter alone.
      const sums = keys.every(({ kind }) => kind === "fwmark")
        ? everybody
        : new Set(keys.flatMap((key) => (key.kind === "address" ? (holders.get(key.address) ?? []) : [])));
      const servers = [...sums].length === 0 ? undefined : this.ports.connections(config.name);
      for (const sum of sums) sum.add(servers);
      yield;
    }
  }

  private goOn(work: Iterator<void>, done: () => void): void {
    const { timers } = this.ports;
    const end = after(timers.now(), SLICE);
    while (work.next().done !== true)
      if (timers.now() >= end) {
        this.disarm = this.wakeIn(0, () => this.goOn(work, done));
        return;
      }
    this.disarm = undefined;
    done();
    if (this.waiting.size > 0) this.disarm = this.wakeIn(WAIT, () => this.begin());
  }

  private tell(instance: string, vacancy: Vacancy, sum: Sum, sync: boolean | null): void {
    // Without a service there is nothing of which connections could be known; and it may be master no longer, or anew.
    if (sum.services === 0 || !this.counting.delete(instance)) return;
    this.ports.report({ kind: "vrrp-clients", instance, vacancy, sync, connections: sum.value });
  }
}

class Sum {
  services = 0;
  private active = 0;
  private inactive = 0;
  private isKnown = true;

  add(servers: ReadonlyMap<unknown, ListedServer> | undefined): void {
    this.services += 1;
    if (servers === undefined) this.isKnown = false;
    for (const { active = 0, inactive = 0 } of servers?.values() ?? []) {
      this.active += active;
      this.inactive += inactive;
    }
  }

  get value(): FoundAtTakeover["connections"] {
    return this.isKnown ? { active: this.active, inactive: this.inactive } : null;
  }
}
