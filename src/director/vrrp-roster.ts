// Which VRRP instances run, and how they are found: by name, by slot in the heap of deadlines, by what a packet
// carries, by virtual address.

import type { Family, IpAddress } from "../core/address.js";
import type { Instant } from "../core/units.js";
import type { Hmac } from "../ports/vrrp.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { Runtime, tableKey } from "./vrrp-runtime.js";

export class Roster {
  private readonly byName = new Map<string, Runtime>();
  private readonly table = new Map<number, Runtime>();
  private readonly slots: (Runtime | undefined)[] = [];
  /** The configuration as it was given, by instance. */
  private wanted = new Map<string, InstanceConfig>();
  /** Made when asked for; empty whenever something changed. */
  private readonly groups = new Map<string, readonly Runtime[]>();
  /** Whose a virtual address is; a link-local one may be another's on another interface. */
  private readonly owners = new Map<string, Runtime>();
  /** All virtual addresses: none of them is a source of adverts, even when a crash left it behind. */
  virtual: ReadonlySet<IpAddress> = new Set();

  private readonly hmac: Hmac;

  constructor(hmac: Hmac) {
    this.hmac = hmac;
  }

  /** The configuration that `add` and `remove` are to follow. */
  expect(instances: readonly InstanceConfig[]): void {
    this.groups.clear();
    this.wanted = new Map(instances.map((config) => [config.name, config]));
    this.virtual = new Set(
      instances.flatMap(({ addresses }) => addresses.map(({ prefix }) => prefix.address)),
    );
  }

  get all(): Iterable<Runtime> {
    return this.byName.values();
  }

  named(name: string): Runtime | undefined {
    return this.byName.get(name);
  }

  at(slot: number): Runtime | undefined {
    return this.slots[slot];
  }

  /** The one that a packet of this virtual router id is for. */
  find(ifindex: number, family: Family, virtualRouterId: number): Runtime | undefined {
    return this.table.get(tableKey(ifindex, family, virtualRouterId));
  }

  /** The members of a sync group that are there. */
  group(name: string): readonly Runtime[] {
    let members = this.groups.get(name);
    if (members === undefined) {
      members = [...this.all].filter((runtime) => this.wanted.get(runtime.config.name)?.group === name);
      this.groups.set(name, members);
    }
    return members;
  }

  ownerOf(ifindex: number, address: IpAddress): Runtime | undefined {
    return this.owners.get(`${address} ${ifindex}`);
  }

  /** As configured, without what is known of its interface. */
  givenOf(name: string): InstanceConfig | undefined {
    return this.wanted.get(name);
  }

  add(config: InstanceConfig, now: Instant): Runtime {
    let slot = this.slots.indexOf(undefined);
    if (slot < 0) slot = this.slots.length;
    const runtime = new Runtime(slot, config, now, this.hmac);
    this.slots[slot] = runtime;
    this.byName.set(config.name, runtime);
    this.groups.clear();
    return runtime;
  }

  remove(runtime: Runtime): void {
    this.slots[runtime.slot] = undefined;
    this.byName.delete(runtime.config.name);
    this.groups.clear();
  }

  /** After instances or their interfaces changed. Gives the virtual router ids in use. */
  rebuild(): Readonly<Record<Family, readonly number[]>> {
    this.table.clear();
    this.owners.clear();
    const ids = { ipv4: new Set<number>(), ipv6: new Set<number>() };
    for (const runtime of this.all) {
      const { family, virtualRouterId, addresses } = runtime.config;
      ids[family].add(virtualRouterId);
      if (runtime.ifindex !== 0) this.table.set(runtime.key, runtime);
      const second = runtime.secondPath?.ifindex ?? 0;
      if (second !== 0) this.table.set(tableKey(second, family, virtualRouterId), runtime);
      // By the virtual link comes nothing but news of adverts that could not leave there.
      if (runtime.outIndex !== 0)
        this.table.set(tableKey(runtime.outIndex, family, virtualRouterId), runtime);
      for (const { prefix, interface: name } of addresses)
        this.owners.set(`${prefix.address} ${runtime.indices.get(name) ?? 0}`, runtime);
    }
    return { ipv4: [...ids.ipv4], ipv6: [...ids.ipv6] };
  }
}
