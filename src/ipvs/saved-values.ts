// The values of options in a line of a saved table: whole numbers, endpoints, masks. What names of hosts and ports stand
// for is the caller's knowledge.

import { ipBytes, parseIp, type Family, type IpAddress } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import type { Protocol } from "./model.js";
import { shown, type LineOptions, type OptionName } from "./saved-options.js";

/** Undefined: the option is not there. */
export function wholeNumber(
  options: LineOptions,
  name: OptionName,
  least: number,
  most: number,
): Result<number | undefined, string> {
  const text = options.get(name);
  if (text === undefined) return ok(undefined);
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value < least || value > most)
    return err(`${shown(name)} takes a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
  return ok(value);
}

/** What names stand for: those of hosts and of ports, which `ipvsadm -S` writes without -n. */
export type SavedNames = {
  /** `family`: where the text says which; otherwise IPv4 comes first. */
  readonly address: (name: string, family: Family | undefined) => IpAddress | undefined;
  readonly port: (name: string, protocol: Protocol) => number | undefined;
};
export const NO_NAMES: SavedNames = { address: () => undefined, port: () => undefined };

/** `port`: when none stands there; undefined: one must. */
export function readEndpoint(
  text: string,
  port: number | undefined,
  protocol: Protocol,
  names: SavedNames,
): Result<{ readonly address: IpAddress; readonly port: number }, string> {
  const { isBracketed, host, word } = partsOf(text);
  const address = parseIp(host);
  const known = address.ok ? address.value : names.address(host, isBracketed ? "ipv6" : undefined);
  if (known === undefined) return err(notKnown(host, address.ok ? "" : address.error));
  if (word === undefined)
    return port === undefined ? err(`a port is missing after ${text}`) : ok({ address: known, port });
  const number = /^\d+$/.test(word) ? Number(word) : names.port(word, protocol);
  return number === undefined || number > 0xffff
    ? err(`${JSON.stringify(word)} is neither a port from 0 to 65535 nor the name of one for ${protocol}`)
    : ok({ address: known, port: number });
}

type Parts = { readonly isBracketed: boolean; readonly host: string; readonly word: string | undefined };

function partsOf(text: string): Parts {
  const parts = /^(\[)([^\]]*)\](?::(.*))?$/.exec(text) ?? /^()([^:]*)(?::(.*))?$/.exec(text);
  return { isBracketed: parts?.[1] === "[", host: parts?.[2] ?? text, word: parts?.[3] };
}

const notKnown = (host: string, error: string): string =>
  isHostName(host)
    ? `${JSON.stringify(host)} is neither an address nor the name of a host that has one`
    : error;

const isHostName = (text: string): boolean =>
  /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?$/i.test(text) && /[a-z]/i.test(text);

const ENDPOINTS = /(?:\s-[tur]|\s--(?:(?:tcp|udp|sctp)-service|real-server))[ =]*([^\s=]+)/g;

/** The names of hosts in a saved table, for whoever knows what they stand for. */
export function hostNamesIn(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, endpoint = ""] of text.matchAll(ENDPOINTS)) {
    const { host } = partsOf(endpoint);
    if (isHostName(host)) found.add(host);
  }
  return found;
}

/** ipvsadm takes any, as the kernel does; `length`: of one that is a prefix. */
export function readMask(
  text: string,
): Result<{ readonly length: number; readonly mask?: IpAddress }, string> {
  const address = parseIp(text);
  if (!address.ok || address.value.includes(":"))
    return err(`${JSON.stringify(text)} is no mask as 255.255.255.0`);
  const bits = Array.from(ipBytes(address.value), (byte) => byte.toString(2).padStart(8, "0")).join("");
  const length = bits.lastIndexOf("1") + 1;
  return ok(/^1*0*$/.test(bits) ? { length } : { length, mask: address.value });
}
