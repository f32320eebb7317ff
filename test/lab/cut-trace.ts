// A capture with the last bytes of some VRRP packets cut off, as if they had never been there: for what reads VRRP and does
// not know what may stand behind it. Knows files of tcpdump (libpcap, Ethernet, host order), and nothing of what it cuts.

import { readFileSync, writeFileSync } from "node:fs";
import { checksum } from "../../src/core/checksum.js";

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 14;
const IPV6_HEADER = 40;
const VRRP = 112;

/** Cuts `bytes` off each packet of a virtual router that `fits`, and gives how many these were. */
export function writeCut(from: string, to: string, bytes: number, fits: (router: number) => boolean): number {
  const file = readFileSync(from);
  const parts = [file.subarray(0, FILE_HEADER)];
  let count = 0;
  for (let at = FILE_HEADER; at < file.length;) {
    const length = file.readUInt32LE(at + 8);
    const end = at + RECORD_HEADER + length;
    const record = file.subarray(at, end);
    at = end;
    const packet = record.subarray(RECORD_HEADER + ETHERNET);
    const header = headerOf(packet);
    const router = header === undefined ? undefined : packet[header + 1];
    if (router === undefined || !fits(router)) {
      parts.push(record);
      continue;
    }
    count += 1;
    for (const field of [8, 12]) record.writeUInt32LE(length - bytes, field);
    shorten(packet, bytes);
    parts.push(record.subarray(0, record.length - bytes));
  }
  writeFileSync(to, Buffer.concat(parts));
  return count;
}

/** The length of the IP header in front of VRRP. */
function headerOf(packet: Buffer): number | undefined {
  const isSix = packet[0]! >> 4 === 6;
  if (packet[isSix ? 6 : 9] !== VRRP) return undefined;
  return isSix ? IPV6_HEADER : (packet[0]! & 0xf) * 4;
}

function shorten(packet: Buffer, bytes: number): void {
  if (packet[0]! >> 4 === 6) return void packet.writeUInt16BE(packet.readUInt16BE(4) - bytes, 4);
  packet.writeUInt16BE(packet.readUInt16BE(2) - bytes, 2);
  packet.writeUInt16BE(0, 10);
  packet.writeUInt16BE(checksum(packet, 0, (packet[0]! & 0xf) * 4), 10);
}
