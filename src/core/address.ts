// IP and MAC addresses. An address is kept as canonical text (RFC 5952 for IPv6), so that equality is `===`
// and a Map can be keyed by it; bytes are made where a packet or a kernel structure needs them.

import { err, ok, type Result } from "./result.js";

/** Canonical text of an IPv4 or IPv6 address, without prefix or zone. */
export type IpAddress = string & { readonly kind: "ip" };
/** Lower-case, colon-separated text of a 48-bit Ethernet address. */
export type MacAddress = string & { readonly kind: "mac" };
export type Family = "ipv4" | "ipv6";
/** An address with the length of its network part, 0..32 or 0..128. */
export type Prefix = { readonly address: IpAddress; readonly length: number };

export const familyOf = (address: IpAddress): Family => (address.includes(":") ? "ipv6" : "ipv4");
export const fullLength = (address: IpAddress): number => (familyOf(address) === "ipv4" ? 32 : 128);
/** Whether it is an IPv6 address of fe80::/10, which means something on one link only. */
export const isLinkLocal = (address: IpAddress): boolean => /^fe[89ab][0-9a-f]:/.test(address);
/** Whether a host can have it on a link. */
export function isUnicast(address: IpAddress): boolean {
  const bytes = ipBytes(address);
  const first = bytes[0]!;
  return bytes.length === 4
    ? first !== 0 && first !== 127 && first < 224
    : first !== 0xff && address !== "::" && address !== "::1";
}
/** Asked for every advert that is not a repetition: makes nothing. */
export function isMulticast(address: IpAddress): boolean {
  const number = ipv4Number(address);
  // ff00::/8: the first group has all of its four digits.
  return number === undefined
    ? address.startsWith("ff") && address.indexOf(":") === 4
    : number >>> 28 === 0xe;
}
export const formatPrefix = (prefix: Prefix): string => `${prefix.address}/${prefix.length}`;

/** Reads an address; the error says what is wrong with it, for a person. */
export function parseIp(text: string): Result<IpAddress, string> {
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return bytes.ok ? ok(ipFromBytes(bytes.value)) : bytes;
}

/** For addresses known to be right (constants, tests). Throws on bad text. */
export function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** Reads ADDRESS[/LENGTH]; without a length it is a host address (/32 or /128). */
export function parsePrefix(text: string): Result<Prefix, string> {
  const slash = text.indexOf("/");
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (!address.ok) return address;
  const most = fullLength(address.value);
  if (slash < 0) return ok({ address: address.value, length: most });
  const digits = text.slice(slash + 1);
  const length = Number(digits);
  if (!/^\d{1,3}$/.test(digits) || length > most)
    return err(`${JSON.stringify(digits)} is not a prefix length from 0 to ${most}`);
  return ok({ address: address.value, length });
}

/** 4 or 16 bytes in network order. */
export function ipBytes(address: IpAddress): Uint8Array {
  const bytes = address.includes(":") ? parseIpv6(address) : parseIpv4(address);
  if (!bytes.ok) throw new Error(`not an IP address: ${address}`);
  return bytes.value;
}

/** An IPv4 address as one number, without making anything; undefined: it is IPv6. */
export function ipv4Number(address: IpAddress): number | undefined {
  let number = 0;
  let part = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === 0x2e) {
      number = number * 256 + part;
      part = 0;
    } else if (code >= 0x30 && code <= 0x39) part = part * 10 + code - 0x30;
    else return undefined;
  }
  return number * 256 + part;
}

/** The sum of its 16-bit parts, as a checksum adds them up, without making anything. */
export function addressSum(address: IpAddress): number {
  const number = ipv4Number(address);
  if (number !== undefined) return (number >>> 16) + (number & 0xffff);
  // The place of a group makes no difference, nor do the zeros that "::" stands for.
  let sum = 0;
  let group = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === 0x3a) {
      sum += group;
      group = 0;
    } else group = group * 16 + (code <= 0x39 ? code - 0x30 : code - 0x57);
  }
  return sum + group;
}

/** The address in 4 or 16 bytes of network order; throws on another length. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return `${bytes[0]!}.${bytes[1]!}.${bytes[2]!}.${bytes[3]!}` as IpAddress;
  if (bytes.length !== 16) throw new Error(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number),
  );
  const gap = longestZeroRun(groups);
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((g) => g.toString(16))
      .join(":");
  return (gap === undefined ? hex(0, 8) : `${hex(0, gap.from)}::${hex(gap.to, 8)}`) as IpAddress;
}

/** Unsigned comparison in network order, as RFC 9568 section 6.4.3 compares senders: <0, 0 or >0. */
export function compareIp(a: IpAddress, b: IpAddress): number {
  const left = ipBytes(a);
  const right = ipBytes(b);
  if (left.length !== right.length) return left.length - right.length;
  for (let i = 0; i < left.length; i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether `address` lies in the network of `prefix`. */
export function inPrefix(address: IpAddress, prefix: Prefix): boolean {
  const left = ipBytes(address);
  const right = ipBytes(prefix.address);
  if (left.length !== right.length) return false;
  for (let bit = 0; bit < prefix.length; bit += 8) {
    const mask = prefix.length - bit >= 8 ? 0xff : (0xff << (8 - (prefix.length - bit))) & 0xff;
    if (((left[bit >> 3] as number) & mask) !== ((right[bit >> 3] as number) & mask)) return false;
  }
  return true;
}

/** ADDRESS:PORT, with brackets around an IPv6 address. */
export const formatEndpoint = (address: IpAddress, port: number): string =>
  familyOf(address) === "ipv4" ? `${address}:${port}` : `[${address}]:${port}`;

export const macFromBytes = (bytes: Uint8Array): MacAddress =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":") as MacAddress;

/** The 6 bytes of a MAC address; throws on text that is none. */
export function macBytes(mac: MacAddress): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) throw new Error(`not a MAC address: ${mac}`);
  return Uint8Array.from(mac.split(":"), (pair) => parseInt(pair, 16));
}

/** Character by character: tables of ten thousand addresses are read and written as one. */
function parseIpv4(text: string): Result<Uint8Array, string> {
  const bytes = new Uint8Array(4);
  let part = 0;
  let value = -1;
  for (let i = 0; i <= text.length; i++) {
    const digit = i === text.length ? DOT : text.charCodeAt(i) - 48;
    if (digit === DOT && value >= 0 && part < 4) {
      bytes[part++] = value;
      value = -1;
      // A leading zero is refused: some readers take it for octal, and a VIP must not depend on the reader.
    } else if (digit >= 0 && digit <= 9 && value !== 0) value = value < 0 ? digit : value * 10 + digit;
    else return notIpv4(text);
    if (value > 255) return notIpv4(text);
  }
  return part === 4 ? ok(bytes) : notIpv4(text);
}

/** "." as a digit would be. */
const DOT = -2;
const notIpv4 = (text: string): Result<never, string> =>
  err(`${JSON.stringify(text)} is not an IPv4 or IPv6 address`);

function parseIpv6(text: string): Result<Uint8Array, string> {
  const wrong = err(`${JSON.stringify(text)} is not an IPv4 or IPv6 address`);
  const halves = text.split("::");
  if (halves.length > 2) return wrong;
  const head = groupsOf(halves[0] as string);
  const tail = halves.length === 2 ? groupsOf(halves[1] as string) : [];
  if (head === undefined || tail === undefined) return wrong;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return wrong;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return ok(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
}

function groupsOf(half: string): number[] | undefined {
  if (half === "") return [];
  const groups: number[] = [];
  const parts = half.split(":");
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes(".")) {
      const v4 = parseIpv4(part);
      if (!v4.ok) return undefined;
      const [a, b, c, d] = v4.value as unknown as [number, number, number, number];
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** RFC 5952 section 4.2: the longest run of at least two zero groups, the first one when equal. */
function longestZeroRun(groups: readonly number[]): { from: number; to: number } | undefined {
  let best: { from: number; to: number } | undefined;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from >= 2 && (best === undefined || to - from > best.to - best.from)) best = { from, to };
    if (to > from) from = to;
  }
  return best;
}
