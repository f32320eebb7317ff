// The texts of addresses that packets carry: the few that come again and again are made once. Bounded, and whoever sends
// under ever new addresses only displaces others. It knows no packet.

import { ipFromBytes, type IpAddress } from "./address.js";

/** A power of two: more addresses than the directors of one link have. */
const SLOTS = 256;
const LONGEST = 16;

class AddressTexts {
  private readonly bytes = new Uint8Array(SLOTS * LONGEST);
  private readonly texts = new Array<IpAddress | undefined>(SLOTS).fill(undefined);
  private readonly lengths = new Uint8Array(SLOTS);

  /** The address in the `length` bytes from `at` on, 4 or 16. Allocates nothing for one that is known. */
  read(from: Uint8Array, at: number, length: number): IpAddress {
    let hash = length;
    for (let i = at; i < at + length; i++) hash = (hash * 31 + from[i]!) | 0;
    const slot = (hash ^ (hash >>> 8)) & (SLOTS - 1);
    const known = this.texts[slot];
    if (known !== undefined && this.isSame(slot, from, at, length)) return known;
    const bytes = from.subarray(at, at + length);
    const text = ipFromBytes(bytes);
    this.bytes.set(bytes, slot * LONGEST);
    this.lengths[slot] = length;
    this.texts[slot] = text;
    return text;
  }

  private isSame(slot: number, from: Uint8Array, at: number, length: number): boolean {
    if (this.lengths[slot] !== length) return false;
    const own = slot * LONGEST;
    for (let i = 0; i < length; i++) if (this.bytes[own + i] !== from[at + i]) return false;
    return true;
  }
}

/** For all packets of a process: the same bytes are the same address everywhere. */
export const addressTexts = new AddressTexts();
