// Takes virtual addresses away from this machine's interfaces without a VRRP process: when one has died, and what a
// predecessor left behind.

import { formatPrefix } from "../../core/address.js";
import { native } from "../../linux/native.js";
import { openRouteKernel } from "../../linux/route-kernel.js";
import type { AddressOnInterface } from "./stranded-addresses.js";

export type Removal = {
  /** Those that were there: "192.0.2.1/24 from eth0". */
  readonly removed: readonly string[];
  /** One sentence for each that may still be there. */
  readonly errors: readonly string[];
};

/** Undefined when no interface has that name now. */
export function interfaceIndex(device: string): number | undefined {
  const index = native.ifIndex(device);
  return index > 0 ? index : undefined;
}

export function removeAddresses(addresses: readonly AddressOnInterface[]): Removal {
  if (addresses.length === 0) return { removed: [], errors: [] };
  try {
    const kernel = openRouteKernel();
    try {
      const indexes = new Map(kernel.links().map(({ name, index }) => [name, index]));
      // On an interface that is gone there is no address left either.
      const orders = addresses.flatMap(({ prefix, interface: device, ifindex }) =>
        [...new Set([indexes.get(device), ifindex])].flatMap((index) =>
          index === undefined
            ? []
            : [{ ifindex: index, prefix, text: `${formatPrefix(prefix)} from ${device}` }],
        ),
      );
      const outcomes = kernel
        .removeAddresses(orders)
        .map((outcome, i) => ({ outcome, text: orders[i]?.text ?? "" }));
      return {
        removed: outcomes.flatMap(({ outcome, text }) => (outcome.ok && !outcome.unchanged ? [text] : [])),
        errors: outcomes.flatMap(({ outcome }) => (outcome.ok ? [] : [outcome.error])),
      };
    } finally {
      kernel.close();
    }
  } catch (error) {
    const texts = addresses.map(({ prefix }) => formatPrefix(prefix)).join(", ");
    return { removed: [], errors: [`could not remove ${texts}: ${(error as Error).message}`] };
  }
}
