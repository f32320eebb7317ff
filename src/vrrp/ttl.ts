// Which TTL, or hop limit, an advert may have: 255 shows that no router forwarded it (RFC 9568 section 5.1.1.3).
// Unicast peers may be further away when that is configured.

import { VRRP_TTL, type DecodeError } from "./packet.js";

/** 1..255 each, both inclusive. */
export type TtlRange = { readonly min: number; readonly max: number };
export const ONLY_LINK: TtlRange = { min: VRRP_TTL, max: VRRP_TTL };

/** `what`: what the family calls it. */
export function ttlProblem(what: "TTL" | "hop limit", ttl: number, range: TtlRange): DecodeError | undefined {
  const { min, max } = range;
  if (ttl >= min && ttl <= max) return undefined;
  const got = `${what} ${ttl}`;
  return {
    kind: "ttl",
    detail:
      min === VRRP_TTL
        ? `${got}, not ${VRRP_TTL}: it may have crossed a router`
        : `${got}, not from ${min} to ${max}: it has come another way than expected`,
  };
}
