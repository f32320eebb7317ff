// IP packets and instance configurations for tests.

import { familyOf, ip, ipBytes, parsePrefix, type IpAddress } from "../../src/core/address.js";
import { Writer } from "../../src/core/bytes.js";
import { checksum } from "../../src/core/checksum.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { HmacAuth, HmacKey, InstanceConfig, VirtualAddress } from "../../src/vrrp/instance.js";
import { IPV6_HEADER_LENGTH, writeIpv6Header } from "../../src/vrrp/ipv6.js";
import { VRRP_GROUPS } from "../../src/vrrp/packet.js";
import type { MachineConfig } from "../../src/vrrp/state.js";

export const GROUP = VRRP_GROUPS.ipv4;

export type PacketOptions = {
  readonly source: IpAddress;
  readonly destination?: IpAddress;
  readonly ttl?: number;
  readonly protocol?: number;
  readonly identification?: number;
  /** IPv4 options, a multiple of 4 bytes. */
  readonly options?: Uint8Array;
};

/** An IP packet as the advert sockets hand it over, of the family of its source. */
export function ipPacket(payload: Uint8Array, options: PacketOptions): Uint8Array {
  if (familyOf(options.source) === "ipv6") return ipv6Packet(payload, options);
  const extra = options.options ?? new Uint8Array(0);
  const header = 20 + extra.length;
  const bytes = new Writer(header + payload.length)
    .u8(0x40 | (header / 4))
    .u8(0xc0)
    .u16be(header + payload.length)
    .u16be(options.identification ?? 0)
    .u16be(0)
    .u8(options.ttl ?? 255)
    .u8(options.protocol ?? 112)
    .u16be(0)
    .raw(ipBytes(options.source))
    .raw(ipBytes(options.destination ?? GROUP))
    .raw(extra)
    .raw(payload)
    .finish();
  const sum = checksum(bytes, 0, header);
  bytes[10] = sum >> 8;
  bytes[11] = sum & 0xff;
  return bytes;
}

function ipv6Packet(payload: Uint8Array, { source, destination, ttl, protocol }: PacketOptions): Uint8Array {
  const packet = new Uint8Array(IPV6_HEADER_LENGTH + payload.length);
  const to = ipBytes(destination ?? VRRP_GROUPS.ipv6);
  writeIpv6Header(packet, payload.length, ttl ?? 255, ipBytes(source), 0, to, 0);
  packet[6] = protocol ?? 112;
  packet.set(payload, IPV6_HEADER_LENGTH);
  return packet;
}

export function vip(text: string, on = "eth0"): VirtualAddress {
  const prefix = parsePrefix(text);
  if (!prefix.ok) throw new Error(prefix.error);
  return { prefix: prefix.value, interface: on };
}

/** An instance of priority 100 with the defaults of the configuration. */
export function instance(changes: Partial<InstanceConfig> = {}): InstanceConfig {
  return {
    name: "web",
    interface: "eth0",
    family: "ipv4",
    virtualRouterId: 51,
    version: 3,
    priority: 100,
    advertInterval: seconds(1),
    preempt: true,
    preemptDelay: milliseconds(0),
    startDelay: milliseconds(0),
    lowerPrioNoAdvert: false,
    accept: true,
    addresses: [vip("192.168.1.1/24")],
    otherAddresses: "accept",
    checksum: "rfc5798",
    announce: { repeat: 5, delay: seconds(5), refresh: seconds(0), refreshRepeat: 1 },
    tracks: [],
    ...changes,
  };
}

export const machineConfig = (changes: Partial<MachineConfig> = {}): MachineConfig => ({
  ...instance(),
  sourceAddress: ip("192.168.1.2"),
  ...changes,
});

/** HMAC with one key, as the configuration gives it. */
export const hmac = (changes: Partial<HmacAuth> = {}): HmacAuth => ({
  kind: "hmac",
  keys: [hmacKey(1)],
  send: 1,
  mode: "enforce",
  antiReplay: "time",
  window: seconds(5),
  ...changes,
});
export const hmacKey = (id: number): HmacKey => ({ id, hex: id.toString(16).padStart(2, "0").repeat(32) });
