// The IP header around an advert, whichever family it is of: the first four bits of the packet say it.

import type { Family, IpAddress } from "../core/address.js";
import type { Result } from "../core/result.js";
import { decodeIpv4, ipv4HeaderLength, ipv4Source, repeatsIpv4 } from "./ipv4.js";
import { decodeIpv6, ipv6HeaderLength, ipv6Source, repeatsIpv6 } from "./ipv6.js";
import type { DecodeError, IpPacket } from "./packet.js";
import { ONLY_LINK, type TtlRange } from "./ttl.js";

/** IPv4 for everything that does not say IPv6; what is neither has a header of length 0. */
export const packetFamily = (packet: Uint8Array): Family => (isIpv6(packet) ? "ipv6" : "ipv4");

/** The length of the header of `packet[0..length)`, options included, or 0 when it is not whole. */
export const headerLength = (packet: Uint8Array, length: number): number =>
  isIpv6(packet) ? ipv6HeaderLength(length) : ipv4HeaderLength(packet, length);

/** Takes `packet[0..length)` apart. */
export const decodeIp = (
  packet: Uint8Array,
  length: number,
  range: TtlRange = ONLY_LINK,
): Result<IpPacket, DecodeError> =>
  isIpv6(packet) ? decodeIpv6(packet, length, range) : decodeIpv4(packet, length, range);

/** Who sent a packet whose header is whole, whatever else is wrong with it. */
export const senderOf = (packet: Uint8Array): IpAddress =>
  isIpv6(packet) ? ipv6Source(packet) : ipv4Source(packet);

/** Whether `packet[0..length)` repeats `last` in all that matters. Runs for every advert: no allocation. */
export const repeats = (last: Uint8Array, packet: Uint8Array, length: number): boolean =>
  isIpv6(packet) ? repeatsIpv6(last, packet, length) : repeatsIpv4(last, packet, length);

const isIpv6 = (packet: Uint8Array): boolean => packet[0]! >> 4 === 6;
