// What VRRP instances need of interfaces: an address to send from, nothing in the way, the membership of the
// VRRP group, and that an interface is still the one it was. Answers questions; what follows from the answers
// is the engine's and the machine's business.

import { familyOf, type IpAddress } from "../core/address.js";
import type { AdvertLink, Interfaces } from "../ports/vrrp.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { OWNER_PRIORITY, type Event } from "../vrrp/state.js";

export type LinkTrouble = Extract<Event, { kind: "link-down" }>["cause"];
/** Interfaces by name; 0: there is none of that name. */
export type Indices = ReadonlyMap<string, number>;

/**
 * Where adverts come from: as configured, if that is an address of this host, or the interface's first address
 * that is nobody's virtual one. `virtual` holds all virtual addresses: none is a source of adverts, even when a
 * crash left it behind.
 */
export function sourceOf(
  config: InstanceConfig,
  interfaces: Interfaces,
  virtual: ReadonlySet<IpAddress>,
): IpAddress | undefined {
  const { sourceAddress } = config;
  // The kernel refuses to send from any other.
  if (sourceAddress !== undefined) return interfaces.has(sourceAddress) ? sourceAddress : undefined;
  const view = interfaces.find(config.interface);
  const own = view?.addresses.map(({ address }) => address).filter((address) => familyOf(address) === "ipv4");
  // The owner's own addresses are the virtual ones.
  if (config.priority === OWNER_PRIORITY) return own?.[0];
  return own?.find((address) => !virtual.has(address));
}

/** What keeps an instance from taking part. One whose addresses lie on another interface than its adverts needs both. */
export function troubleOf(
  config: InstanceConfig,
  interfaces: Interfaces,
  source: IpAddress | undefined,
): LinkTrouble | undefined {
  for (const name of namesOf(config)) {
    const view = interfaces.find(name);
    if (view === undefined) return { kind: "interface-missing", interface: name };
    if (!view.up) return { kind: "interface-down", interface: name };
    if (name !== config.interface) continue;
    if (!view.multicast && config.unicast === undefined) return { kind: "no-multicast", interface: name };
    if (source === undefined) return noSource(config);
  }
  return undefined;
}

const noSource = ({ interface: on, sourceAddress: wanted }: InstanceConfig): LinkTrouble => ({
  kind: "no-source-address",
  interface: on,
  ...(wanted !== undefined && { wanted }),
});

export const indicesOf = (config: InstanceConfig, interfaces: Interfaces): Indices =>
  new Map([...namesOf(config)].map((name) => [name, interfaces.find(name)?.index ?? 0]));

/**
 * The interface that was deleted and made again under its name since `before`: addresses and memberships went
 * with the old one, although there never seemed to be none.
 */
export function replaced(before: Indices, now: Indices): string | undefined {
  for (const [name, index] of now) {
    const old = before.get(name) ?? 0;
    if (old !== 0 && index !== 0 && index !== old) return name;
  }
  return undefined;
}

/** Its own interface first. */
const namesOf = (config: InstanceConfig): ReadonlySet<string> =>
  new Set([config.interface, ...config.addresses.map((address) => address.interface)]);

/** The interfaces on which the VRRP group is joined, and for how many instances. */
export class Memberships {
  private readonly link: Pick<AdvertLink, "join" | "leave">;
  private readonly users = new Map<number, number>();

  constructor(link: Pick<AdvertLink, "join" | "leave">) {
    this.link = link;
  }

  /** Gives why not, for a person; `leave` belongs to a refused one too. Index 0 is no interface. */
  join(ifindex: number): string | undefined {
    if (ifindex === 0) return undefined;
    this.users.set(ifindex, (this.users.get(ifindex) ?? 0) + 1);
    return this.link.join(ifindex);
  }

  leave(ifindex: number): void {
    const users = this.users.get(ifindex);
    if (users === undefined) return;
    if (users > 1) this.users.set(ifindex, users - 1);
    else {
      this.users.delete(ifindex);
      this.link.leave(ifindex);
    }
  }
}
