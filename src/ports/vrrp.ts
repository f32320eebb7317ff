// What the VRRP engine needs of the outside: time, adverts, frames, addresses and a place to report to. All
// calls are synchronous. A simulation implements every port and runs the real engine and the real codecs.

import type { Family, IpAddress, MacAddress } from "../core/address.js";
import type { Instant } from "../core/units.js";
import type { VipdEvent } from "../control/event.js";
import type { HmacSha256 } from "../vrrp/hmac.js";
import type { PacketFilter } from "./packet-filter.js";
import type { RouteKernel } from "./route.js";
import type { VirtualLinks } from "./virtual-links.js";

export type Clock = { now(): Instant };

/** What authenticated adverts need besides. */
export type Hmac = {
  /** The wall clock, milliseconds since 1970. */
  utc(): number;
  readonly sha256: HmacSha256;
};

/** The one wake-up of the engine: it calls `wake` at or after the last deadline given. */
export type Wakeup = { arm(at: Instant | undefined): void };

/** Adverts of both families, by multicast or unicast, over any number of interfaces. */
export type AdvertLink = {
  /** Starts to receive a family's group on an interface; a text says why it cannot. Joining twice is harmless. */
  join(ifindex: number, family: Family): string | undefined;
  leave(ifindex: number, family: Family): void;
  /** The virtual router ids wanted, so that others can be dropped before they cost anything. */
  setVirtualRouters(family: Family, ids: readonly number[]): void;
  /** Copies the VRRP message `bytes` into the queue; addresses are 4 or 16 bytes in network order. */
  queue(ifindex: number, source: Uint8Array, destination: Uint8Array, bytes: Uint8Array): void;
  /** Sends what is queued in as few system calls as possible. */
  flush(): void;
  /** Hands received packets to the engine now, within a budget. */
  receive(): void;
};

export type Frame = { readonly ifindex: number; readonly bytes: Uint8Array };

/** Tells the neighbours of an interface where addresses are. */
export type Neighbours = {
  /** Sends all frames, in order. */
  announce(frames: readonly Frame[]): void;
  /** The addresses of which the engine wants to hear when others say that they hold them. */
  watch(addresses: readonly IpAddress[]): void;
};

/** Virtual addresses in the kernel. */
export type Addresses = Pick<RouteKernel, "addAddresses" | "removeAddresses">;

/** Routes and rules in the kernel. */
export type RoutingTables = Pick<RouteKernel, "addRouting" | "removeRouting">;

/** An interface as it is now. */
export type InterfaceView = {
  readonly index: number;
  /** Administratively up, with a carrier. */
  readonly up: boolean;
  /** Carries multicast (IFF_MULTICAST), as loopback does not. */
  readonly multicast: boolean;
  readonly mac: MacAddress | undefined;
  /** Its addresses, in the kernel's order, the primary one first. Where they are others, so is the list. */
  readonly addresses: readonly AddressView[];
};
export type AddressView = {
  readonly address: IpAddress;
  /** Of its prefix. */
  readonly length: number;
  /** IPv6: not shown to be unique yet, or shown not to be. Nothing can be sent from it. */
  readonly tentative?: boolean;
};
export type Interfaces = {
  find(name: string): InterfaceView | undefined;
  /** Whether an interface of this host, whichever, has the address. */
  has(address: IpAddress): boolean;
};

export type VrrpPorts = {
  readonly clock: Clock;
  readonly hmac: Hmac;
  readonly wakeup: Wakeup;
  readonly link: AdvertLink;
  readonly neighbours: Neighbours;
  readonly addresses: Addresses;
  readonly routing: RoutingTables;
  readonly virtualLinks: VirtualLinks;
  readonly packetFilter: PacketFilter;
  readonly interfaces: Interfaces;
  readonly report: (event: VipdEvent) => void;
  /** Of an owner's addresses these, by `placeKey`, are there because we added them; what was said before is void. */
  readonly ownerAdded: (instance: string, added: readonly string[]) => void;
};
