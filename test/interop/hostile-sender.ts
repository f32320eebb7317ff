// A third host that means no good: adverts that nobody may listen to, many thousands a second, for a bounded time.
// Started in the namespace of that host, by hostile.netns.test.ts, and by bench/hostile.ts, whose directors have no secrets.
// Arguments: packets a second, seconds, the source address, and "no-secrets" to leave those alone that guess at them.

import { setTimeout as pause } from "node:timers/promises";
import { ip } from "../../src/core/address.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { AF, IPPROTO, SOCK } from "../../src/linux/constants.js";
import { native } from "../../src/linux/native.js";
import { sockaddrIp } from "../../src/linux/sockaddr.js";
import { encodeAdvert, TRAILER_LENGTH, VRRP_GROUPS, type Advert } from "../../src/vrrp/packet.js";
import { ipPacket, type PacketOptions } from "../vrrp/ip-packet.js";
import { ROUTERS } from "./hostile-routers.js";

const BATCH = 100;
const SLOT = 1100;
const [, , rate = 0, duration = 0] = process.argv.map(Number);
const [, , , , source = "", secrets] = process.argv;
const carrier = { source: ip(source), destination: VRRP_GROUPS.ipv4 };

const forged = (virtualRouterId: number, changes: Partial<Advert> = {}): Uint8Array => {
  const advert = { version: 3, virtualRouterId, priority: 254, interval: milliseconds(50) } as const;
  return encodeAdvert({ ...advert, addresses: [ip("10.98.0.66")], ...changes }, carrier, "rfc5798");
};
const packet = (payload: Uint8Array, options: Partial<PacketOptions> = {}): Uint8Array =>
  ipPacket(payload, { ...carrier, ...options });
const edited = (payload: Uint8Array, at: number, value: number): Uint8Array => {
  const bytes = payload.slice();
  bytes[at] = value;
  return bytes;
};

const { plain, password, hmac, nobody } = ROUTERS;
const many = Array.from({ length: 255 }, (_, i) => ip(`10.98.1.${String(i)}`));
const MALFORMED: readonly Uint8Array[] = [
  packet(forged(plain), { ttl: 64 }),
  packet(edited(forged(plain), 6, 0)),
  packet(edited(forged(plain), 0, 0x32)),
  packet(edited(forged(plain), 0, 0x41)),
  packet(forged(plain).subarray(0, 5)),
  packet(forged(plain).subarray(0, 10)),
  packet(edited(forged(plain), 3, 255)),
  // Well-formed, and to be ignored: its priority is below every other one.
  packet(forged(plain, { addresses: many, priority: 1 })),
  packet(forged(password, { version: 2, interval: seconds(1) })),
  packet(forged(nobody)),
];
const GUESSES: readonly Uint8Array[] = [
  // Nobody's signature, a wrong one, and none with priority 0 and 255.
  packet(Buffer.concat([forged(hmac), new Uint8Array(TRAILER_LENGTH)])),
  packet(
    Buffer.concat([forged(hmac), Uint8Array.of(1, 1, 0, 0), new Uint8Array(TRAILER_LENGTH - 4).fill(9)]),
  ),
  packet(forged(hmac, { priority: 0 })),
  packet(forged(hmac, { priority: 255 })),
];
const PACKETS = secrets === "no-secrets" ? MALFORMED : [...MALFORMED, ...GUESSES];

const fd = native.socket(AF.INET, SOCK.RAW, IPPROTO.RAW);
const data = new Uint8Array(BATCH * SLOT);
const lengths = new Int32Array(BATCH);
for (let i = 0; i < BATCH; i++) {
  const bytes = PACKETS[i % PACKETS.length] ?? new Uint8Array(0);
  data.set(bytes, i * SLOT);
  lengths[i] = bytes.length;
}
const address = sockaddrIp(VRRP_GROUPS.ipv4, 0);
const addresses = new Uint8Array(BATCH * address.length);
for (let i = 0; i < BATCH; i++) addresses.set(address, i * address.length);

const began = performance.now();
const elapsed = (): number => performance.now() - began;
let sent = 0;
while (elapsed() < duration * 1000) {
  const owed = (elapsed() / 1000) * rate - sent;
  // A machine too slow for this rate owes more and more: the end is in the inner loop, too.
  for (let left = owed; left >= BATCH && elapsed() < duration * 1000; left -= BATCH) {
    const count = native.sendMany(fd, BATCH, data, SLOT, lengths, addresses, address.length, null, 0, 0);
    if (count < 0) throw new Error(`sendmmsg: errno ${String(-count)}`);
    sent += count;
  }
  await pause(2);
}
process.stdout.write(`sent ${String(sent)}\n`);
