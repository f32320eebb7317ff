// What VRRP needs of the IPv6 header around an advert: who sent it and with which hop limit. A raw IPv6 socket
// hands over what follows the headers and tells the rest beside it, so the socket puts a header in front again
// and adverts of both families look alike from here on. Extension headers never stand there.

import type { IpAddress } from "../core/address.js";
import { addressTexts } from "../core/address-texts.js";
import { err, ok, type Result } from "../core/result.js";
import { VRRP_PROTOCOL, type DecodeError, type IpPacket } from "./packet.js";
import { Refusal } from "./refusal.js";
import { ttlProblem, type TtlRange } from "./ttl.js";

export const IPV6_HEADER_LENGTH = 40;
/** Offsets of RFC 8200 section 3. */
const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const DESTINATION = 24;
const ADDRESS_LENGTH = 16;

/**
 * Writes the header of a VRRP packet to `packet[0..40)`; the addresses are `from[fromAt..+16)` and
 * `to[toAt..+16)`. Runs for every advert: no allocation.
 */
export function writeIpv6Header(
  packet: Uint8Array,
  payloadLength: number,
  hopLimit: number,
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
): void {
  packet[0] = 0x60;
  packet[1] = packet[2] = packet[3] = 0;
  packet[PAYLOAD_LENGTH] = payloadLength >> 8;
  packet[PAYLOAD_LENGTH + 1] = payloadLength & 0xff;
  packet[NEXT_HEADER] = VRRP_PROTOCOL;
  packet[HOP_LIMIT] = hopLimit;
  for (let i = 0; i < ADDRESS_LENGTH; i++) {
    packet[SOURCE + i] = from[fromAt + i]!;
    packet[DESTINATION + i] = to[toAt + i]!;
  }
}

/** The length of the header of `packet`, or 0 when the packet is shorter than that. */
export const ipv6HeaderLength = (length: number): number =>
  length < IPV6_HEADER_LENGTH ? 0 : IPV6_HEADER_LENGTH;

/** Takes `packet[0..length)` apart, an IPv6 packet of at least 40 bytes. */
export function decodeIpv6(
  packet: Uint8Array,
  length: number,
  range: TtlRange,
): Result<IpPacket, DecodeError> {
  if (packet[NEXT_HEADER] !== VRRP_PROTOCOL)
    return err(new Refusal("type", protocolText(packet[NEXT_HEADER]!)));
  const far = ttlProblem("hop limit", packet[HOP_LIMIT]!, range);
  if (far !== undefined) return err(far);
  const total = IPV6_HEADER_LENGTH + ((packet[PAYLOAD_LENGTH]! << 8) | packet[PAYLOAD_LENGTH + 1]!);
  if (total > length) return err(new Refusal("truncated", lengthText(total, length)));
  return ok({
    carrier: {
      source: ipv6Source(packet),
      destination: addressTexts.read(packet, DESTINATION, ADDRESS_LENGTH),
    },
    payload: packet.subarray(IPV6_HEADER_LENGTH, total),
  });
}

export const ipv6Source = (packet: Uint8Array): IpAddress =>
  addressTexts.read(packet, SOURCE, ADDRESS_LENGTH);

const protocolText = (got: number) => (): string => `next header ${got}, not ${VRRP_PROTOCOL}`;
const lengthText = (said: number, got: number) => (): string =>
  `IP length ${said}, but ${got} bytes were received`;

/** Whether `packet[0..length)` repeats `last` in all but traffic class and flow label. No allocation. */
export function repeatsIpv6(last: Uint8Array, packet: Uint8Array, length: number): boolean {
  if (length !== last.length || last[0]! >> 4 !== 6) return false;
  for (let i = length - 1; i >= PAYLOAD_LENGTH; i--) if (packet[i] !== last[i]) return false;
  return true;
}
