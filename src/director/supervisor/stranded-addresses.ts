// Takes away the virtual addresses of instances whose VRRP process died and is not back before the peer may
// have taken over. Two directors with one address would be worse than none.

import type { Prefix } from "../../core/address.js";
import { milliseconds, type Milliseconds } from "../../core/units.js";
import type { InstanceConfig } from "../../vrrp/instance.js";

export type AddressOnInterface = {
  readonly prefix: Prefix;
  readonly interface: string;
  /** Which interface had that name when the address came there: it may have been renamed since. */
  readonly ifindex?: number;
};
/** Removes addresses from interfaces; gives one sentence for each that could not be removed. */
export type RemoveAddresses = (addresses: readonly AddressOnInterface[]) => readonly string[];

/**
 * From the death of the process to the moment its addresses must be gone. The peer waits for three intervals
 * and a skew after the last advert, which was at most one interval before the death (RFC 9568 section 6.1).
 */
export const removalDelay = (instance: InstanceConfig): Milliseconds =>
  milliseconds(2 * instance.advertInterval);

export class StrandedAddresses {
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly remove: RemoveAddresses;
  private readonly report: (
    instance: string,
    waited: Milliseconds,
    removed: number,
    errors: readonly string[],
  ) => void;

  constructor(
    remove: RemoveAddresses,
    report: (instance: string, waited: Milliseconds, removed: number, errors: readonly string[]) => void,
  ) {
    this.remove = remove;
    this.report = report;
  }

  /** `since`: how long ago the process was last known to live. */
  expect(instances: readonly InstanceConfig[], since: Milliseconds, delayOf = removalDelay): void {
    for (const instance of instances) {
      const delay = delayOf(instance);
      const fire = (): void => this.removeNow(instance, milliseconds(Math.max(delay, since)));
      if (delay <= since) fire();
      else {
        const timer = setTimeout(() => {
          this.timers.delete(timer);
          fire();
        }, delay - since);
        this.timers.add(timer);
      }
    }
  }

  /** The process is back and looks after its addresses itself. */
  cancel(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  removeNow(instance: InstanceConfig, waited: Milliseconds): void {
    this.report(instance.name, waited, instance.addresses.length, this.remove(instance.addresses));
  }
}
