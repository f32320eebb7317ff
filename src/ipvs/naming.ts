// How addresses, services and their flags are written, in listings and in saved tables alike. Where names come from
// is the caller's affair.

import { familyOf, ipBytes, ipFromBytes, type IpAddress } from "../core/address.js";
import type { Family } from "../core/address.js";
import {
  SERVICE_FLAG,
  type ListedPersistence,
  type ListedService,
  type Protocol,
  type ServiceKey,
} from "./model.js";

export type Naming = {
  readonly host: (address: IpAddress) => string;
  /** `protocol` in lower case: "tcp". */
  readonly port: (port: number, protocol: string) => string;
};
export const NUMBERS: Naming = { host: (address) => address, port: (port) => String(port) };

export function endpointText(address: IpAddress, port: number, protocol: string, naming: Naming): string {
  const host = naming.host(address);
  return `${host.includes(":") ? `[${host}]` : host}:${naming.port(port, protocol)}`;
}

/** By which the ports of its servers get names; ipvsadm takes a firewall mark for TCP. */
export const protocolOf = (key: ServiceKey): Protocol => (key.kind === "fwmark" ? "tcp" : key.protocol);

export const keyFamily = (key: ServiceKey): Family =>
  key.kind === "fwmark" ? key.family : familyOf(key.address);

/** The granularity as `-M` takes it: a mask, or for IPv6 a length; undefined: each client for itself. */
export function maskText({ prefixLength, mask }: ListedPersistence, family: Family): string | undefined {
  if (mask !== undefined) return mask;
  if (family === "ipv6") return prefixLength === 128 ? undefined : String(prefixLength);
  return prefixLength === 32 ? undefined : dottedMask(prefixLength);
}

function dottedMask(length: number): IpAddress {
  const bytes = ipBytes("255.255.255.255" as IpAddress);
  for (let bit = length; bit < 32; bit++)
    bytes[bit >> 3] = (bytes[bit >> 3] as number) & ~(0x80 >> (bit & 7));
  return ipFromBytes(bytes);
}

/** IP_VS_SVC_F_SCHED1 to 3 by place; sh and mh have words of their own for the first two. */
const FIRST_SCHEDULER_FLAG = SERVICE_FLAG.fallback;
const FLAG_WORDS = ["flag-1", "flag-2", "flag-3"];
const OWN_FLAG_WORDS: Readonly<Record<string, readonly string[]>> = {
  sh: ["sh-fallback", "sh-port"],
  mh: ["mh-fallback", "mh-port"],
};

/** The scheduler's flags by name, as `-b` takes them. */
export function schedulerFlags({ scheduler, flags = 0 }: ListedService): readonly string[] {
  return FLAG_WORDS.flatMap((word, i) =>
    (flags & (FIRST_SCHEDULER_FLAG << i)) === 0 ? [] : [OWN_FLAG_WORDS[scheduler]?.[i] ?? word],
  );
}

/** The bit of a flag's name; undefined: the scheduler has none of that name. */
export function schedulerFlag(scheduler: string, word: string): number | undefined {
  const own = OWN_FLAG_WORDS[scheduler]?.indexOf(word) ?? -1;
  const place = own >= 0 ? own : FLAG_WORDS.indexOf(word);
  return place < 0 ? undefined : FIRST_SCHEDULER_FLAG << place;
}

export const schedulerFlagWords = (scheduler: string): readonly string[] => [
  ...(OWN_FLAG_WORDS[scheduler] ?? []),
  ...FLAG_WORDS,
];
