// Removes virtual addresses, and does not give up: one that stays behind would be on two hosts. What the kernel
// refused is tried again every second until it is gone or wanted again. Knows nothing of instances and states.

import { formatPrefix } from "../core/address.js";
import { after, instant, seconds, type Instant } from "../core/units.js";
import type { AddressOrder, AddressOutcome } from "../ports/route.js";
import type { VrrpPorts } from "../ports/vrrp.js";

const RETRY_AFTER = seconds(1);
/** Addresses in one netlink batch: one to two milliseconds. */
export const ADDRESS_SLICE = 128;
/** Tries of a process that is about to end. */
const LAST_TRIES = 3;

/** `instance` and `interface` are for the report. */
export type Removal = {
  readonly instance: string;
  readonly interface: string;
  readonly order: AddressOrder;
};
type Waiting = Removal & { readonly error: string };

export class AddressRemovals {
  private readonly ports: Pick<VrrpPorts, "addresses" | "report" | "clock">;
  private readonly waiting = new Map<string, Waiting>();
  private due = instant(Infinity);

  constructor(ports: Pick<VrrpPorts, "addresses" | "report" | "clock">) {
    this.ports = ports;
  }

  /** When `retry` has something to do; Infinity for never. */
  get next(): Instant {
    return this.due;
  }

  remove(removals: readonly Removal[]): readonly AddressOutcome[] {
    const outcomes = this.ports.addresses.removeAddresses(removals.map(({ order }) => order));
    removals.forEach((removal, i) => this.settle(removal, outcomes[i]!));
    this.schedule();
    return outcomes;
  }

  /** The address is wanted there again. */
  forget(order: AddressOrder): void {
    if (this.waiting.size > 0) this.waiting.delete(keyOf(order));
  }

  retry(now: Instant): void {
    if (now < this.due) return;
    this.due = instant(Infinity);
    if (this.waiting.size === 0) return;
    this.remove([...this.waiting.values()].slice(0, ADDRESS_SLICE));
  }

  /** Nobody will try later. */
  retryNow(): void {
    for (let i = 0; i < LAST_TRIES && this.waiting.size > 0; i++) this.remove([...this.waiting.values()]);
  }

  private settle(removal: Removal, outcome: AddressOutcome): void {
    const key = keyOf(removal.order);
    const before = this.waiting.get(key);
    // What fails again goes behind those that have not had their turn.
    this.waiting.delete(key);
    if (!outcome.ok) this.waiting.set(key, { ...removal, error: outcome.error });
    const where = `${formatPrefix(removal.order.prefix)} from ${removal.interface}`;
    if (!outcome.ok && outcome.error !== before?.error)
      this.ports.report({
        kind: "vrrp-note",
        level: "error",
        instance: removal.instance,
        text: `could not remove ${where}, trying again every second: ${outcome.error}`,
      });
    else if (outcome.ok && before !== undefined)
      this.ports.report({
        kind: "vrrp-note",
        level: "notice",
        instance: removal.instance,
        text: `removed ${where} at last`,
      });
  }

  private schedule(): void {
    if (this.waiting.size === 0) this.due = instant(Infinity);
    else if (this.due === Infinity) this.due = after(this.ports.clock.now(), RETRY_AFTER);
  }
}

const keyOf = ({ ifindex, prefix }: AddressOrder): string => `${ifindex} ${formatPrefix(prefix)}`;
