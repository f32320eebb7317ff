// The links of virtual routers by rtnetlink: macvlans with the virtual MAC address, which carry our mark in their
// alias. Also sets what the interfaces need, so that the virtual addresses are answered for with the virtual MAC
// address and with no other, and puts back what it found.

import { writeFileSync } from "node:fs";
import type { Acknowledgement, Request } from "../netlink/message.js";
import {
  addMacvlanRequest,
  deleteLinkRequest,
  linkDetailsRequest,
  noGeneratedAddressRequest,
  readLinkDetails,
  setAliasRequest,
  setIpv4Request,
  switchLinkRequest,
  type Ipv4Settings,
  type LinkDetails,
} from "../netlink/virtual-link.js";
import type { Link } from "../netlink/route.js";
import type { VirtualLinkOrder, VirtualLinks } from "../ports/virtual-links.js";
import { NETLINK_PROTOCOL } from "./constants.js";
import { errno } from "./errno.js";
import { native } from "./native.js";
import { describeErrno, NetlinkError, NetlinkSocket } from "./netlink-socket.js";

/** How the alias of a link begins that is ours. */
const MARK = "vipd: virtual router of ";

/**
 * Of the virtual link. It answers for its own addresses alone (arp_ignore 1), asks with an address of its own
 * (arp_announce 2), and takes packets whose way back leads over the interface below (rp_filter 2, loose: with "all"
 * at 1 a 0 here would not do).
 */
const LINK_SETTINGS: Ipv4Settings = { rpFilter: 2, arpAnnounce: 2, arpIgnore: 1 };
/**
 * Of the interface below, which would otherwise answer for the virtual addresses with its own MAC address, and ask
 * for its neighbours in their name.
 */
const BASE_SETTINGS = { arpAnnounce: 2, arpIgnore: 1 } as const;

/** What the interface below had before. */
export type BaseSettings = Pick<Ipv4Settings, "arpAnnounce" | "arpIgnore">;

/** Router advertisements would give the link addresses made of the virtual MAC address (RFC 9568 section 7.4). */
const IPV6_SETTINGS = { accept_ra: "0", accept_dad: "0" } as const;

export class MacvlanLinks implements VirtualLinks {
  private readonly socket = new NetlinkSocket(NETLINK_PROTOCOL.ROUTE);
  private readonly onMade: (link: Link) => void;

  /** `onMade` is told of a link that is there now and was not before. Throws when no netlink socket can be had. */
  constructor(onMade: (link: Link) => void = () => undefined) {
    this.onMade = onMade;
  }

  ensure(order: VirtualLinkOrder): string | undefined {
    const { name, base, mac } = order;
    const below = this.find(base);
    if (below === undefined) return `there is no interface ${base}`;
    const there = this.find(name);
    if (there !== undefined && !isOurs(there))
      return `there is another interface ${name}, which is not vipd's`;
    const fits = there?.mac === mac && there.base === below.index && there.type === "macvlan";
    if (there !== undefined && !fits) this.socket.transact([deleteLinkRequest(there.index)]);
    if (!fits) {
      const error = this.make(order, below.index);
      if (error !== undefined) return error;
      const index = native.ifIndex(name);
      this.onMade({ index, name, mac, up: false, running: false, multicast: true });
    }
    return this.settle(name, base, below);
  }

  switch(name: string, up: boolean): string | undefined {
    const index = native.ifIndex(name);
    if (index < 0) return up ? `switch on ${name}: it is gone` : undefined;
    return this.change(switchLinkRequest(index, up), `switch ${up ? "on" : "off"} ${name}`);
  }

  remove(name: string): string | undefined {
    const there = this.find(name);
    if (there === undefined || !isOurs(there)) return undefined;
    return this.change(deleteLinkRequest(there.index), `delete ${name}`);
  }

  /** Whether there is a link of ours under this name. */
  has(name: string): boolean {
    const there = this.find(name);
    return there !== undefined && isOurs(there);
  }

  /** What an interface has now; undefined where there is none. */
  baseSettings(name: string): BaseSettings | undefined {
    const ipv4 = this.find(name)?.ipv4;
    return ipv4 && { arpAnnounce: ipv4.arpAnnounce, arpIgnore: ipv4.arpIgnore };
  }

  /** Puts back what an interface had, where it still has what we set. */
  restore(name: string, before: BaseSettings): string | undefined {
    const now = this.baseSettings(name);
    if (now === undefined) return undefined;
    const wanted = settingsOver(before);
    const settings = {
      ...(now.arpAnnounce === wanted.arpAnnounce && { arpAnnounce: before.arpAnnounce }),
      ...(now.arpIgnore === wanted.arpIgnore && { arpIgnore: before.arpIgnore }),
    };
    return this.change(setIpv4Request(name, settings), `restore the ARP settings of ${name}`);
  }

  close(): void {
    this.socket.close();
  }

  /** In one system call, so that nobody finds the link without its mark. */
  private make({ name, mac, instance }: VirtualLinkOrder, base: number): string | undefined {
    const [made, marked] = this.socket.transact([
      addMacvlanRequest(name, base, mac),
      setAliasRequest(name, `${MARK}${instance}`),
    ]) as [Acknowledgement, Acknowledgement];
    const failed = [made, marked].find((answer) => answer.errno !== 0);
    return failed && `make the virtual link ${name}: ${describeErrno(failed)}`;
  }

  private settle(name: string, base: string, below: LinkDetails): string | undefined {
    const [generated, own, lower] = this.socket.transact([
      noGeneratedAddressRequest(name),
      setIpv4Request(name, LINK_SETTINGS),
      setIpv4Request(base, below.ipv4 === undefined ? BASE_SETTINGS : settingsOver(below.ipv4)),
    ]) as [Acknowledgement, Acknowledgement, Acknowledgement];
    for (const [key, value] of Object.entries(IPV6_SETTINGS)) writeIpv6(name, key, value);
    if (generated.errno !== 0 && generated.errno !== errno.EAFNOSUPPORT)
      return `keep ${name} without IPv6 addresses of its own: ${describeErrno(generated)}`;
    if (own.errno !== 0) return `set how ${name} answers ARP: ${describeErrno(own)}`;
    return lower.errno === 0 ? undefined : `set how ${base} answers ARP: ${describeErrno(lower)}`;
  }

  private find(name: string): LinkDetails | undefined {
    try {
      return this.socket.query("look at a link", linkDetailsRequest(name), readLinkDetails);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === "ENODEV") return undefined;
      throw error;
    }
  }

  private change(request: Request, what: string): string | undefined {
    const [answer] = this.socket.transact([request]) as [Acknowledgement];
    return answer.errno === 0 || answer.errno === errno.ENODEV
      ? undefined
      : `${what}: ${describeErrno(answer)}`;
  }
}

const isOurs = ({ alias }: LinkDetails): boolean => alias.startsWith(MARK);

/** Stricter settings of an administrator stay. */
const settingsOver = (now: BaseSettings): BaseSettings => ({
  arpAnnounce: BASE_SETTINGS.arpAnnounce,
  arpIgnore: Math.max(BASE_SETTINGS.arpIgnore, now.arpIgnore),
});

/** Where /proc/sys is read-only, as in the hardened unit, a router, which takes no advertisements, needs none of it. */
function writeIpv6(name: string, key: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/${key}`, value);
  } catch {
    // Without IPv6 there is no such file either.
  }
}
