// Classic BPF programs for sockets (<linux/filter.h>), as the addon's attachFilter takes them. Pure.
// The kernel runs them before a packet costs us a wake-up.

import { Writer } from "../core/bytes.js";
import { IPPROTO } from "./constants.js";

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

/** Opcodes, put together from <linux/bpf_common.h>. */
const LD_BYTE_ABSOLUTE = 0x30;
const LD_WORD_ABSOLUTE = 0x20;
const LD_HALF_ABSOLUTE = 0x28;
const LD_HALF_INDIRECT = 0x48;
const LD_BYTE_INDIRECT = 0x50;
const LD_CONSTANT = 0x00;
const LD_MEMORY = 0x60;
/** X = 4 * (packet[k] & 15): the length of an IPv4 header, options included. */
const LDX_IP_HEADER_LENGTH = 0xb1;
const STORE = 0x02;
const AND_CONSTANT = 0x54;
const RIGHT_SHIFT_CONSTANT = 0x74;
const RIGHT_SHIFT_X = 0x7c;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const JUMP_BIT_SET = 0x45;
const RETURN = 0x06;
const TO_X = 0x07;

const KEEP: Instruction = [RETURN, 0, 0, 0x40000];
const DROP: Instruction = [RETURN, 0, 0, 0];

const IP_PROTOCOL_OFFSET = 9;
const VRRP_VRID_OFFSET = 1;
/** SKF_AD_OFF + SKF_AD_PKTTYPE of <linux/filter.h>, and PACKET_OUTGOING of <linux/if_packet.h>. */
const PACKET_TYPE = 0xfffff004;
const PACKET_OUTGOING = 4;
const DROP_OUTGOING: readonly Instruction[] = [
  [LD_BYTE_ABSOLUTE, 0, 0, PACKET_TYPE],
  [JUMP_EQUAL, 0, 1, PACKET_OUTGOING],
  DROP,
];
/** SKF_NET_OFF of <linux/filter.h>: loads from there on are from the IP header, wherever the packet begins. */
const NETWORK_HEADER = 0xfff00000;
const IPV6_HOP_LIMIT_OFFSET = 7;
const MOST_HOPS = 255;
const DROP_ROUTED: readonly Instruction[] = [
  [LD_BYTE_ABSOLUTE, 0, 0, NETWORK_HEADER + IPV6_HOP_LIMIT_OFFSET],
  [JUMP_EQUAL, 1, 0, MOST_HOPS],
  DROP,
];
/** The sender's protocol address of an ARP frame, behind the Ethernet header. */
const ARP_SENDER_OFFSET = 28;
const IPV6_DESTINATION_OFFSET = 24;
/** The first byte of every multicast address (RFC 4291 section 2.7). */
const IPV6_MULTICAST = 0xff;
const VRRP_FIXED_PART = 8;
/** The end of the target address in a neighbour advertisement (RFC 4861 section 4.4). */
const ND_TARGET_END = 24;
const ICMP_IDENTIFIER_OFFSET = 4;
/** Two instructions each, of the 4096 that a program may have. */
const MOST_ADDRESSES = 2000;

/**
 * For a raw IPv4 socket: keeps VRRP packets of the given virtual router ids (1..255), whatever their version, TTL
 * or checksum, so that wrong ones of our own ids can be counted. An empty set keeps nothing.
 */
export const vrrpIpv4Filter = (ids: Iterable<number>): Uint8Array =>
  assemble([
    [LD_BYTE_ABSOLUTE, 0, 0, IP_PROTOCOL_OFFSET],
    [JUMP_EQUAL, 1, 0, IPPROTO.VRRP],
    DROP,
    [LDX_IP_HEADER_LENGTH, 0, 0, 0],
    // A packet too short for this load is dropped by the kernel.
    [LD_BYTE_INDIRECT, 0, 0, VRRP_VRID_OFFSET],
    ...dropUnlessIn(ids),
    KEEP,
  ]);

/**
 * The same for a raw IPv6 socket of protocol 112, where the message comes without its header. The hop limit of
 * multicast is checked here: a message with a wrong one is cut to its fixed part, enough to count it and name its
 * sender, and never an advert. Unicast may be configured to cross routers, and comes whole.
 */
export const vrrpIpv6Filter = (ids: Iterable<number>): Uint8Array =>
  assemble([
    [LD_BYTE_ABSOLUTE, 0, 0, VRRP_VRID_OFFSET],
    ...dropUnlessIn(ids),
    [LD_BYTE_ABSOLUTE, 0, 0, NETWORK_HEADER + IPV6_DESTINATION_OFFSET],
    [JUMP_EQUAL, 0, 2, IPV6_MULTICAST],
    [LD_BYTE_ABSOLUTE, 0, 0, NETWORK_HEADER + IPV6_HOP_LIMIT_OFFSET],
    [JUMP_EQUAL, 0, 1, MOST_HOPS],
    KEEP,
    [RETURN, 0, 0, VRRP_FIXED_PART],
  ]);

/** Drops the packet unless the byte in the accumulator is one of these virtual router ids. */
function dropUnlessIn(ids: Iterable<number>): readonly Instruction[] {
  // A bit a virtual router id, in 8 words, because 255 single comparisons are beyond the reach of a jump.
  const words = new Uint32Array(8);
  for (const id of ids) {
    if (!Number.isInteger(id) || id < 1 || id > 255) throw new RangeError(`${id} is not a virtual router id`);
    words[id >> 5] = (words[id >> 5] as number) | (1 << (id & 31));
  }
  const used = [...words.entries()].filter(([, mask]) => mask !== 0);
  return [
    [STORE, 0, 0, 0],
    [AND_CONSTANT, 0, 0, 31],
    [TO_X, 0, 0, 0],
    [LD_MEMORY, 0, 0, 0],
    [RIGHT_SHIFT_CONSTANT, 0, 0, 5],
    ...used.flatMap(([word, mask], i): Instruction[] => [
      [JUMP_EQUAL, 0, 2, word],
      [LD_CONSTANT, 0, 0, mask],
      [JUMP, 0, 0, 3 * (used.length - i - 1) + 1],
    ]),
    DROP,
    [RIGHT_SHIFT_X, 0, 0, 0],
    [JUMP_BIT_SET, 1, 0, 1],
    DROP,
  ];
}

/** For an ARP packet socket: keeps every frame that came in. */
export const arpFilter = (): Uint8Array => assemble([...DROP_OUTGOING, KEEP]);

/**
 * For an ARP packet socket: keeps the frames of other hosts whose sender is one of these IPv4 addresses (4 bytes
 * each). Beyond MOST_ADDRESSES of them it keeps every ARP frame that came in.
 */
export const arpSenderFilter = (addresses: readonly Uint8Array[]): Uint8Array =>
  addresses.length > MOST_ADDRESSES
    ? arpFilter()
    : assemble([
        ...DROP_OUTGOING,
        [LD_WORD_ABSOLUTE, 0, 0, ARP_SENDER_OFFSET],
        ...keepIfIn(addresses.map((bytes) => lastWord(bytes))),
      ]);

/** For a raw ICMPv6 socket: keeps what crossed no router (RFC 4861 section 7.1.2). */
export const ndHopLimitFilter = (): Uint8Array => assemble([...DROP_ROUTED, KEEP]);

/**
 * For a raw ICMPv6 socket that receives neighbour advertisements: keeps those that crossed no router and whose target
 * ends as one of these IPv6 addresses (16 bytes each). Beyond MOST_ADDRESSES of them it keeps all of the link.
 */
export const ndTargetFilter = (addresses: readonly Uint8Array[]): Uint8Array =>
  addresses.length > MOST_ADDRESSES
    ? ndHopLimitFilter()
    : assemble([
        ...DROP_ROUTED,
        [LD_WORD_ABSOLUTE, 0, 0, ND_TARGET_END - 4],
        ...keepIfIn(addresses.map((bytes) => lastWord(bytes))),
      ]);

/**
 * For a raw ICMP socket: keeps echo replies of this identifier, and every error message, because what it is about
 * lies at no fixed place.
 */
export const echoIpv4Filter = (identifier: number): Uint8Array =>
  assemble([
    [LDX_IP_HEADER_LENGTH, 0, 0, 0],
    [LD_BYTE_INDIRECT, 0, 0, 0],
    ...keepErrors([3, 11, 12]),
    [JUMP_EQUAL, 1, 0, 0],
    DROP,
    [LD_HALF_INDIRECT, 0, 0, ICMP_IDENTIFIER_OFFSET],
    ...keepIfIn([identifier]),
  ]);

/** The same for ICMPv6, which comes without its IP header. */
export const echoIpv6Filter = (identifier: number): Uint8Array =>
  assemble([
    [LD_BYTE_ABSOLUTE, 0, 0, 0],
    ...keepErrors([1, 3, 4]),
    [JUMP_EQUAL, 1, 0, 129],
    DROP,
    [LD_HALF_ABSOLUTE, 0, 0, ICMP_IDENTIFIER_OFFSET],
    ...keepIfIn([identifier]),
  ]);

/** Keeps the packet when the accumulator is one of these types, and otherwise goes on. */
const keepErrors = (types: readonly number[]): readonly Instruction[] =>
  types.flatMap((type): Instruction[] => [[JUMP_EQUAL, 0, 1, type], KEEP]);

/** Keeps the packet when the accumulator is one of these. */
const keepIfIn = (values: readonly number[]): readonly Instruction[] => [
  ...values.flatMap((value): Instruction[] => [[JUMP_EQUAL, 0, 1, value], KEEP]),
  DROP,
];

const lastWord = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(bytes.length - 4);

/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k, in host order. */
function assemble(program: readonly Instruction[]): Uint8Array {
  const writer = new Writer(program.length * 8);
  for (const [code, jumpTrue, jumpFalse, k] of program)
    writer.u16ne(code).u8(jumpTrue).u8(jumpFalse).u32ne(k);
  return writer.finish();
}
