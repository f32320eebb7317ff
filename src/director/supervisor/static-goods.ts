// Addresses, routes and rules that are there from the start to the stop, whoever is master. The supervisor has them,
// because they outlive a VRRP process. What is missing is added again every second; what was there before us is not
// ours to take away.

import { formatPrefix } from "../../core/address.js";
import { itemsOf } from "../../core/routing.js";
import type { StaticConfig } from "../../config/model.js";
import type { VipdEvent } from "../../control/event.js";
import type { StaticInheritance } from "../../control/handover.js";
import type { AddressOutcome, RouteKernel } from "../../ports/route.js";
import type { Clock } from "../../ports/vrrp.js";
import { ROUTING_CHECK, RoutingKeeper } from "../routing-keeper.js";
import type { Goods } from "./held-goods.js";
import type { AddressOnInterface } from "./stranded-addresses.js";

/** How they are called in the log, beside instances. */
const NAME = "static";
const NOTHING: StaticConfig = { addresses: [], routes: [], rules: [] };

type Kernel = Pick<
  RouteKernel,
  "links" | "addresses" | "addAddresses" | "removeAddresses" | "addRouting" | "removeRouting" | "close"
>;
export type StaticPorts = {
  readonly open: () => Kernel;
  readonly clock: Clock;
  readonly report: (event: VipdEvent) => void;
  /** Puts `addresses` and `goods` on record; called before they are added. */
  readonly record: () => void;
};

export class StaticGoods {
  private readonly ports: StaticPorts;
  private kernel: Kernel | undefined;
  private keeper: RoutingKeeper | undefined;
  private wanted = NOTHING;
  private readonly ours = new Map<string, AddressOnInterface>();
  /** Why an address is not there, as it was said; "" while it is. */
  private readonly errors = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(ports: StaticPorts) {
    this.ports = ports;
  }

  /** Those that were not there before us. */
  get addresses(): readonly AddressOnInterface[] {
    return [...this.ours.values()];
  }

  get goods(): Goods {
    return { routing: itemsOf(this.wanted), links: [] };
  }

  /** What a successor has to know. */
  get inheritance(): StaticInheritance {
    return { config: this.wanted, ours: this.addresses };
  }

  /** Before the first `configure`: what the predecessor has made is there, and ours. Throws as that does. */
  inherit({ config, ours }: StaticInheritance): void {
    const items = itemsOf(config);
    if (items.length === 0 && ours.length === 0) return;
    for (const one of ours) this.ours.set(keyOf(one), one);
    this.wanted = config;
    this.open().keeper.inherit(NAME, items);
  }

  /** Throws when no netlink socket can be had. */
  configure(config: StaticConfig = NOTHING): void {
    if (this.kernel === undefined && config === NOTHING) return;
    const { kernel, keeper } = this.open();
    const gone = this.addresses.filter(
      (one) => !config.addresses.some((other) => keyOf(other) === keyOf(one)),
    );
    this.remove(kernel, gone);
    const present = this.present(kernel);
    for (const one of config.addresses) if (!present.has(keyOf(one))) this.ours.set(keyOf(one), one);
    this.wanted = config;
    this.ports.record();
    this.add(kernel, true);
    keeper.want(NAME, itemsOf(config));
    this.timer ??= setInterval(() => this.check(kernel), ROUTING_CHECK).unref();
  }

  /** From now on nothing is added; taking away is the business of the record. */
  stop(): void {
    clearInterval(this.timer);
    this.kernel?.close();
    this.kernel = undefined;
  }

  private open(): { readonly kernel: Kernel; readonly keeper: RoutingKeeper } {
    const kernel = (this.kernel ??= this.ports.open());
    const { clock, report } = this.ports;
    const keeper = (this.keeper ??= new RoutingKeeper({ routing: kernel, clock, report }));
    return { kernel, keeper };
  }

  private check(kernel: Kernel): void {
    this.add(kernel, false);
    this.keeper?.check(this.ports.clock.now());
  }

  private present(kernel: Kernel): ReadonlySet<string> {
    const names = new Map(kernel.links().map(({ index, name }) => [index, name]));
    return new Set(
      kernel.addresses().map(({ ifindex, prefix }) => keyOf({ prefix, interface: names.get(ifindex) ?? "" })),
    );
  }

  private add(kernel: Kernel, first: boolean): void {
    const { addresses } = this.wanted;
    if (addresses.length === 0) return;
    const outcomes = kernel.addAddresses(this.orders(kernel, addresses));
    addresses.forEach((one, i) => this.added(one, outcomes[i] as AddressOutcome, first));
  }

  private added(one: AddressOnInterface, outcome: AddressOutcome, first: boolean): void {
    const key = keyOf(one);
    const before = this.errors.get(key) ?? "";
    this.errors.set(key, outcome.ok ? "" : outcome.error);
    if (!outcome.ok) {
      if (outcome.error !== before)
        this.note("error", `could not ${outcome.error} (on ${one.interface}); trying again every second`);
      return;
    }
    if (outcome.unchanged) return;
    if (!this.ours.has(key)) {
      this.ours.set(key, one);
      this.ports.record();
    }
    if (before !== "") this.note("notice", `added ${key} at last`);
    else if (!first) this.note("warning", `put ${key} back, which was not there any more`);
  }

  private remove(kernel: Kernel, gone: readonly AddressOnInterface[]): void {
    const outcomes = kernel.removeAddresses(this.orders(kernel, gone));
    gone.forEach((one, i) => {
      const outcome = outcomes[i] as AddressOutcome;
      // It stays on record, and goes at the stop at the latest.
      if (!outcome.ok) this.note("error", `could not ${outcome.error}`);
      else this.ours.delete(keyOf(one));
    });
  }

  private orders(
    kernel: Kernel,
    addresses: readonly AddressOnInterface[],
  ): Parameters<Kernel["addAddresses"]>[0] {
    const indices = new Map(kernel.links().map(({ index, name }) => [name, index]));
    return addresses.map((one) => ({
      prefix: one.prefix,
      ifindex: indices.get(one.interface) ?? NO_INTERFACE,
    }));
  }

  private note(level: "error" | "warning" | "notice", text: string): void {
    this.ports.report({ kind: "vrrp-note", level, instance: NAME, text });
  }
}

/** The kernel counts interfaces from 1 up, and refuses this one with ENODEV. */
const NO_INTERFACE = 0x7fffffff;

const keyOf = (one: AddressOnInterface): string => `${formatPrefix(one.prefix)} on ${one.interface}`;
