// What VRRP instances need of interfaces: an address to send from, nothing in the way, the membership of the
// VRRP group, and that an interface is still the one it was. Answers questions; what follows from the answers
// is the engine's and the machine's business.

import { familyOf, isLinkLocal, type Family, type IpAddress } from "../core/address.js";
import type { AddressView, AdvertLink, Interfaces, InterfaceView } from "../ports/vrrp.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import { OWNER_PRIORITY, type Event } from "../vrrp/state.js";

export type LinkTrouble = Extract<Event, { kind: "link-down" }>["cause"];
/** Interfaces by name; 0: there is none of that name. */
export type Indices = ReadonlyMap<string, number>;

/**
 * Where adverts come from: as configured, if that is an address of this host, or the interface's first address
 * that is nobody's virtual one; over IPv6 by multicast always a link-local one of the interface (RFC 9568 section 5.1.2.1).
 * `virtual` holds all virtual addresses: none is a source of adverts, even when a crash left it behind.
 */
export function sourceOf(
  config: InstanceConfig,
  interfaces: Interfaces,
  virtual: ReadonlySet<IpAddress>,
): IpAddress | undefined {
  const { family, sourceAddress, unicast } = config;
  const view = interfaces.find(config.interface);
  const isSource = ({ address, tentative }: AddressView): boolean =>
    tentative !== true && mayBeSource(config, address);
  // The kernel refuses to send from any other; a link-local address is one on its own interface alone.
  if (sourceAddress !== undefined) {
    const own = view && addressOn(view, sourceAddress);
    const anywhere = family === "ipv4" || unicast !== undefined;
    const there = (own !== undefined && isSource(own)) || (anywhere && interfaces.has(sourceAddress));
    return there ? sourceAddress : undefined;
  }
  // The owner's own addresses are the virtual ones.
  const candidates = config.priority === OWNER_PRIORITY ? view?.addresses : view && notVirtual(view, virtual);
  return candidates?.find(isSource)?.address;
}

/**
 * What every instance asks of the same list: with hundreds of instances and thousands of addresses on an interface,
 * going through the list for each instance would take longer than an advert interval.
 */
type List = readonly AddressView[];
const byAddress = new WeakMap<List, ReadonlyMap<IpAddress, AddressView>>();
const withoutVirtual = new WeakMap<List, { readonly virtual: ReadonlySet<IpAddress>; readonly rest: List }>();

/** The address as it is on the interface. */
export function addressOn({ addresses }: InterfaceView, address: IpAddress): AddressView | undefined {
  let known = byAddress.get(addresses);
  if (known === undefined)
    // Of an address that is there with two prefixes the first counts, which is the kernel's first choice too.
    byAddress.set(addresses, (known = new Map(addresses.toReversed().map((one) => [one.address, one]))));
  return known.get(address);
}

function notVirtual({ addresses }: InterfaceView, virtual: ReadonlySet<IpAddress>): List {
  const known = withoutVirtual.get(addresses);
  if (known?.virtual === virtual) return known.rest;
  const rest = addresses.filter(({ address }) => !virtual.has(address));
  withoutVirtual.set(addresses, { virtual, rest });
  return rest;
}

/** IPv6 peers are reached from an address of their own scope. */
function mayBeSource({ family, unicast }: InstanceConfig, address: IpAddress): boolean {
  if (familyOf(address) !== family) return false;
  return family === "ipv4" || isLinkLocal(address) === (unicast?.peers.every(isLinkLocal) ?? true);
}

/** What keeps an instance from taking part. One whose addresses lie on another interface than its adverts needs both. */
export function troubleOf(
  config: InstanceConfig,
  interfaces: Interfaces,
  source: IpAddress | undefined,
): LinkTrouble | undefined {
  for (const name of namesOf(config)) {
    // It is switched off while we are not master.
    if (name === config.virtualMac?.name) continue;
    const view = interfaces.find(name);
    if (view === undefined) return { kind: "interface-missing", interface: name };
    if (!view.up) return { kind: "interface-down", interface: name };
    if (name !== config.interface) continue;
    if (!view.multicast && config.unicast === undefined) return { kind: "no-multicast", interface: name };
    if (source === undefined) return noSource(config);
  }
  return undefined;
}

const noSource = ({ interface: on, family, sourceAddress: wanted }: InstanceConfig): LinkTrouble => ({
  kind: "no-source-address",
  interface: on,
  family,
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

/** The interfaces on which the group of a family is joined, and for how many instances. */
export class Memberships {
  private readonly link: Pick<AdvertLink, "join" | "leave">;
  private readonly users = new Map<string, number>();

  constructor(link: Pick<AdvertLink, "join" | "leave">) {
    this.link = link;
  }

  /** Gives why not, for a person; `leave` belongs to a refused one too. Index 0 is no interface. */
  join(ifindex: number, family: Family): string | undefined {
    if (ifindex === 0) return undefined;
    const key = `${ifindex} ${family}`;
    this.users.set(key, (this.users.get(key) ?? 0) + 1);
    return this.link.join(ifindex, family);
  }

  leave(ifindex: number, family: Family): void {
    const key = `${ifindex} ${family}`;
    const users = this.users.get(key);
    if (users === undefined) return;
    if (users > 1) this.users.set(key, users - 1);
    else {
      this.users.delete(key);
      this.link.leave(ifindex, family);
    }
  }
}
