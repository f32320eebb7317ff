// Which instances VRRP processes were told to run, as far as addresses of theirs may still be on the interfaces: a
// process that dies takes with it the knowledge of what it held, and the configuration may be another one by the
// time its successor is there. Addresses are named by their text and interface; nothing is done here.

import { formatPrefix } from "../../core/address.js";
import { OWNER_PRIORITY } from "../../vrrp/state.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { whyAnother } from "../instance-change.js";
import { goodsOf, joined, without, type Goods } from "./held-goods.js";
import type { AddressOnInterface } from "./stranded-addresses.js";

/** An owner's addresses are its interface's own: they were there before us, and are not ours to take. */
export const removableAddresses = (instances: readonly InstanceConfig[]): readonly AddressOnInterface[] =>
  instances.flatMap(({ priority, addresses }) => (priority === OWNER_PRIORITY ? [] : addresses));

export const addressKey = ({ prefix, interface: device }: AddressOnInterface): string =>
  `${formatPrefix(prefix)} ${device}`;

export class Holdings {
  /** What was told last. */
  private told: readonly InstanceConfig[] = [];
  /** What was told before that, and may not be undone yet. */
  private before: readonly InstanceConfig[] = [];
  /** Masters whose process died without a word, until a successor has taken its configuration. */
  private lost: readonly InstanceConfig[] = [];

  /** Before a process is told of `instances`. */
  tell(instances: readonly InstanceConfig[]): void {
    this.before = [...this.told, ...this.before].filter((instance) => !instances.includes(instance));
    this.told = instances;
  }

  /** The last configuration has been carried out: what a living process held besides, it has let go. */
  settle(instances: readonly InstanceConfig[]): void {
    this.told = instances;
    this.before = [];
    this.lost = [];
  }

  /** The process died while these were master. Gives their configurations, as it knew them. */
  lose(masters: readonly string[]): readonly InstanceConfig[] {
    const lost = [...this.told, ...this.before].filter(({ name }) => masters.includes(name));
    this.lost = [...this.lost, ...lost];
    return lost.filter((instance) => removableAddresses([instance]).length > 0);
  }

  /** A stop has left these in place. */
  recall(masters: readonly InstanceConfig[]): void {
    this.lost = masters;
  }

  /** Those of `names`, as the process was told of them last. */
  toldOf(names: readonly string[]): readonly InstanceConfig[] {
    return this.told.filter(({ name }) => names.includes(name));
  }

  /** What may be on the interfaces, each address once. */
  get held(): readonly AddressOnInterface[] {
    return [...removableAddresses(this.told), ...beside(this.told, [...this.before, ...this.lost])];
  }

  /** What a process that died may have left, and none of `instances` has. */
  orphansBeside(instances: readonly InstanceConfig[]): readonly AddressOnInterface[] {
    return beside(instances, this.lost);
  }

  /** Routes and rules that may be in the kernel. */
  get goods(): Goods {
    return joined(goodsOf(this.told), goodsOf([...this.before, ...this.lost]));
  }

  goodsOfLost(name: string): Goods {
    return goodsOf(this.lost.filter((instance) => instance.name === name));
  }

  orphanGoodsBeside(instances: readonly InstanceConfig[]): Goods {
    return without(goodsOf(this.lost), goodsOf(instances));
  }

  /** Whether the instance of this name is still the virtual router of which a dead process was master. */
  isSameRouter(name: string, instances: readonly InstanceConfig[]): boolean {
    const wanted = instances.find((instance) => instance.name === name);
    if (wanted === undefined) return false;
    return this.lost.every((before) => before.name !== name || whyAnother(before, wanted) === undefined);
  }
}

/** The addresses of `others` that none of `instances` has, each once. */
function beside(
  instances: readonly InstanceConfig[],
  others: readonly InstanceConfig[],
): readonly AddressOnInterface[] {
  const configured = new Set(instances.flatMap(({ addresses }) => addresses).map(addressKey));
  const found = new Map(removableAddresses(others).map((address) => [addressKey(address), address]));
  return [...found].flatMap(([key, address]) => (configured.has(key) ? [] : [address]));
}
