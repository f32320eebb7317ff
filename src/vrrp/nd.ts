// Neighbour discovery frames (RFC 4861) of a virtual IPv6 address: the unsolicited advertisement by which a new
// master tells its link where the address lives now (RFC 9568 section 6.4.2), the solicitation that asks whether
// somebody else holds it, and the reading of advertisements of others. Ethernet only.

import {
  ip,
  ipBytes,
  ipFromBytes,
  macBytes,
  macFromBytes,
  type IpAddress,
  type MacAddress,
} from "../core/address.js";
import { Writer } from "../core/bytes.js";
import { checksum, pseudoHeaderSum } from "../core/checksum.js";

const ETHERTYPE_IPV6 = 0x86dd;
const PROTOCOL_ICMPV6 = 58;
/** RFC 4861 section 7.1: others are ignored, because they may have crossed a router. */
const HOP_LIMIT = 255;
const SOLICITATION = 135;
export const ND_ADVERTISEMENT = 136;
const OPTION_SOURCE_MAC = 1;
const OPTION_TARGET_MAC = 2;
/** Flags of an advertisement (RFC 4861 section 4.4): a router, unasked for, and to be believed over what was known. */
const ROUTER_OVERRIDE = 0xa0000000;
const FRAME_LENGTH = 86;
const MESSAGE_LENGTH = 32;
const CHECKSUM_OFFSET = 2;
const TARGET_OFFSET = 8;
const OPTIONS_OFFSET = 24;
const ALL_NODES = ipBytes(ip("ff02::1"));
const SOLICITED_NODE = ipBytes(ip("ff02::1:ff00:0"));

/**
 * Unasked advertisement of `address` to all nodes, sent from the address itself as keepalived does. The router
 * flag is set as RFC 9568 wants it, whether or not this host forwards.
 */
export const unsolicitedAdvertisement = (mac: MacAddress, address: IpAddress): Uint8Array =>
  frame(macBytes(mac), ipBytes(address), ALL_NODES, {
    type: ND_ADVERTISEMENT,
    flags: ROUTER_OVERRIDE,
    target: ipBytes(address),
    option: OPTION_TARGET_MAC,
  });

/**
 * Asks who holds `address`. From `source`, an own link-local address, so that the answer comes to us alone: the
 * answer to a question from :: goes to all nodes, and would lead them to the other holder.
 */
export function neighbourSolicitation(mac: MacAddress, source: IpAddress, address: IpAddress): Uint8Array {
  const target = ipBytes(address);
  const group = SOLICITED_NODE.slice();
  group.set(target.subarray(13), 13);
  return frame(macBytes(mac), ipBytes(source), group, {
    type: SOLICITATION,
    flags: 0,
    target,
    option: OPTION_SOURCE_MAC,
  });
}

type Message = {
  readonly type: number;
  readonly flags: number;
  readonly target: Uint8Array;
  readonly option: number;
};

/*
 *  Ethernet: destination 6, source 6, type 2; IPv6: 40 bytes (RFC 8200 section 3); then RFC 4861 section 4.3, 4.4:
 *  +--------+--------+------------+---------+-----------+--------+----------+--------+
 *  | type 1 | code 1 | checksum 2 | flags 4 | target 16 | opt. 1 | length 1 |  MAC 6 |
 *  +--------+--------+------------+---------+-----------+--------+----------+--------+
 */
function frame(mac: Uint8Array, source: Uint8Array, group: Uint8Array, message: Message): Uint8Array {
  const body = new Writer(MESSAGE_LENGTH)
    .u8(message.type)
    .u8(0)
    .u16be(0)
    .u32be(message.flags)
    .raw(message.target)
    .u8(message.option)
    .u8(1)
    .raw(mac)
    .finish();
  const pseudo = pseudoHeaderSum(source, group, PROTOCOL_ICMPV6, MESSAGE_LENGTH);
  const sum = checksum(body, 0, body.length, pseudo);
  body[CHECKSUM_OFFSET] = sum >> 8;
  body[CHECKSUM_OFFSET + 1] = sum & 0xff;
  return (
    new Writer(FRAME_LENGTH)
      // RFC 2464 section 7: 33:33 and the last four bytes of the group.
      .u16be(0x3333)
      .raw(group.subarray(12))
      .raw(mac)
      .u16be(ETHERTYPE_IPV6)
      .u32be(0x60000000)
      .u16be(MESSAGE_LENGTH)
      .u8(PROTOCOL_ICMPV6)
      .u8(HOP_LIMIT)
      .raw(source)
      .raw(group)
      .raw(body)
      .finish()
  );
}

/**
 * Who says in this neighbour advertisement (`bytes[0..length)`, from the ICMPv6 header on) that it holds an
 * address; undefined for another message or one that does not tell its MAC.
 */
export function readAdvertisement(
  bytes: Uint8Array,
  length: number,
): { readonly mac: MacAddress; readonly address: IpAddress } | undefined {
  if (length < OPTIONS_OFFSET || bytes.length < length || bytes[0] !== ND_ADVERTISEMENT) return undefined;
  for (let at = OPTIONS_OFFSET; at + 8 <= length;) {
    const units = bytes[at + 1]!;
    if (units === 0) return undefined;
    if (bytes[at] === OPTION_TARGET_MAC && units === 1)
      return {
        mac: macFromBytes(bytes.subarray(at + 2, at + 8)),
        address: ipFromBytes(bytes.subarray(TARGET_OFFSET, OPTIONS_OFFSET)),
      };
    at += 8 * units;
  }
  return undefined;
}
