// Adverts and gratuitous ARPs in a capture file of tcpdump, with the kernel's time stamps. For captures of hundreds of
// thousands of packets, which must cost next to nothing while they are taken.

import { readFileSync } from "node:fs";

export type Packet = {
  /** Wall-clock time in ms, with fractions. */
  readonly at: number;
  readonly kind: "advert" | "gratuitous-arp";
  /** Of the sender of an advert, or the address that is announced. */
  readonly address: string;
  /** 0 for ARP. */
  readonly vrid: number;
};

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 14;

const ipv4At = (data: Buffer, at: number): string => data.subarray(at, at + 4).join(".");

function decode(frame: Buffer, at: number): Packet | undefined {
  const type = frame.readUInt16BE(12);
  // RFC 826: sender's and target's protocol address, which an announcement has both alike.
  if (type === 0x0806) {
    const address = ipv4At(frame, ETHERNET + 14);
    if (address !== ipv4At(frame, ETHERNET + 24)) return undefined;
    return { at, kind: "gratuitous-arp", address, vrid: 0 };
  }
  if (type !== 0x0800 || frame[ETHERNET + 9] !== 112) return undefined;
  const payload = ETHERNET + (frame.readUInt8(ETHERNET) & 0x0f) * 4;
  return { at, kind: "advert", address: ipv4At(frame, ETHERNET + 12), vrid: frame.readUInt8(payload + 1) };
}

/** Of IPv4 alone. The file is as this machine's tcpdump writes it: little-endian, in microseconds, of Ethernet. */
export function readPackets(path: string): Packet[] {
  const file = readFileSync(path);
  if (file.readUInt32LE(0) !== 0xa1b2c3d4) throw new Error(`${path}: not a capture in microseconds`);
  const packets: Packet[] = [];
  for (let from = FILE_HEADER; from + RECORD_HEADER <= file.length;) {
    const at = file.readUInt32LE(from) * 1000 + file.readUInt32LE(from + 4) / 1000;
    const next = from + RECORD_HEADER + file.readUInt32LE(from + 8);
    // The last one may have been cut short.
    const packet = next > file.length ? undefined : decode(file.subarray(from + RECORD_HEADER, next), at);
    if (packet !== undefined) packets.push(packet);
    from = next;
  }
  return packets;
}

/** For each advert how much more than the interval it came after its instance's last one, in ms, smallest first. */
export function delays(packets: readonly Packet[], interval: number): number[] {
  const last = new Map<number, number>();
  const values: number[] = [];
  for (const { at, vrid } of packets) {
    const before = last.get(vrid);
    if (before !== undefined) values.push(Math.max(0, at - before - interval));
    last.set(vrid, at);
  }
  return values.sort((a, b) => a - b);
}
