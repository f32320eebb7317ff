// What tests of the codec share: an advert that is right, and why one with a change is refused.

import { ip } from "../../src/core/address.js";
import { complement, onesSum } from "../../src/core/checksum.js";
import { seconds } from "../../src/core/units.js";
import { decodeAdvert, encodeAdvert, type Advert, type Carrier } from "../../src/vrrp/packet.js";
import type { Versions } from "../../src/vrrp/versions.js";
import { GROUP } from "./ip-packet.js";

export const CARRIER: Carrier = { source: ip("10.77.0.1"), destination: GROUP };
export const ADVERT: Advert = {
  version: 3,
  virtualRouterId: 51,
  priority: 150,
  interval: seconds(1),
  addresses: [ip("10.77.0.50")],
};

/** Makes the checksum right again, without a pseudo-header. */
export function correct(message: Uint8Array): void {
  message.set([0, 0], 6);
  const sum = complement(onesSum(message, 0, message.length));
  message.set([sum >> 8, sum & 0xff], 6);
}

/** Why the advert is refused that is right but for `change`, its checksum included. */
export function refusal(
  change: (message: Uint8Array) => Uint8Array | undefined,
  wanted: Versions = 3,
): string {
  const version = wanted === 2 ? 2 : 3;
  const message = encodeAdvert({ ...ADVERT, version }, CARRIER, "rfc9568");
  const changed = change(message) ?? message;
  if (changed.length >= 8) correct(changed);
  return refused(changed, wanted);
}

export function refused(message: Uint8Array, wanted: Versions = 3): string {
  const decoded = decodeAdvert(message, CARRIER, wanted);
  return decoded.ok ? "accepted" : `${decoded.error.kind}: ${decoded.error.detail}`;
}

/** A change of one byte, for `refusal`. */
export const byteAt =
  (offset: number, value: number) =>
  (message: Uint8Array): undefined =>
    void (message[offset] = value);
