// Whether an advert is one that an instance may listen to, from its IP header to its addresses: the tests of RFC 9568
// section 7.1 in their order. What follows from it is for the caller.

import { err, ok, type Result } from "../core/result.js";
import { acceptAdvert, carrierProblem, readableAddresses } from "../vrrp/accept.js";
import { decodeIp } from "../vrrp/ip-header.js";
import { decodeAdvert, type Carrier, type DecodeError, type Decoded } from "../vrrp/packet.js";
import { isOurVersion } from "../vrrp/versions.js";
import type { AdvertPath } from "./vrrp-authenticator.js";
import type { Runtime } from "./vrrp-runtime.js";

type Judged = {
  readonly carrier: Carrier;
  readonly advert: Decoded["advert"];
  /** Of the authenticator behind the message. */
  readonly trailer: number;
  readonly oddities: readonly string[];
};

/** `packet` from its IP header on, as it came by `path`. */
export function judge(
  { config, authenticator }: Runtime,
  packet: Uint8Array,
  length: number,
  path: AdvertPath,
): Result<Judged, DecodeError> {
  const outer = decodeIp(packet, length, config.unicast?.ttl);
  if (!outer.ok) return outer;
  const { carrier, payload } = outer.value;
  const problem = carrierProblem(config, carrier);
  if (problem !== undefined) return err(problem);
  // In a migration a director signs each advert in both versions: the twin that is not for us must not count as the
  // newest of its sender, or the one that is, overtaken on the way, would be a repetition. Decoding says what it is.
  const isForUs = isOurVersion(payload, config.version);
  const opened = (isForUs ? authenticator?.open(payload, carrier, path) : undefined) ?? ok(payload);
  if (!opened.ok) return opened;
  const decoded = decodeAdvert(opened.value, carrier, config.version, readableAddresses(config));
  if (!decoded.ok) return decoded;
  const accepted = acceptAdvert(config, decoded.value, carrier.source);
  if (!accepted.ok) return accepted;
  const trailer = payload.length - opened.value.length;
  return ok({ carrier, advert: decoded.value.advert, trailer, oddities: accepted.value.oddities });
}
