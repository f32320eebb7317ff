// The gratuitous ARP frame by which a new master tells its link where a virtual address lives now (RFC 5227
// section 3, RFC 9568 section 6.4.2), the probe that asks whether somebody else holds it, and the reading
// of ARP frames of others. Ethernet and IPv4 only.

import {
  ipBytes,
  ipFromBytes,
  macBytes,
  macFromBytes,
  type IpAddress,
  type MacAddress,
} from "../core/address.js";
import { Writer } from "../core/bytes.js";

const BROADCAST = new Uint8Array(6).fill(0xff);
const UNKNOWN_MAC = new Uint8Array(6);
const UNKNOWN_IP = new Uint8Array(4);
/** IEEE 802.3 EtherType, RFC 826 numbers. */
export const ETHERTYPE_ARP = 0x0806;
const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const REQUEST = 1;
const FRAME_LENGTH = 42;

/*
 *  Ethernet: destination 6, source 6, type 2; then RFC 826:
 *  +--------+--------+-----+-----+----+-----------+-----------+-----------+-----------+
 *  | hw 2   | proto 2| hl 1| pl 1|op 2| sender hw | sender ip | target hw | target ip |
 *  +--------+--------+-----+-----+----+-----------+-----------+-----------+-----------+
 */
function frame(source: Uint8Array, senderIp: Uint8Array, targetIp: Uint8Array): Uint8Array {
  return new Writer(FRAME_LENGTH)
    .raw(BROADCAST)
    .raw(source)
    .u16be(ETHERTYPE_ARP)
    .u16be(HARDWARE_ETHERNET)
    .u16be(PROTOCOL_IPV4)
    .u8(6)
    .u8(4)
    .u16be(REQUEST)
    .raw(source)
    .raw(senderIp)
    .raw(UNKNOWN_MAC)
    .raw(targetIp)
    .finish();
}

/** The request form (sender and target are the address itself), which every neighbour takes, as keepalived sends it. */
export function gratuitousArp(mac: MacAddress, address: IpAddress): Uint8Array {
  const target = ipBytes(address);
  return frame(macBytes(mac), target, target);
}

/** Asks who holds `address` without claiming it (RFC 5227 section 2.1.1): no neighbour learns from it. */
export const arpProbe = (mac: MacAddress, address: IpAddress): Uint8Array =>
  frame(macBytes(mac), UNKNOWN_IP, ipBytes(address));

/** Who says in this Ethernet frame that it holds an IPv4 address; undefined for a probe or another frame. */
export function readArp(
  bytes: Uint8Array,
  length: number,
): { readonly mac: MacAddress; readonly address: IpAddress } | undefined {
  if (length < FRAME_LENGTH || bytes.length < FRAME_LENGTH) return undefined;
  const u16 = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  if (u16(12) !== ETHERTYPE_ARP || u16(14) !== HARDWARE_ETHERNET || u16(16) !== PROTOCOL_IPV4)
    return undefined;
  if (bytes[18] !== 6 || bytes[19] !== 4) return undefined;
  const address = ipFromBytes(bytes.subarray(28, 32));
  return address === "0.0.0.0" ? undefined : { mac: macFromBytes(bytes.subarray(22, 28)), address };
}
