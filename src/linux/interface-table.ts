// The interfaces of this network namespace as they are now: read once, then kept up to date by rtnetlink
// events, so that looking one up costs nothing. Says when something changed; many changes at once are said once.

import { formatPrefix, type IpAddress, type Prefix } from "../core/address.js";
import type { InterfaceAddress, Link } from "../netlink/route.js";
import type { RouteEvent, RouteKernel } from "../ports/route.js";
import type { AddressView, Interfaces, InterfaceView } from "../ports/vrrp.js";
import { NetlinkError } from "./netlink-socket.js";

/** Until a list that changed all the time while it was read is read again. */
const READ_AGAIN_MS = 100;

export type InterfaceListener = {
  /** Interfaces or their addresses changed. */
  changed(): void;
  /** This address went, whoever deleted it. */
  addressGone(ifindex: number, prefix: Prefix): void;
  /** These lost their carrier and had it back before anybody heard of it; nothing of them has changed. */
  blinked(ifindexes: ReadonlySet<number>): void;
};

export class InterfaceTable implements Interfaces {
  private readonly kernel: RouteKernel;
  private readonly listener: InterfaceListener;
  private readonly links = new Map<number, Link>();
  /** By interface, then by their text; a Map keeps the kernel's order. */
  private readonly addresses = new Map<number, Map<string, AddressView>>();
  /** Made when asked for, dropped at a change. */
  private readonly views = new Map<string, InterfaceView>();
  private readonly indices = new Map<string, number>();
  private readonly unsubscribe: () => void;
  private announced = false;
  private reading: NodeJS.Timeout | undefined;
  private readonly blinks = new Set<number>();
  private gone: { readonly ifindex: number; readonly prefix: Prefix }[] = [];

  constructor(kernel: RouteKernel, listener: InterfaceListener) {
    this.kernel = kernel;
    this.listener = listener;
    // First the events, then the state: what happens in between is heard twice rather than not at all.
    this.unsubscribe = kernel.subscribe((event) => this.take(event));
    this.read();
  }

  find(name: string): InterfaceView | undefined {
    const known = this.views.get(name);
    if (known !== undefined) return known;
    const index = this.indices.get(name);
    const link = index === undefined ? undefined : this.links.get(index);
    if (index === undefined || link === undefined) return undefined;
    const view = {
      index,
      up: link.up && link.running,
      multicast: link.multicast,
      mac: link.mac,
      addresses: [...(this.addresses.get(index)?.values() ?? [])],
    };
    this.views.set(name, view);
    return view;
  }

  has(address: IpAddress): boolean {
    for (const list of this.addresses.values())
      for (const one of list.values()) if (one.address === address) return true;
    return false;
  }

  /** Knows a link at once that we have made; the kernel's own news of it comes with the next turn of the loop. */
  learn(link: Link): void {
    this.putLink(link);
  }

  close(): void {
    this.unsubscribe();
    clearTimeout(this.reading);
  }

  /**
   * Reads everything anew. Where interfaces come and go all the time the kernel may not manage to list them
   * undisturbed: what was known stays then, and the next try follows.
   */
  private read(): void {
    clearTimeout(this.reading);
    let links: readonly Link[];
    let addresses: readonly InterfaceAddress[];
    try {
      links = this.kernel.links();
      addresses = this.kernel.addresses();
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      this.reading = setTimeout(() => {
        this.read();
        this.announce();
      }, READ_AGAIN_MS);
      return;
    }
    const before = new Map(this.addresses);
    for (const link of links) this.noticeBlink(link);
    this.links.clear();
    this.addresses.clear();
    this.indices.clear();
    this.views.clear();
    for (const link of links) this.putLink(link);
    for (const address of addresses) this.putAddress(address);
    for (const [ifindex, list] of before)
      for (const [text, prefix] of list)
        if (this.addresses.get(ifindex)?.has(text) !== true) this.gone.push({ ifindex, prefix });
  }

  private take(event: RouteEvent): void {
    switch (event.kind) {
      case "link":
        if (event.change === "deleted") this.dropLink(event.link);
        else {
          this.tellOfFlap(event.link);
          const isBlink = this.noticeBlink(event.link);
          if (!this.putLink(event.link) && !isBlink) return;
        }
        break;
      case "address":
        if (event.change === "new") this.putAddress(event.address);
        else this.dropAddress(event.address);
        break;
      case "resync":
        this.read();
        break;
    }
    this.announce();
  }

  /** False when it says nothing new: the kernel also tells of changes that are none of our business. */
  private putLink(link: Link): boolean {
    const old = this.links.get(link.index);
    if (old !== undefined && sameLink(old, link)) {
      this.links.set(link.index, link);
      return false;
    }
    if (old !== undefined && old.name !== link.name) this.forgetName(old);
    this.links.set(link.index, link);
    this.indices.set(link.name, link.index);
    this.views.delete(link.name);
    return true;
  }

  private dropLink(link: Link): void {
    const old = this.links.get(link.index);
    if (old === undefined) return;
    this.forgetName(old);
    this.links.delete(link.index);
    this.addresses.delete(link.index);
  }

  private forgetName(link: Link): void {
    this.views.delete(link.name);
    if (this.indices.get(link.name) === link.index) this.indices.delete(link.name);
  }

  private putAddress({ ifindex, prefix, tentative }: InterfaceAddress): void {
    let list = this.addresses.get(ifindex);
    if (list === undefined) this.addresses.set(ifindex, (list = new Map<string, AddressView>()));
    list.set(formatPrefix(prefix), { ...prefix, tentative });
    this.forgetView(ifindex);
  }

  private dropAddress({ ifindex, prefix }: InterfaceAddress): void {
    this.addresses.get(ifindex)?.delete(formatPrefix(prefix));
    this.forgetView(ifindex);
    this.listener.addressGone(ifindex, prefix);
  }

  private forgetView(ifindex: number): void {
    const link = this.links.get(ifindex);
    if (link !== undefined) this.views.delete(link.name);
  }

  private announce(): void {
    if (this.announced) return;
    this.announced = true;
    setImmediate(() => {
      if (this.announced) this.tell();
    });
  }

  private tell(): void {
    this.announced = false;
    const gone = this.gone;
    this.gone = [];
    // Addresses that went with their interface are no news once it is known that the interface went.
    this.listener.changed();
    if (this.blinks.size > 0) this.listener.blinked(new Set(this.blinks));
    this.blinks.clear();
    for (const { ifindex, prefix } of gone) this.listener.addressGone(ifindex, prefix);
  }

  /** A link that is back before anybody has heard that it was away: it still was, and its neighbours may have noticed. */
  private tellOfFlap(link: Link): void {
    const old = this.links.get(link.index);
    const isBack = old !== undefined && !(old.up && old.running) && link.up && link.running;
    if (isBack && this.announced) this.tell();
  }

  /** Whether its carrier went and came although it never seemed to be away. */
  private noticeBlink(link: Link): boolean {
    const old = this.links.get(link.index);
    const wasUp = old !== undefined && old.up && old.running;
    if (!wasUp || !link.up || !link.running) return false;
    // A link of our own making is known before the kernel has counted anything.
    if (old.carrierChanges === undefined || old.carrierChanges === link.carrierChanges) return false;
    this.blinks.add(link.index);
    return true;
  }
}

const sameLink = (a: Link, b: Link): boolean =>
  a.name === b.name &&
  a.up === b.up &&
  a.running === b.running &&
  a.multicast === b.multicast &&
  a.mac === b.mac;
