// The VRRP advertisement, versions 2 and 3, over IPv4 and IPv6: bytes to value and back. Whether an advert
// fits the instance that hears it (interval, version, addresses) is decided in accept.ts; here only what the
// bytes themselves say. Nothing is believed before the length and the checksum are right.

import {
  compareIp,
  familyOf,
  ip,
  ipBytes,
  ipFromBytes,
  isLinkLocal,
  type Family,
  type IpAddress,
} from "../core/address.js";
import { complement, onesSum, pseudoHeaderSum } from "../core/checksum.js";
import { err, ok, type Result } from "../core/result.js";
import { milliseconds, toCentiseconds, type Milliseconds } from "../core/units.js";
import type { RejectKind } from "./reasons.js";
import { saidInterval, speaks, type MessageVersion, type Versions } from "./versions.js";

/** IANA protocol number (RFC 9568 section 5.1.1.4). */
export const VRRP_PROTOCOL = 112;
/** Where adverts go: RFC 9568 sections 5.1.1.2 and 5.1.2.2. Routers forward neither, whatever the TTL. */
export const VRRP_GROUPS: Readonly<Record<Family, IpAddress>> = {
  ipv4: ip("224.0.0.18"),
  ipv6: ip("ff02::12"),
};
/** TTL or hop limit of every advert: proves that no router forwarded it (RFC 9568 section 5.1.1.3). */
export const VRRP_TTL = 255;

const TYPE_ADVERTISEMENT = 1;
const HEADER_LENGTH = 8;
/** Authentication data of VRRPv2, kept by RFC 3768 section 5.3.10 for the older form's sake. */
export const V2_AUTH_LENGTH = 8;
const AUTH_PASSWORD = 1;
/** An authenticator (hmac.ts). */
export const TRAILER_LENGTH = 28;
const MAX_CENTISECONDS = 0xfff;

export type Advert = {
  readonly version: MessageVersion;
  readonly virtualRouterId: number;
  readonly priority: number;
  readonly interval: Milliseconds;
  readonly addresses: readonly IpAddress[];
};

/** What the checksum of a version 3 advert over IPv4 covers; the others leave no choice. */
export type ChecksumDialect = "rfc5798" | "rfc9568";

/** The addresses of the IP header around the advert: part of some checksums. */
export type Carrier = { readonly source: IpAddress; readonly destination: IpAddress };

/** What an IP header says of a VRRP message, and the message. */
export type IpPacket = { readonly carrier: Carrier; readonly payload: Uint8Array };

export type DecodeError = { readonly kind: RejectKind; readonly detail: string };
export type Decoded = {
  readonly advert: Advert;
  /** Set for version 3 over IPv4 only. */
  readonly dialect?: ChecksumDialect;
  /** Set for version 2 only. */
  readonly authentication?: Authentication;
};

/** The last 8 bytes of a version 2 advert, and what they are: 0 nothing (RFC 3768), 1 a password (RFC 2338). */
export type Authentication = { readonly type: number; readonly data: Uint8Array };

/*
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  0 |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  4 |v3: (rsvd) | Max Advertise Int |          Checksum             |
 *    |v2: Auth Type  |  Adver Int    |                               |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  8 |                       IPv4 or IPv6 addresses                  |
 *    +                                                               +
 *    |               v2: Authentication Data, 8 bytes                |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * RFC 9568 section 5.2 and RFC 3768 section 5.3. `password`: 8 bytes for a version 2 advert.
 */
export function encodeAdvert(
  advert: Advert,
  carrier: Carrier,
  dialect: ChecksumDialect,
  password?: Uint8Array,
): Uint8Array {
  const size = familyOf(carrier.source) === "ipv4" ? 4 : 16;
  const bytes = new Uint8Array(advertLength(advert.version, size, advert.addresses.length));
  bytes[0] = (advert.version << 4) | TYPE_ADVERTISEMENT;
  bytes[1] = advert.virtualRouterId;
  bytes[2] = advert.priority;
  bytes[3] = advert.addresses.length;
  if (advert.version === 2) {
    bytes[5] = saidInterval(2, advert.interval) / 1000;
    if (password !== undefined) {
      bytes[4] = AUTH_PASSWORD;
      bytes.set(password, bytes.length - V2_AUTH_LENGTH);
    }
  } else {
    const interval = toCentiseconds(advert.interval);
    bytes[4] = interval >> 8;
    bytes[5] = interval & 0xff;
  }
  advert.addresses.forEach((address, i) => bytes.set(ipBytes(address), HEADER_LENGTH + i * size));
  const pseudo = pseudoHeaderFor(advert.version, size, dialect) ? carrierSum(carrier, bytes.length) : 0;
  const sum = complement(onesSum(bytes, 0, bytes.length, pseudo));
  bytes[6] = sum >> 8;
  bytes[7] = sum & 0xff;
  return bytes;
}

/** Reads the VRRP message `bytes` (the payload of the IP packet). The order of the tests is RFC 9568 section 7.1's. `wanted` is the instance's. */
export function decodeAdvert(
  bytes: Uint8Array,
  carrier: Carrier,
  wanted: Versions = "2+3",
): Result<Decoded, DecodeError> {
  if (bytes.length < HEADER_LENGTH)
    return reject("truncated", `${bytes.length} bytes, not the ${HEADER_LENGTH} of the fixed part`);
  const byte = (at: number): number => bytes[at]!;
  const version = byte(0) >> 4;
  if ((version !== 2 && version !== 3) || !speaks(wanted, version))
    return reject("version", `version ${version}, not ${wanted === "2+3" ? "2 or 3" : wanted}`);
  const size = familyOf(carrier.source) === "ipv4" ? 4 : 16;
  if (version === 2 && size === 16) return reject("version", "version 2 over IPv6, which has version 3 only");
  const type = byte(0) & 0xf;
  if (type !== TYPE_ADVERTISEMENT) return reject("type", `type ${type}, not ${TYPE_ADVERTISEMENT}`);
  const count = byte(3);
  const length = advertLength(version, size, count);
  if (bytes.length < length)
    return reject("truncated", `${bytes.length} bytes, not the ${length} that ${count} addresses need`);
  // Bytes behind the message could be an authenticator we do not know: better refused than half understood.
  if (bytes.length > length) return reject("trailing", trailingText(bytes.length, length, count));
  const dialect = matchingDialect(bytes, version, size, carrier);
  if (dialect === undefined) {
    const got = (byte(6) << 8) | byte(7);
    return reject("checksum", `checksum 0x${got.toString(16).padStart(4, "0")} does not fit the message`);
  }
  if (byte(1) === 0) return reject("vrid", "router-id 0, not 1 to 255");
  if (count === 0) return reject("address-count", "no addresses, not at least 1");
  const interval = version === 2 ? byte(5) * 1000 : (((byte(4) & 0xf) << 8) | byte(5)) * 10;
  if (interval === 0) return reject("interval", "advert interval 0, not at least 1");
  const addresses = Array.from({ length: count }, (_, i) =>
    ipFromBytes(bytes.subarray(HEADER_LENGTH + i * size, HEADER_LENGTH + (i + 1) * size)),
  );
  const advert: Advert = {
    version,
    virtualRouterId: byte(1),
    priority: byte(2),
    interval: milliseconds(interval),
    addresses,
  };
  if (version === 2)
    return ok({ advert, authentication: { type: byte(4), data: bytes.slice(length - V2_AUTH_LENGTH) } });
  return ok(size === 4 ? { advert, dialect } : { advert });
}

/** Whether an interval can be said in an advert of this version. */
export function intervalFits(version: MessageVersion, interval: Milliseconds): boolean {
  if (version === 2) return interval % 1000 === 0 && interval >= 1000 && interval <= 255_000;
  return interval % 10 === 0 && interval >= 10 && interval <= MAX_CENTISECONDS * 10;
}

/** The addresses in the order of an advert: over IPv6 the link-local one is the first (RFC 9568 section 5.2.9). */
export const linkLocalFirst = (addresses: readonly IpAddress[]): readonly IpAddress[] => [
  ...addresses.filter(isLinkLocal),
  ...addresses.filter((address) => !isLinkLocal(address)),
];

/** Whether two lists name the same addresses, in any order: directors may list them differently. */
export function sameAddresses(a: readonly IpAddress[], b: readonly IpAddress[]): boolean {
  if (a.length !== b.length) return false;
  const left = [...a].sort(compareIp);
  const right = [...b].sort(compareIp);
  return left.every((address, i) => address === right[i]);
}

function trailingText(got: number, length: number, count: number): string {
  const text = `${got} bytes, not the ${length} that ${count} addresses need`;
  return got === length + TRAILER_LENGTH ? `${text}: with an authenticator (HMAC), and we have none` : text;
}

const reject = (kind: RejectKind, detail: string): Result<Decoded, DecodeError> => err({ kind, detail });

/** Bytes of the VRRP message at the beginning of `bytes`, as it says itself; 0 when it cannot say so. */
export function messageLength(bytes: Uint8Array, size: 4 | 16): number {
  const version = bytes.length < HEADER_LENGTH ? 0 : bytes[0]! >> 4;
  return version === 2 || version === 3 ? advertLength(version, size, bytes[3]!) : 0;
}

const advertLength = (version: MessageVersion, size: number, count: number): number =>
  HEADER_LENGTH + count * size + (version === 2 ? V2_AUTH_LENGTH : 0);

/** RFC 5798 section 5.2.8 covers the pseudo-header in both families, RFC 9568 in IPv6 only, version 2 never. */
const pseudoHeaderFor = (version: MessageVersion, size: number, dialect: ChecksumDialect): boolean =>
  version === 3 && (size === 16 || dialect === "rfc5798");

function matchingDialect(
  bytes: Uint8Array,
  version: MessageVersion,
  size: number,
  carrier: Carrier,
): ChecksumDialect | undefined {
  const plain = onesSum(bytes, 0, bytes.length);
  const right = (initial: number): boolean => onesSum(new Uint8Array(0), 0, 0, initial) === 0xffff;
  if (pseudoHeaderFor(version, size, "rfc5798") && right(plain + carrierSum(carrier, bytes.length)))
    return "rfc5798";
  return !pseudoHeaderFor(version, size, "rfc9568") && right(plain) ? "rfc9568" : undefined;
}

const carrierSum = ({ source, destination }: Carrier, length: number): number =>
  pseudoHeaderSum(ipBytes(source), ipBytes(destination), VRRP_PROTOCOL, length);
