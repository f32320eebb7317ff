// IPv4 packets and instance configurations for tests.

import { ip, ipBytes, parsePrefix, type IpAddress } from "../../src/core/address.js";
import { Writer } from "../../src/core/bytes.js";
import { checksum } from "../../src/core/checksum.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import type { InstanceConfig, VirtualAddress } from "../../src/vrrp/instance.js";
import type { MachineConfig } from "../../src/vrrp/state.js";

export const GROUP = ip("224.0.0.18");

export type PacketOptions = {
  readonly source: IpAddress;
  readonly destination?: IpAddress;
  readonly ttl?: number;
  readonly protocol?: number;
  readonly identification?: number;
  /** IPv4 options, a multiple of 4 bytes. */
  readonly options?: Uint8Array;
};

/** An IPv4 packet as a raw socket hands it over. */
export function ipPacket(payload: Uint8Array, options: PacketOptions): Uint8Array {
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
    virtualRouterId: 51,
    version: 3,
    priority: 100,
    advertInterval: seconds(1),
    preempt: true,
    preemptDelay: milliseconds(0),
    addresses: [vip("192.168.1.1/24")],
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
