// What vipd wants of the kernel's links, addresses and neighbours. Everything is synchronous: the kernel's answer
// is there when the call returns. Failures of single addresses are values; a call that cannot be made at all throws.

import type { Prefix } from "../core/address.js";
import type { RoutingItem } from "../core/routing.js";
import type { InterfaceAddress, Link, Neighbour } from "../netlink/route.js";

/** An address to add or remove. */
export type AddressOrder = { readonly ifindex: number; readonly prefix: Prefix };

/** `unchanged`: what was ordered was so already (present before adding, absent before removing). */
export type AddressOutcome =
  | { readonly ok: true; readonly unchanged: boolean }
  /** `error` is for people: errno name and the kernel's own words. */
  | { readonly ok: false; readonly code: string; readonly error: string };

export type RouteEvent =
  | { readonly kind: "link"; readonly change: "new" | "deleted"; readonly link: Link }
  | { readonly kind: "address"; readonly change: "new" | "deleted"; readonly address: InterfaceAddress }
  /** Events were lost: read links and addresses again. */
  | { readonly kind: "resync" };

export type RouteKernel = {
  links(): readonly Link[];
  /** All addresses of both families, in the kernel's order. */
  addresses(): readonly InterfaceAddress[];
  /** Neighbours (ARP and ND entries) of all links. */
  neighbours(): readonly Neighbour[];
  /** In as few system calls as possible; outcome i belongs to order i. IPv6 addresses skip duplicate address detection and are no source. */
  addAddresses(orders: readonly AddressOrder[]): readonly AddressOutcome[];
  removeAddresses(orders: readonly AddressOrder[]): readonly AddressOutcome[];
  /** Routes and rules, marked as ours; outcome i belongs to item i. One that is there already is left as it is. */
  addRouting(items: readonly RoutingItem[]): readonly AddressOutcome[];
  /** Removes those that are marked as ours, and no others. */
  removeRouting(items: readonly RoutingItem[]): readonly AddressOutcome[];
  /** Calls `onEvent` for changes from now on; the result ends it. */
  subscribe(onEvent: (event: RouteEvent) => void): () => void;
  close(): void;
};
