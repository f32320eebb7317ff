// The values of options in a line of a saved table: whole numbers, endpoints, masks. Numbers only, no names.

import { ipBytes, parseIp, type IpAddress } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
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

/** `port`: when none stands there; undefined: one must. */
export function readEndpoint(
  text: string,
  port: number | undefined,
): Result<{ readonly address: IpAddress; readonly port: number }, string> {
  const parts = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? /^([^:]*)(?::(.*))?$/.exec(text);
  const address = parseIp(parts?.[1] ?? text);
  if (!address.ok) return err(`${address.error}: only numbers are read, as ipvsadm -S -n writes them`);
  const digits = parts?.[2];
  if (digits === undefined)
    return port === undefined ? err(`a port is missing after ${text}`) : ok({ address: address.value, port });
  if (!/^\d{1,5}$/.test(digits) || Number(digits) > 0xffff)
    return err(
      `${JSON.stringify(digits)} is not a port from 0 to 65535: only numbers are read, as ipvsadm -S -n writes them`,
    );
  return ok({ address: address.value, port: Number(digits) });
}

export function maskLength(text: string): Result<number, string> {
  const address = parseIp(text);
  const wrong = err(`${JSON.stringify(text)} is no mask: ones and then zeros, as 255.255.255.0`);
  if (!address.ok || address.value.includes(":")) return wrong;
  const bits = Array.from(ipBytes(address.value), (byte) => byte.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(bits) ? ok(bits.replaceAll("0", "").length) : wrong;
}
