// Which TTL, or hop limit, an advert may have: 255 shows that no router forwarded it (RFC 9568 section 5.1.1.3).
// Unicast peers may be further away when that is configured.

import { VRRP_TTL, type DecodeError } from "./packet.js";
import { Refusal } from "./refusal.js";

/** 1..255 each, both inclusive. */
export type TtlRange = { readonly min: number; readonly max: number };
export const ONLY_LINK: TtlRange = { min: VRRP_TTL, max: VRRP_TTL };

type Name = "TTL" | "hop limit";

/** `what`: what the family calls it. */
export const ttlProblem = (what: Name, ttl: number, range: TtlRange): DecodeError | undefined =>
  ttl >= range.min && ttl <= range.max ? undefined : new Refusal("ttl", ttlText(what, ttl, range));

const ttlText =
  (what: Name, ttl: number, { min, max }: TtlRange) =>
  (): string =>
    min === VRRP_TTL
      ? `${what} ${ttl}, not ${VRRP_TTL}: it may have crossed a router`
      : `${what} ${ttl}, not from ${min} to ${max}: it has come another way than expected`;
