// The VRRP advertisement, versions 2 and 3, over IPv4 and IPv6: bytes to value and back. Whether an advert
// fits the instance that hears it (interval, version, addresses) is decided in accept.ts; here only what the
// bytes themselves say. Nothing is believed before the length and the checksum are right.

import {
  addressSum,
  familyOf,
  ip,
  ipBytes,
  isLinkLocal,
  type Family,
  type IpAddress,
} from "../core/address.js";
import { addressTexts } from "../core/address-texts.js";
import { complement, folded, onesSum } from "../core/checksum.js";
import { err, ok, type Result } from "../core/result.js";
import { milliseconds, toCentiseconds, type Milliseconds } from "../core/units.js";
import type { RejectKind } from "./reasons.js";
import { Refusal } from "./refusal.js";
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
const MOST_ADDRESSES = 255;

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
  /** How many addresses it has beyond those that were read; absent: none. */
  readonly unread?: number;
  /** Set for version 3 over IPv4 only. */
  readonly dialect?: ChecksumDialect;
  /** Set for version 2 only. */
  readonly authentication?: Authentication;
};

/** The last 8 bytes of a version 2 advert, where they were received, and what they are: 0 nothing (RFC 3768), 1 a password (RFC 2338). */
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

/**
 * Reads the VRRP message `bytes` (the payload of the IP packet). The order of the tests is RFC 9568 section 7.1's.
 * `wanted` is the instance's. No more addresses than `most` are read: nobody needs all of those that are not his.
 */
export function decodeAdvert(
  bytes: Uint8Array,
  carrier: Carrier,
  wanted: Versions = "2+3",
  most = MOST_ADDRESSES,
): Result<Decoded, DecodeError> {
  if (bytes.length < HEADER_LENGTH) return err(new Refusal("truncated", headerText(bytes.length)));
  const version = bytes[0]! >> 4;
  if ((version !== 2 && version !== 3) || !speaks(wanted, version))
    return err(new Refusal("version", versionText(version, wanted)));
  const size = familyOf(carrier.source) === "ipv4" ? 4 : 16;
  if (version === 2 && size === 16) return err(V2_OVER_IPV6);
  const type = bytes[0]! & 0xf;
  if (type !== TYPE_ADVERTISEMENT) return err(new Refusal("type", typeText(type)));
  const count = bytes[3]!;
  const length = advertLength(version, size, count);
  if (bytes.length < length) return err(new Refusal("truncated", lengthText(bytes.length, length, count)));
  // Bytes behind the message could be an authenticator we do not know: better refused than half understood.
  if (bytes.length > length) return err(new Refusal("trailing", trailingText(bytes.length, length, count)));
  const dialect = matchingDialect(bytes, version, size, carrier);
  if (dialect === undefined) return err(new Refusal("checksum", checksumText((bytes[6]! << 8) | bytes[7]!)));
  if (bytes[1] === 0) return err(NO_ROUTER);
  if (count === 0) return err(NO_ADDRESSES);
  const interval = version === 2 ? bytes[5]! * 1000 : (((bytes[4]! & 0xf) << 8) | bytes[5]!) * 10;
  if (interval === 0) return err(NO_INTERVAL);
  const addresses = new Array<IpAddress>(Math.min(count, most));
  for (let i = 0; i < addresses.length; i++)
    addresses[i] = addressTexts.read(bytes, HEADER_LENGTH + i * size, size);
  const advert: Advert = {
    version,
    virtualRouterId: bytes[1]!,
    priority: bytes[2]!,
    interval: milliseconds(interval),
    addresses,
  };
  const more = count > most ? { unread: count - most } : undefined;
  if (version === 2) {
    const authentication = { type: bytes[4]!, data: bytes.subarray(length - V2_AUTH_LENGTH) };
    return ok({ advert, authentication, ...more });
  }
  return ok(size === 4 ? { advert, dialect, ...more } : { advert, ...more });
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
  if (a.every((address, i) => address === b[i])) return true;
  const left = [...a].sort();
  const right = [...b].sort();
  return left.every((address, i) => address === right[i]);
}

const headerText = (got: number) => (): string => `${got} bytes, not the ${HEADER_LENGTH} of the fixed part`;
const versionText = (got: number, wanted: Versions) => (): string =>
  `version ${got}, not ${wanted === "2+3" ? "2 or 3" : wanted}`;
const typeText = (got: number) => (): string => `type ${got}, not ${TYPE_ADVERTISEMENT}`;
const lengthText = (got: number, length: number, count: number) => (): string =>
  `${got} bytes, not the ${length} that ${count} addresses need`;
const trailingText = (got: number, length: number, count: number) => (): string => {
  const text = lengthText(got, length, count)();
  return got === length + TRAILER_LENGTH ? `${text}: with an authenticator (HMAC), and we have none` : text;
};
const checksumText = (got: number) => (): string =>
  `checksum 0x${got.toString(16).padStart(4, "0")} does not fit the message`;
const V2_OVER_IPV6 = new Refusal("version", () => "version 2 over IPv6, which has version 3 only");
const NO_ROUTER = new Refusal("vrid", () => "router-id 0, not 1 to 255");
const NO_ADDRESSES = new Refusal("address-count", () => "no addresses, not at least 1");
const NO_INTERVAL = new Refusal("interval", () => "advert interval 0, not at least 1");

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
  if (pseudoHeaderFor(version, size, "rfc5798") && isRight(plain + carrierSum(carrier, bytes.length)))
    return "rfc5798";
  return !pseudoHeaderFor(version, size, "rfc9568") && isRight(plain) ? "rfc9568" : undefined;
}

const isRight = (sum: number): boolean => folded(sum) === 0xffff;

/** What the pseudo-header adds (RFC 8200 section 8.1; for IPv4 the same fields, shorter). */
const carrierSum = ({ source, destination }: Carrier, length: number): number =>
  addressSum(source) + addressSum(destination) + VRRP_PROTOCOL + length;
