// Messages of rtnetlink (linux/rtnetlink.h) about links, addresses and neighbours: requests from, and answers to,
// plain values. Pure; answers that cannot be read give undefined.

import {
  familyOf,
  ipBytes,
  ipFromBytes,
  macFromBytes,
  type IpAddress,
  type MacAddress,
  type Prefix,
} from "../core/address.js";
import { Writer } from "../core/bytes.js";
import { attributes, binary, cstring, u32 } from "./attribute.js";
import { CREATE, EXCLUSIVE, payloadOf, type Message, type Request } from "./message.js";

/** RTM_*. */
export const NEW_LINK = 16;
export const DELETE_LINK = 17;
const GET_LINK = 18;
export const NEW_ADDRESS = 20;
export const DELETE_ADDRESS = 21;
const GET_ADDRESS = 22;
const GET_NEIGHBOUR = 30;

/** RTMGRP_*: link, IPv4 addresses, IPv6 addresses. */
export const ROUTE_GROUPS = 0x1 | 0x10 | 0x100;

const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;
const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
const IFF_MULTICAST = 0x1000;
const IFA_F_SECONDARY = 0x01;
const IFA_F_NODAD = 0x02;
const IFA_F_OPTIMISTIC = 0x04;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;

/** IFLA_*, IFA_*, NDA_*. */
const linkAttributes = attributes({ mac: [1, binary], name: [3, cstring], carrierChanges: [35, u32] });
const addressAttributes = attributes({ address: [1, binary], local: [2, binary], lifetimes: [6, binary] });
const neighbourAttributes = attributes({ address: [1, binary], mac: [2, binary] });

export type Link = {
  readonly index: number;
  readonly name: string;
  /** Switched on (IFF_UP). */
  readonly up: boolean;
  /** Able to carry packets (IFF_RUNNING): has its carrier, or needs none. */
  readonly running: boolean;
  /** How often its carrier came or went: the kernel tells of a carrier that is back within a second as of no change. */
  readonly carrierChanges?: number;
  /** Absent on links without 48-bit addresses. */
  readonly mac?: MacAddress;
  /** Carries multicast (IFF_MULTICAST); loopback does not. */
  readonly multicast: boolean;
};

export type InterfaceAddress = {
  readonly ifindex: number;
  readonly prefix: Prefix;
  /** A later IPv4 address in the network of an earlier one; the kernel picks no source address from it by itself. */
  readonly secondary: boolean;
  /** An IPv6 address that is not shown to be unique yet, or shown not to be: nothing can be sent from it. */
  readonly tentative: boolean;
};

export type Neighbour = {
  readonly ifindex: number;
  readonly address: IpAddress;
  /** Absent while the kernel is still asking, or has given up. */
  readonly mac?: MacAddress;
};

/** struct ifinfomsg: family, padding, type, index, flags, change. */
export const linksRequest: Request = { type: GET_LINK, flags: 0, body: (out) => void out.zeros(16) };
/** struct ifaddrmsg: family, prefix length, flags, scope, index. Family 0 asks for all. */
export const addressesRequest: Request = { type: GET_ADDRESS, flags: 0, body: (out) => void out.zeros(8) };
/** struct ndmsg: family, padding, index, state, flags, type. */
export const neighboursRequest: Request = {
  type: GET_NEIGHBOUR,
  flags: 0,
  body: (out) => void out.zeros(12),
};

/**
 * struct ifa_cacheinfo: preferred for 0 s, valid for ever. The kernel then takes no such IPv6 address for connections
 * of this host (RFC 6724 rule 3), as it takes no secondary IPv4 address: they would break when the address moves, and
 * a real server that carries it, too, would answer itself.
 */
const DEPRECATED = new Writer(16).u32ne(0).u32ne(0xffffffff).u32ne(0).u32ne(0).finish();

export const addAddressRequest = (ifindex: number, prefix: Prefix): Request => ({
  ...addressRequest(NEW_ADDRESS, ifindex, prefix),
  flags: CREATE | EXCLUSIVE,
});
export const removeAddressRequest = (ifindex: number, prefix: Prefix): Request =>
  addressRequest(DELETE_ADDRESS, ifindex, prefix);

function addressRequest(type: number, ifindex: number, prefix: Prefix): Request {
  const v6 = familyOf(prefix.address) === "ipv6";
  const bytes = ipBytes(prefix.address);
  // Duplicate address detection would hold an IPv6 address back for a second or more just when it is taken over.
  const flags = v6 && type === NEW_ADDRESS ? IFA_F_NODAD : 0;
  return {
    type,
    flags: 0,
    body(out) {
      out
        .u8(v6 ? AF_INET6 : AF_INET)
        .u8(prefix.length)
        .u8(flags)
        .u8(0)
        .u32ne(ifindex);
      const lifetimes = v6 && type === NEW_ADDRESS ? { lifetimes: DEPRECATED } : {};
      addressAttributes.write(out, { address: bytes, local: bytes, ...lifetimes });
    },
  };
}

export function readLink(message: Message): Link | undefined {
  const input = payloadOf(message);
  // Bridges and IPv6 speak of an interface in messages of their own family. Such a one that says "deleted" means
  // that the interface left its bridge, not that it is gone.
  if (input.u8("family") !== AF_UNSPEC) return undefined;
  input.skip("padding and type", 3);
  const index = input.u32ne("index");
  const flags = input.u32ne("flags");
  input.skip("change", 4);
  const { mac, name, carrierChanges } = linkAttributes.read(input, input.remaining);
  if (input.error !== undefined || name === undefined) return undefined;
  return {
    index,
    name,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_RUNNING) !== 0,
    ...(carrierChanges === undefined ? {} : { carrierChanges }),
    ...(mac?.length === 6 ? { mac: macFromBytes(mac) } : {}),
    multicast: (flags & IFF_MULTICAST) !== 0,
  };
}

export function readAddress(message: Message): InterfaceAddress | undefined {
  const input = payloadOf(message);
  input.skip("family", 1);
  const length = input.u8("prefix length");
  const flags = input.u8("flags");
  input.skip("scope", 1);
  const ifindex = input.u32ne("index");
  const { address, local } = addressAttributes.read(input, input.remaining);
  // On point-to-point links IFA_ADDRESS is the peer; IFA_LOCAL is ours, and absent where both are the same.
  const own = ipOf(local ?? address);
  if (input.error !== undefined || own === undefined) return undefined;
  // For IPv6 the bit means "temporary".
  const secondary = (flags & IFA_F_SECONDARY) !== 0 && familyOf(own) === "ipv4";
  return { ifindex, prefix: { address: own, length }, secondary, tentative: isTentative(own, flags) };
}

/** An optimistic address (RFC 4429) is used while it is being checked. */
const isTentative = (address: IpAddress, flags: number): boolean =>
  familyOf(address) === "ipv6" &&
  (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0 &&
  (flags & IFA_F_OPTIMISTIC) === 0;

export function readNeighbour(message: Message): Neighbour | undefined {
  const input = payloadOf(message);
  input.skip("family", 4);
  const ifindex = input.u32ne("index");
  input.skip("state, flags and type", 4);
  const { address, mac } = neighbourAttributes.read(input, input.remaining);
  const ip = ipOf(address);
  if (input.error !== undefined || ip === undefined) return undefined;
  return { ifindex, address: ip, ...(mac?.length === 6 ? { mac: macFromBytes(mac) } : {}) };
}

const ipOf = (bytes: Uint8Array | undefined): IpAddress | undefined =>
  bytes?.length === 4 || bytes?.length === 16 ? ipFromBytes(bytes) : undefined;
