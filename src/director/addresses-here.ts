// Which virtual addresses this director holds: those of the instances it is master of, of which several may have the
// same one. Knows nothing of VRRP.

import type { IpAddress } from "../core/address.js";

export class AddressesHere {
  private readonly byInstance = new Map<string, readonly IpAddress[]>();
  private readonly counts = new Map<IpAddress, number>();

  has(address: IpAddress): boolean {
    return this.counts.has(address);
  }

  /** Gives whether anything changed. */
  set(instance: string, addresses: readonly IpAddress[]): boolean {
    const before = this.byInstance.get(instance) ?? [];
    if (before.length === addresses.length && before.every((one, i) => one === addresses[i])) return false;
    for (const address of before) this.count(address, -1);
    for (const address of addresses) this.count(address, 1);
    if (addresses.length === 0) this.byInstance.delete(instance);
    else this.byInstance.set(instance, addresses);
    return true;
  }

  replace(instances: Readonly<Record<string, readonly IpAddress[]>>): void {
    for (const name of [...this.byInstance.keys()]) if (!(name in instances)) this.set(name, []);
    for (const [name, addresses] of Object.entries(instances)) this.set(name, addresses);
  }

  private count(address: IpAddress, by: number): void {
    const count = (this.counts.get(address) ?? 0) + by;
    if (count === 0) this.counts.delete(address);
    else this.counts.set(address, count);
  }
}
