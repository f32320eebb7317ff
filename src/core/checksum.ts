// The Internet checksum (RFC 1071), as used by VRRP, IPv4 and ICMP.

/** The 16-bit one's complement sum of `bytes[from..to)`, not yet complemented, added to `initial`. */
export function onesSum(bytes: Uint8Array, from: number, to: number, initial = 0): number {
  let sum = initial;
  const even = to - ((to - from) & 1);
  for (let i = from; i < even; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  // An odd last byte counts as if a zero byte followed it (RFC 1071 section 4.1).
  if (even < to) sum += (bytes[even] as number) << 8;
  return folded(sum);
}

/** A sum with its carries added to it again, until it has 16 bits. */
export function folded(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x10000);
  return rest;
}

/** The value for a checksum field, given the sum over the data with that field zero. */
export const complement = (sum: number): number => ~sum & 0xffff;

/** The checksum of `bytes[from..to)`. */
export const checksum = (bytes: Uint8Array, from = 0, to = bytes.length, initial = 0): number =>
  complement(onesSum(bytes, from, to, initial));

/**
 * What the pseudo-header adds to the sum of an upper-layer message of `length` bytes (RFC 8200 section 8.1; for
 * IPv4 the same fields, shorter). Addresses of 4 or 16 bytes; all fields add up alike.
 */
export const pseudoHeaderSum = (
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  length: number,
): number =>
  onesSum(source, 0, source.length, onesSum(destination, 0, destination.length)) + protocol + length;
