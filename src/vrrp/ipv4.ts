// What VRRP needs of the IPv4 header around an advert: who sent it, with which TTL, and where the message
// begins. The kernel has already checked the header's own checksum and put fragments together.

import type { IpAddress } from "../core/address.js";
import { addressTexts } from "../core/address-texts.js";
import { err, ok, type Result } from "../core/result.js";
import { VRRP_PROTOCOL, type DecodeError, type IpPacket } from "./packet.js";
import { Refusal } from "./refusal.js";
import { ttlProblem, type TtlRange } from "./ttl.js";

const MIN_HEADER_LENGTH = 20;
/** Offsets of RFC 791 section 3.1. */
const TOTAL_LENGTH = 2;
const TTL = 8;
const PROTOCOL = 9;
const SOURCE = 12;
const DESTINATION = 16;
const ADDRESS_LENGTH = 4;

/** The length of the header of `packet` (its options included), or 0 when it is shorter than it says. */
export function ipv4HeaderLength(packet: Uint8Array, length: number): number {
  if (length < MIN_HEADER_LENGTH || packet[0]! >> 4 !== 4) return 0;
  const header = (packet[0]! & 0xf) * 4;
  return header >= MIN_HEADER_LENGTH && header <= length ? header : 0;
}

/** Takes `packet[0..length)` apart. */
export function decodeIpv4(
  packet: Uint8Array,
  length: number,
  range: TtlRange,
): Result<IpPacket, DecodeError> {
  const header = ipv4HeaderLength(packet, length);
  if (header === 0) return err(new Refusal("truncated", headerText(length)));
  if (packet[PROTOCOL] !== VRRP_PROTOCOL) return err(new Refusal("type", protocolText(packet[PROTOCOL]!)));
  const far = ttlProblem("TTL", packet[TTL]!, range);
  if (far !== undefined) return err(far);
  const total = (packet[TOTAL_LENGTH]! << 8) | packet[TOTAL_LENGTH + 1]!;
  if (total < header || total > length) return err(new Refusal("truncated", lengthText(total, length)));
  return ok({
    carrier: {
      source: ipv4Source(packet),
      destination: addressTexts.read(packet, DESTINATION, ADDRESS_LENGTH),
    },
    payload: packet.subarray(header, total),
  });
}

/** The source as a signed number of 32 bits: for tables that are looked into for every advert. */
export const ipv4SourceNumber = (packet: Uint8Array): number =>
  (packet[SOURCE]! << 24) | (packet[SOURCE + 1]! << 16) | (packet[SOURCE + 2]! << 8) | packet[SOURCE + 3]!;

export const ipv4Source = (packet: Uint8Array): IpAddress =>
  addressTexts.read(packet, SOURCE, ADDRESS_LENGTH);

const headerText = (got: number) => (): string => `${got} bytes are no whole IPv4 header`;
const protocolText = (got: number) => (): string => `IP protocol ${got}, not ${VRRP_PROTOCOL}`;
const lengthText = (said: number, got: number) => (): string =>
  `IP length ${said}, but ${got} bytes were received`;

/**
 * Whether `packet[0..length)` repeats `last` in all that matters: everything but TOS, identification,
 * fragment flags and header checksum, which change from packet to packet. Runs for every advert: no allocation.
 */
export function repeatsIpv4(last: Uint8Array, packet: Uint8Array, length: number): boolean {
  if (length !== last.length) return false;
  for (let i = length - 1; i >= SOURCE; i--) if (packet[i] !== last[i]) return false;
  return (
    packet[0] === last[0] &&
    packet[2] === last[2] &&
    packet[3] === last[3] &&
    packet[TTL] === last[TTL] &&
    packet[PROTOCOL] === last[PROTOCOL]
  );
}
