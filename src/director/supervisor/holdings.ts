// Which instances VRRP processes were told to run, as far as addresses of theirs may still be on the interfaces: a
// process that dies takes with it the knowledge of what it held, and the configuration may be another one by the
// time its successor is there. Addresses are named by their text and interface; nothing is done here.

import { formatPrefix } from "../../core/address.js";
import { OWNER_PRIORITY } from "../../vrrp/state.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { whyAnother } from "../instance-change.js";
import { goodsOf, joined, without, type Goods } from "./held-goods.js";
import type { AddressOnInterface } from "./stranded-addresses.js";

export const addressKey = ({ prefix, interface: device }: AddressOnInterface): string =>
  `${formatPrefix(prefix)} ${device}`;

export class Holdings {
  /** What was told last. */
  private told: readonly InstanceConfig[] = [];
  /** What was told before that, and may not be undone yet. */
  private before: readonly InstanceConfig[] = [];
  /** Masters whose process died without a word, until a successor has taken its configuration. */
  private lost: readonly InstanceConfig[] = [];
  /** Of owners' addresses, by instance, those that we added. */
  private readonly ownersAdded = new Map<string, readonly string[]>();

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
    for (const name of [...this.ownersAdded.keys()])
      if (!instances.some((instance) => instance.name === name)) this.ownersAdded.delete(name);
  }

  /** What a VRRP process says of an owner; it outlives that process. */
  ownerAdded(instance: string, added: readonly string[]): void {
    if (added.length === 0) this.ownersAdded.delete(instance);
    else this.ownersAdded.set(instance, added);
  }

  get added(): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(this.ownersAdded);
  }

  /** Of addresses that owners have now, those that were there because a process that died has added them. */
  addedByLost(instances: readonly InstanceConfig[]): readonly string[] {
    const owned = instances.filter(({ priority }) => priority === OWNER_PRIORITY);
    if (owned.length === 0 || this.lost.length === 0) return [];
    const added = new Set(this.removable(this.lost).map(addressKey));
    return owned.flatMap(({ addresses }) => addresses.map(addressKey).filter((key) => added.has(key)));
  }

  /** An owner's addresses are its interface's own: what we did not add was there before us, and is not ours to take. */
  removable(instances: readonly InstanceConfig[]): readonly AddressOnInterface[] {
    return instances.flatMap((instance) => this.removableOf(instance));
  }

  private removableOf({ name, priority, addresses }: InstanceConfig): InstanceConfig["addresses"] {
    if (priority !== OWNER_PRIORITY) return addresses;
    const added = this.ownersAdded.get(name) ?? [];
    return addresses.filter((address) => added.includes(addressKey(address)));
  }

  /** Without the addresses that are not ours to take, and those that have no others. */
  private withRemovable(instances: readonly InstanceConfig[]): readonly InstanceConfig[] {
    return instances
      .map((instance) => ({ ...instance, addresses: this.removableOf(instance) }))
      .filter(({ addresses }) => addresses.length > 0);
  }

  /** The process died while these were master. Gives their configurations, as it knew them, with the addresses to remove. */
  lose(masters: readonly string[]): readonly InstanceConfig[] {
    const lost = [...this.told, ...this.before].filter(({ name }) => masters.includes(name));
    this.lost = [...this.lost, ...lost];
    return this.withRemovable(lost);
  }

  /** A stop has left these in place. Gives them with the addresses to remove. */
  recall(masters: readonly InstanceConfig[]): readonly InstanceConfig[] {
    this.lost = masters;
    return this.withRemovable(masters);
  }

  /** Those of `names`, as the process was told of them last. */
  toldOf(names: readonly string[]): readonly InstanceConfig[] {
    return this.told.filter(({ name }) => names.includes(name));
  }

  /** What may be on the interfaces, each address once. */
  get held(): readonly AddressOnInterface[] {
    return [...this.removable(this.told), ...this.beside(this.told, [...this.before, ...this.lost])];
  }

  /** What a process that died may have left, and none of `instances` has. */
  orphansBeside(instances: readonly InstanceConfig[]): readonly AddressOnInterface[] {
    return this.beside(instances, this.lost);
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

  /** The addresses of `others` that none of `instances` has, each once. */
  private beside(
    instances: readonly InstanceConfig[],
    others: readonly InstanceConfig[],
  ): readonly AddressOnInterface[] {
    const configured = new Set(instances.flatMap(({ addresses }) => addresses).map(addressKey));
    const found = new Map(this.removable(others).map((address) => [addressKey(address), address]));
    return [...found].flatMap(([key, address]) => (configured.has(key) ? [] : [address]));
  }
}
