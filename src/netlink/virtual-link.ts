// Messages of rtnetlink about the link of a virtual router: a macvlan on the director's own interface, with the
// virtual MAC address (linux/if_link.h). Made, switched on and off, looked at and deleted. IPv4 settings of
// interfaces go this way too, and not through /proc/sys, which a hardened service may not write.

import { macBytes, macFromBytes, type MacAddress } from "../core/address.js";
import { Reader, type Writer } from "../core/bytes.js";
import { attributes, binary, cstring, nested, u32, u8 } from "./attribute.js";
import { CREATE, EXCLUSIVE, payloadOf, type Message, type Request } from "./message.js";
import { DELETE_LINK, NEW_LINK } from "./route.js";

/** RTM_GETLINK. */
const GET_LINK = 18;
const IFF_UP = 0x1;
/**
 * MACVLAN_MODE_BRIDGE. In the other modes the link takes every frame that comes with its own MAC address as source
 * for itself, and another master's adverts have just that: the interface below would not hear them.
 */
const BRIDGE_MODE = 4;
/** IN6_ADDR_GEN_MODE_NONE: no IPv6 address is made of the virtual MAC address (RFC 9568 section 7.4). */
const NO_GENERATED_ADDRESS = 1;

/** IPV4_DEVCONF_*. <linux/ip.h> */
const SETTINGS = { rpFilter: 8, arpAnnounce: 18, arpIgnore: 19 } as const;
/** Of an interface: net.ipv4.conf.IF.rp_filter, arp_announce and arp_ignore. */
export type Ipv4Settings = { readonly [K in keyof typeof SETTINGS]: number };

/** IFLA_*, and within them IFLA_INFO_*, IFLA_MACVLAN_*, IFLA_INET_CONF, IFLA_INET6_ADDR_GEN_MODE. */
const macvlan = attributes({ mode: [1, u32] });
const info = attributes({ kind: [1, cstring], data: [2, nested(macvlan)] });
const settingsTable = attributes({
  rpFilter: [SETTINGS.rpFilter, u32],
  arpAnnounce: [SETTINGS.arpAnnounce, u32],
  arpIgnore: [SETTINGS.arpIgnore, u32],
});
const familiesToSet = attributes({
  inet: [2, nested(attributes({ conf: [1, nested(settingsTable)] }))],
  inet6: [10, nested(attributes({ generate: [8, u8] }))],
});
/** In an answer the settings are an array of numbers in host order; the first one has number 1. */
const familiesTold = attributes({ inet: [2, nested(attributes({ conf: [1, binary] }))] });
const linkToSet = attributes({
  mac: [1, binary],
  name: [3, cstring],
  base: [5, u32],
  info: [18, nested(info)],
  alias: [20, cstring],
  families: [26, nested(familiesToSet)],
});
const linkTold = attributes({
  mac: [1, binary],
  name: [3, cstring],
  base: [5, u32],
  info: [18, nested(info)],
  alias: [20, cstring],
  families: [26, nested(familiesTold)],
});

/** What there is under a name. */
export type LinkDetails = {
  readonly index: number;
  readonly up: boolean;
  /** "macvlan", "bridge", ...; absent for hardware. */
  readonly type?: string;
  readonly mac?: MacAddress;
  /** The link it lies on; 0: none. */
  readonly base: number;
  /** What an administrator, or vipd, wrote on it. */
  readonly alias: string;
  /** Absent where the kernel does not tell. */
  readonly ipv4?: Ipv4Settings;
};

/** struct ifinfomsg: family, padding, type, index, flags, change. */
const header = (out: Writer, index: number, flags = 0, change = 0): Writer =>
  out.u8(0).u8(0).u16ne(0).u32ne(index).u32ne(flags).u32ne(change);

export const addMacvlanRequest = (name: string, base: number, mac: MacAddress): Request => ({
  type: NEW_LINK,
  flags: CREATE | EXCLUSIVE,
  body(out) {
    linkToSet.write(header(out, 0), {
      mac: macBytes(mac),
      name,
      base,
      info: { kind: "macvlan", data: { mode: BRIDGE_MODE } },
    });
  },
});

/** Writes the alias; by name, so that it can follow the request that makes the link. */
export const setAliasRequest = (name: string, alias: string): Request => ({
  type: NEW_LINK,
  flags: 0,
  body: (out) => linkToSet.write(header(out, 0), { name, alias }),
});

export const setIpv4Request = (name: string, settings: Partial<Ipv4Settings>): Request => ({
  type: NEW_LINK,
  flags: 0,
  body: (out) => linkToSet.write(header(out, 0), { name, families: { inet: { conf: settings } } }),
});

/** Refused (EAFNOSUPPORT) by a kernel without IPv6, which makes no addresses either. */
export const noGeneratedAddressRequest = (name: string): Request => ({
  type: NEW_LINK,
  flags: 0,
  body: (out) =>
    linkToSet.write(header(out, 0), { name, families: { inet6: { generate: NO_GENERATED_ADDRESS } } }),
});

export const switchLinkRequest = (index: number, up: boolean): Request => ({
  type: NEW_LINK,
  flags: 0,
  body: (out) => void header(out, index, up ? IFF_UP : 0, IFF_UP),
});

export const deleteLinkRequest = (index: number): Request => ({
  type: DELETE_LINK,
  flags: 0,
  body: (out) => void header(out, index),
});

export const linkDetailsRequest = (name: string): Request => ({
  type: GET_LINK,
  flags: 0,
  body: (out) => linkToSet.write(header(out, 0), { name }),
});

/** Undefined for what cannot be read. */
export function readLinkDetails(message: Message): LinkDetails | undefined {
  const input = payloadOf(message);
  input.skip("family, padding and type", 4);
  const index = input.u32ne("index");
  const flags = input.u32ne("flags");
  input.skip("change", 4);
  const { mac, base, info: kind, alias, families } = linkTold.read(input, input.remaining);
  if (input.error !== undefined) return undefined;
  const conf = families?.inet?.conf;
  return {
    index,
    up: (flags & IFF_UP) !== 0,
    ...(kind?.kind !== undefined && { type: kind.kind }),
    ...(mac?.length === 6 && { mac: macFromBytes(mac) }),
    base: base ?? 0,
    alias: alias ?? "",
    ...(conf !== undefined && conf.length >= 4 * SETTINGS.arpIgnore && { ipv4: settingsIn(conf) }),
  };
}

function settingsIn(conf: Uint8Array): Ipv4Settings {
  const value = (number: number): number => new Reader(conf, 4 * (number - 1)).u32ne("setting");
  return {
    rpFilter: value(SETTINGS.rpFilter),
    arpAnnounce: value(SETTINGS.arpAnnounce),
    arpIgnore: value(SETTINGS.arpIgnore),
  };
}
