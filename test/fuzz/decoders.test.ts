// Bytes of anybody into every decoder: valid packets of each kind with a few bytes changed, cut short or grown, and pure
// noise. None may throw or run away, and what is taken for an advert says what its bytes say. VIPD_PACKETS: how many
// packets altogether (`make nightly` has more); VIPD_FIRST_SEED: the first of their seeds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ip, macFromBytes } from "../../src/core/address.js";
import { Writer } from "../../src/core/bytes.js";
import { randomInt, seededRandom, type Random } from "../../src/core/random.js";
import { milliseconds, seconds } from "../../src/core/units.js";
import { hmacSha256 } from "../../src/linux/hmac.js";
import { messagesIn, readAcknowledgement, writeMessage, type Request } from "../../src/netlink/message.js";
import { addAddressRequest, readAddress, readLink, readNeighbour } from "../../src/netlink/route.js";
import { addMacvlanRequest, readLinkDetails } from "../../src/netlink/virtual-link.js";
import { gratuitousArp, readArp } from "../../src/vrrp/arp.js";
import { sealAdvert, verifyAdvert, type HmacKeys } from "../../src/vrrp/hmac.js";
import { decodeIp, headerLength } from "../../src/vrrp/ip-header.js";
import { readAdvertisement, unsolicitedAdvertisement } from "../../src/vrrp/nd.js";
import { decodeAdvert, encodeAdvert, TRAILER_LENGTH, VRRP_GROUPS } from "../../src/vrrp/packet.js";
import { hmac, ipPacket, vip } from "../vrrp/ip-packet.js";

const PACKETS = Number(process.env["VIPD_PACKETS"] ?? 60_000);
const FIRST_SEED = Number(process.env["VIPD_FIRST_SEED"] ?? 1);

const SOURCES = { ipv4: ip("192.168.1.2"), ipv6: ip("fe80::2") } as const;
const MAC = macFromBytes(Uint8Array.of(2, 0, 0, 0, 0, 1));
const UTC = 1_700_000_000_000;
const KEYS: HmacKeys = { keys: new Map([[1, new Uint8Array(32).fill(7)]]), hmacSha256 };

/** A valid packet, and what reads it: throws when something is wrong with the decoder. */
type Kind = { readonly name: string; readonly valid: Uint8Array; readonly read: (bytes: Uint8Array) => void };

function advertKind(version: 2 | 3, family: "ipv4" | "ipv6", dialect: "rfc5798" | "rfc9568"): Kind {
  const source = SOURCES[family];
  const addresses = family === "ipv4" ? [ip("192.168.1.1")] : [ip("fe80::1"), ip("fd00::1")];
  const advert = { version, virtualRouterId: 51, priority: 100, interval: seconds(1), addresses };
  const payload = encodeAdvert(advert, { source, destination: VRRP_GROUPS[family] }, dialect);
  const name = `advert, version ${String(version)}, ${family}, ${dialect}`;
  return { name, valid: ipPacket(payload, { source }), read: readPacket };
}

function readPacket(bytes: Uint8Array): void {
  if (headerLength(bytes, bytes.length) === 0) return;
  const outer = decodeIp(bytes, bytes.length);
  if (!outer.ok) return assert.ok(outer.error.detail.length < 300);
  const { carrier, payload } = outer.value;
  const decoded = decodeAdvert(payload, carrier);
  if (!decoded.ok) return assert.ok(decoded.error.detail.length < 300);
  const { virtualRouterId, priority, addresses } = decoded.value.advert;
  assert.deepEqual([virtualRouterId, priority, addresses.length], [...payload.subarray(1, 4)]);
}

function signedKind(): Kind {
  const source = SOURCES.ipv4;
  const advert = { version: 3, virtualRouterId: 51, priority: 100, interval: milliseconds(100) } as const;
  const carrier = { source, destination: VRRP_GROUPS.ipv4 };
  const message = encodeAdvert({ ...advert, addresses: [ip("192.168.1.1")] }, carrier, "rfc5798");
  const valid = new Uint8Array(message.length + TRAILER_LENGTH);
  valid.set(message);
  sealAdvert(valid, source, KEYS, 1, BigInt(UTC / 1000) << 32n);
  const read = (payload: Uint8Array): void => {
    if (payload.length < 8 + TRAILER_LENGTH) return;
    const verified = verifyAdvert({ payload, source }, hmac(), KEYS, UTC);
    // The checksum field alone is not signed: it is made anew by whoever rewrites addresses.
    const signed =
      payload.length === valid.length && payload.every((byte, i) => i === 6 || i === 7 || byte === valid[i]);
    assert.equal(verified.ok, signed);
  };
  return { name: "signed advert", valid, read };
}

function netlinkKind(name: string, request: Request): Kind {
  const out = new Writer(512);
  writeMessage(out, request, 0, 1);
  const read = (bytes: Uint8Array): void => {
    for (const message of messagesIn(bytes, bytes.length))
      for (const one of [readAcknowledgement, readLink, readLinkDetails, readAddress, readNeighbour])
        one(message);
  };
  return { name: `netlink, ${name}`, valid: out.finish(), read };
}

const KINDS: readonly Kind[] = [
  advertKind(2, "ipv4", "rfc5798"),
  advertKind(3, "ipv4", "rfc5798"),
  advertKind(3, "ipv4", "rfc9568"),
  advertKind(3, "ipv6", "rfc5798"),
  signedKind(),
  {
    name: "ARP",
    valid: gratuitousArp(MAC, ip("192.168.1.1")),
    read: (bytes) => void readArp(bytes, bytes.length),
  },
  {
    name: "neighbour advertisement",
    // From the ICMPv6 header on, as its socket delivers it.
    valid: unsolicitedAdvertisement(MAC, ip("fd00::1")).subarray(14 + 40),
    read: (bytes) => void readAdvertisement(bytes, bytes.length),
  },
  netlinkKind("an address", addAddressRequest(2, vip("fd00::1/64").prefix)),
  netlinkKind("a link with nested attributes", addMacvlanRequest("vrrp.51", 2, MAC)),
];

/** A few bytes changed, and now and then cut short or grown; one in eight is noise of its length. */
function mutate(random: Random, valid: Uint8Array): Uint8Array {
  const noise = randomInt(random, 8) === 0;
  const length = randomInt(random, 4) === 0 ? randomInt(random, valid.length + 64) : valid.length;
  const bytes = new Uint8Array(length);
  if (!noise) bytes.set(valid.subarray(0, length));
  const changes = noise ? length : randomInt(random, 5);
  for (let i = 0; i < changes && length > 0; i++)
    bytes[noise ? i : randomInt(random, length)] = randomInt(random, 256);
  return bytes;
}

for (const { name, valid, read } of KINDS)
  test(`no bytes trouble the decoder: ${name}`, () => {
    read(valid);
    const rounds = Math.ceil(PACKETS / KINDS.length);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + rounds; seed++) {
      const bytes = mutate(seededRandom(seed), valid);
      try {
        read(bytes);
      } catch (error) {
        throw new Error(`seed ${String(seed)}: ${Buffer.from(bytes).toString("hex")}`, { cause: error });
      }
    }
  });
