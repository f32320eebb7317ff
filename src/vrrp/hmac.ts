// The authenticator that may follow an advert: keepalived's extension `auth_hmac` (2.4), in no RFC. Bytes and
// rules only: what is signed, what a trailer says, in which order a received one is judged, and which number a
// sender uses next. Keys, clocks and memories of senders belong to the caller, and so does the hash function.

import { ipBytes, type IpAddress } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import { formatDuration, milliseconds, type Milliseconds } from "../core/units.js";
import type { HmacAuth } from "./instance.js";
import { TRAILER_LENGTH, type DecodeError } from "./packet.js";
import { Refusal } from "./refusal.js";

/*
 *  behind the VRRP message, which its checksum and the length in its pseudo-header end before:
 *  +--------+--------+----------+------------+------------+-----------+---------------+
 *  |scheme 1| key 1  |reserved 2| seconds 4  | fraction 2 | counter 2 | HMAC 16       |
 *  +--------+--------+----------+------------+------------+-----------+---------------+
 */
const KEY_ID = 1;
const SEQUENCE = 4;
/** Everything before the HMAC itself; it is signed too. */
const SIGNED_LENGTH = 12;
const TAG_LENGTH = 16;
/** HMAC-SHA256 (RFC 2104), its first 128 bits. */
const SCHEME_HMAC_SHA256_128 = 1;
const PSEUDO_HEADER_LENGTH = 20;
const CHECKSUM_OFFSET = 6;

/** HMAC-SHA256 of `bytes`: 32 bytes. */
export type HmacSha256 = (key: Uint8Array, bytes: Uint8Array) => Uint8Array;

/** UTC seconds (32 bits), their fraction in 1/65536 (16) and a counter (16), read as one number that only grows. */
export type Sequence = bigint;

export type HmacKeys = {
  /** By id, 1..255. */
  readonly keys: ReadonlyMap<number, Uint8Array>;
  readonly hmacSha256: HmacSha256;
};

/** `utc`: milliseconds since 1970, fractions allowed. */
export function clockSequence(utc: number): Sequence {
  const seconds = Math.floor(utc / 1000);
  const fraction = Math.floor((utc / 1000 - seconds) * 0x10000);
  return (BigInt.asUintN(32, BigInt(seconds)) << 32n) | (BigInt(fraction) << 16n);
}

/** By how much `a` is newer than `b`, in the arithmetic of serial numbers (RFC 1982): the clock wraps in 2106. */
const difference = (a: Sequence, b: Sequence): bigint => BigInt.asIntN(64, a - b);
export const isNewer = (a: Sequence, b: Sequence): boolean => difference(a, b) > 0n;
const asMilliseconds = (d: bigint): number => Number(d >> 16n) / 65.536;

/**
 * The number of the next advert after `last`: the clock's, or one more where the clock stands or went back. A clock
 * that went back by more than the window is followed all the same, or the others would take us for stale.
 */
export function nextSequence(
  last: Sequence | undefined,
  utc: number,
  { antiReplay, window }: Pick<HmacAuth, "antiReplay" | "window">,
): Sequence {
  const clock = clockSequence(utc);
  if (last === undefined || isNewer(clock, last)) return clock;
  if (antiReplay === "time" && asMilliseconds(difference(last, clock)) > window) return clock;
  return BigInt.asUintN(64, last + 1n);
}

/**
 * What is signed: a pseudo-header, the message with its checksum read as zero, and the trailer without its HMAC.
 * `signed` begins with the message and the trailer, at least its first 12 bytes. IP header, destination and TTL are
 * not covered: the copies to several peers have one trailer.
 */
function signedBytes(source: Uint8Array, signed: Uint8Array, messageLength: number): Uint8Array {
  const bytes = new Uint8Array(PSEUDO_HEADER_LENGTH + messageLength + TRAILER_LENGTH);
  bytes[0] = source.length === 4 ? 4 : 6;
  bytes[1] = signed[0]! >> 4;
  bytes[2] = signed[1]!;
  bytes.set(source, 4);
  for (let i = 0; i < messageLength + SIGNED_LENGTH; i++) bytes[PSEUDO_HEADER_LENGTH + i] = signed[i]!;
  bytes[PSEUDO_HEADER_LENGTH + CHECKSUM_OFFSET] = bytes[PSEUDO_HEADER_LENGTH + CHECKSUM_OFFSET + 1] = 0;
  return bytes;
}

/** Fills in the trailer at the end of `bytes`, which is a message followed by room for it. */
export function sealAdvert(
  bytes: Uint8Array,
  source: IpAddress,
  { keys, hmacSha256 }: HmacKeys,
  keyId: number,
  sequence: Sequence,
): void {
  const messageLength = bytes.length - TRAILER_LENGTH;
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + messageLength, TRAILER_LENGTH);
  trailer.setUint8(0, SCHEME_HMAC_SHA256_128);
  trailer.setUint8(KEY_ID, keyId);
  trailer.setUint16(2, 0);
  trailer.setBigUint64(SEQUENCE, sequence);
  const tag = hmacSha256(keys.get(keyId)!, signedBytes(ipBytes(source), bytes, messageLength));
  bytes.set(tag.subarray(0, TAG_LENGTH), messageLength + SIGNED_LENGTH);
}

export type Received = {
  /** The message and the trailer behind it. */
  readonly payload: Uint8Array;
  readonly source: IpAddress;
  /** The newest number of this sender so far. */
  readonly last?: Sequence;
};

/**
 * Judges the trailer at the end of `payload`; gives its number, the sender's newest from now on. What costs least comes
 * first, and nothing is learnt from a trailer whose HMAC is wrong.
 */
export function verifyAdvert(
  { payload, source, last }: Received,
  auth: HmacAuth,
  { keys, hmacSha256 }: HmacKeys,
  utc: number,
): Result<Sequence, DecodeError> {
  const messageLength = payload.length - TRAILER_LENGTH;
  const begin = uint32At(payload, messageLength);
  // Without the key id, which may be any.
  if ((begin & 0xff00ffff) !== SCHEME_HMAC_SHA256_128 << 24)
    return err(new Refusal("auth", schemeText(begin)));
  if (auth.antiReplay === "time") {
    const skew = skewOf(uint32At(payload, messageLength + SEQUENCE), utc);
    if (Math.abs(skew) > auth.window) return err(new Refusal("stale", staleText(skew, auth.window)));
  }
  const id = payload[messageLength + KEY_ID]!;
  const key = keys.get(id);
  if (key === undefined) return err(new Refusal("auth", keyText(id, keys)));
  const tag = hmacSha256(key, signedBytes(ipBytes(source), payload, messageLength));
  if (!sameTag(tag, payload, messageLength + SIGNED_LENGTH)) return err(new Refusal("auth", tagText(id)));
  const sequence = new DataView(payload.buffer, payload.byteOffset + messageLength).getBigUint64(SEQUENCE);
  if (last !== undefined && !isForgotten(last, auth, utc) && !isNewer(sequence, last)) return err(REPLAYED);
  return ok(sequence);
}

/** By how much the sender's clock is ahead of ours; whole seconds. */
export const clockSkew = (sequence: Sequence, utc: number): Milliseconds =>
  skewOf(Number(sequence >> 32n), utc);

/** `seconds`: of a sequence, 32 bits; the clock wraps in 2106. */
const skewOf = (seconds: number, utc: number): Milliseconds =>
  milliseconds(((seconds - Math.floor(utc / 1000)) | 0) * 1000);

const uint32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

/** A sender that was not heard for the window, or ran ahead of the clock by more, may begin anew. */
const isForgotten = (last: Sequence, { antiReplay, window }: HmacAuth, utc: number): boolean =>
  antiReplay === "time" && Math.abs(clockSkew(last, utc)) > window;

/** In constant time: how much of a guess was right is told to nobody. */
function sameTag(whole: Uint8Array, payload: Uint8Array, at: number): boolean {
  let different = 0;
  for (let i = 0; i < TAG_LENGTH; i++) different |= whole[i]! ^ payload[at + i]!;
  return different === 0;
}

const keyText = (id: number, keys: ReadonlyMap<number, Uint8Array>) => (): string =>
  `signed with key ${id}, and we have ${[...keys.keys()].join(", ")}`;
const tagText = (id: number) => (): string =>
  `the HMAC is wrong: key ${id} is another one there, or the advert was changed`;
const REPLAYED = new Refusal(
  "replay",
  () => "it is not newer than the last one of this sender: repeated by somebody, or overtaken",
);
const staleText = (skew: Milliseconds, window: Milliseconds) => (): string => {
  const side = skew > 0 ? "ahead of" : "behind";
  const by = formatDuration(milliseconds(Math.abs(skew)));
  return `its time is ${by} ${side} ours, and ${formatDuration(window)} is the most (hmac window): an old advert, or clocks differ`;
};
const schemeText = (begin: number) => (): string =>
  `the authenticator begins with ${begin.toString(16).padStart(8, "0")}, not with scheme 01, a key id and 0000`;
