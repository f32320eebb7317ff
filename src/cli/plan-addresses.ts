// The part of a plan that is about addresses: what a configuration, the kernel's addresses and a running daemon's
// instances make of each other. Touches nothing and asks nobody.

import { formatPrefix } from "../core/address.js";
import type { Config } from "../config/model.js";
import type { VrrpStatus } from "../control/ipc.js";

export type AddressPlan = {
  readonly instance: string;
  readonly address: string;
  readonly interface: string;
  /**
   * What happens to the address while this node is master. "fault": its interface is missing. "remove": the daemon that
   * runs holds it as master, and the configuration does not name it there any more.
   */
  readonly change: "add" | "keep" | "fault" | "remove";
};

/** Addresses in the kernel: of each interface there is, by its name. */
export type KernelAddresses = ReadonlyMap<string, ReadonlySet<string>>;

export function planAddresses(
  config: Pick<Config, "vrrp">,
  kernel: KernelAddresses,
  running: VrrpStatus | null,
): readonly AddressPlan[] {
  const plans = config.vrrp.flatMap((instance) =>
    instance.addresses.map(({ interface: device, prefix }): AddressPlan => {
      const address = formatPrefix(prefix);
      const there = kernel.get(device);
      const change = there === undefined ? "fault" : there.has(address) ? "keep" : "add";
      return { instance: instance.name, address, interface: device, change };
    }),
  );
  const wanted = new Set(plans.map((plan) => `${plan.interface} ${plan.address}`));
  for (const { instance, state, addresses, interface: own } of running?.instances ?? []) {
    if (state !== "master") continue;
    for (const address of addresses) {
      const device = whereIs(address, own, kernel);
      if (device !== undefined && !wanted.has(`${device} ${address}`))
        plans.push({ instance, address, interface: device, change: "remove" });
    }
  }
  return plans;
}

/** The status does not say which interface carries an address; mostly it is the instance's own. */
function whereIs(address: string, own: string, kernel: KernelAddresses): string | undefined {
  if (kernel.get(own)?.has(address) === true) return own;
  for (const [device, addresses] of kernel) if (addresses.has(address)) return device;
  return undefined;
}
