// Ranges of addresses, from the first to the last: as text for people, and one after the other. Knows nothing of what
// the addresses are for.

import { familyOf, ipBytes, ipFromBytes, parseIp, type IpAddress } from "./address.js";
import { err, ok, type Result } from "./result.js";

/** `count` addresses from `first` on, 1 or more. */
export type AddressRange = { readonly first: IpAddress; readonly count: number };

/** ADDRESS, FIRST-LAST, or FIRST-N with the last part of the address alone: 10.0.0.5-20, 2001:db8::1-ff. */
export function parseRange(text: string, most: number): Result<AddressRange, string> {
  const dash = text.indexOf("-");
  const first = parseIp(dash < 0 ? text : text.slice(0, dash).trim());
  if (!first.ok) return first;
  if (dash < 0) return ok({ first: first.value, count: 1 });
  const last = lastOf(first.value, text.slice(dash + 1).trim());
  if (!last.ok) return last;
  if (familyOf(last.value) !== familyOf(first.value))
    return err(`${JSON.stringify(text)} begins and ends in different families`);
  const count = numberOf(last.value) - numberOf(first.value) + 1n;
  if (count < 1n) return err(`${JSON.stringify(text)} ends before it begins`);
  if (count > BigInt(most))
    return err(`${JSON.stringify(text)} has ${count} addresses, and ${most} are the most`);
  return ok({ first: first.value, count: Number(count) });
}

export function* addressesIn({ first, count }: AddressRange): Iterable<IpAddress> {
  yield first;
  if (count === 1) return;
  const length = ipBytes(first).length;
  const start = numberOf(first);
  for (let i = 1; i < count; i++) yield addressAt(start + BigInt(i), length);
}

function lastOf(first: IpAddress, text: string): Result<IpAddress, string> {
  const isIpv4 = familyOf(first) === "ipv4";
  if (text.includes(isIpv4 ? "." : ":")) return parseIp(text);
  const bytes = Uint8Array.from(ipBytes(first));
  if (isIpv4) {
    if (!/^\d{1,3}$/.test(text) || Number(text) > 255)
      return err(`${JSON.stringify(text)} is neither an address nor the last part of one, 0 to 255`);
    bytes[3] = Number(text);
  } else {
    if (!/^[0-9a-f]{1,4}$/i.test(text))
      return err(`${JSON.stringify(text)} is neither an address nor the last part of one, 0 to ffff`);
    const part = parseInt(text, 16);
    bytes[14] = part >> 8;
    bytes[15] = part & 0xff;
  }
  return ok(ipFromBytes(bytes));
}

const numberOf = (address: IpAddress): bigint =>
  ipBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function addressAt(number: bigint, length: number): IpAddress {
  const bytes = new Uint8Array(length);
  for (let i = length - 1, rest = number; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return ipFromBytes(bytes);
}
