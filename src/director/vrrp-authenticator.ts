// The HMAC side of one VRRP instance: its keys, the number it sent last, and the newest number of each sender. What
// bytes and numbers mean is vrrp/hmac.ts's business.

import { familyOf, type IpAddress } from "../core/address.js";
import { fromHex } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import { formatDuration, milliseconds } from "../core/units.js";
import type { SenderSequences } from "../control/remembered.js";
import type { Hmac } from "../ports/vrrp.js";
import {
  clockSkew,
  isNewer,
  nextSequence,
  sealAdvert,
  verifyAdvert,
  type HmacKeys,
  type Sequence,
} from "../vrrp/hmac.js";
import type { HmacAuth } from "../vrrp/instance.js";
import { Refusal } from "../vrrp/refusal.js";
import { messageLength, TRAILER_LENGTH, type Carrier, type DecodeError } from "../vrrp/packet.js";

/** By which of an instance's two paths an advert came. */
export type AdvertPath = "first" | "second";
/** The newest number of a sender, and by which path it came; both: by any. */
type Heard = { readonly sequence: Sequence; readonly path: AdvertPath | "both" };

/** Senders that are remembered, the last heard ones: more directors than any virtual router has. */
const MOST_SENDERS = 64;

export class Authenticator {
  private readonly hmac: Hmac;
  private auth: HmacAuth;
  private keys: HmacKeys;
  private sent: Sequence | undefined;
  /** In the order in which they were heard last. */
  private readonly heard = new Map<IpAddress, Heard>();
  private lastHeard: IpAddress | undefined;

  constructor(hmac: Hmac, auth: HmacAuth) {
    this.hmac = hmac;
    this.auth = auth;
    this.keys = keysOf(auth, hmac);
    // The first one takes some milliseconds: OpenSSL is loaded for it. Not when an advert is due.
    hmac.sha256(new Uint8Array(0), new Uint8Array(0));
  }

  /** New keys and rules. What senders have said stays said. */
  adopt(auth: HmacAuth): void {
    this.auth = auth;
    this.keys = keysOf(auth, this.hmac);
  }

  /** Signs copies of one message to several destinations, each with room for the trailer at its end. */
  sign(source: IpAddress, copies: readonly Uint8Array[]): void {
    if (copies.length === 0 || this.auth.mode === "receive-only") return;
    this.sent = nextSequence(this.sent, this.hmac.utc(), this.auth);
    this.signAgain(source, copies);
  }

  /** Signs what is the last signed message, but comes from another address: it has the same number. */
  signAgain(source: IpAddress, copies: readonly Uint8Array[]): void {
    const [first, ...others] = copies;
    if (first === undefined || this.sent === undefined || this.auth.mode === "receive-only") return;
    sealAdvert(first, source, this.keys, this.auth.send, this.sent);
    const trailer = first.subarray(first.length - TRAILER_LENGTH);
    for (const copy of others) copy.set(trailer, copy.length - TRAILER_LENGTH);
  }

  /** The message in `payload`, when it is signed as it must be. What is neither message nor trailer is left to the decoder. */
  open(
    payload: Uint8Array,
    { source }: Carrier,
    path: AdvertPath = "first",
  ): Result<Uint8Array, DecodeError> {
    const length = messageLength(payload, familyOf(source) === "ipv4" ? 4 : 16);
    if (payload.length === length && this.auth.mode === "enforce") return err(UNSIGNED);
    if (length === 0 || payload.length !== length + TRAILER_LENGTH) return ok(payload);
    const problem = this.verify(payload, source, path);
    return problem === undefined ? ok(payload.subarray(0, length)) : err(problem);
  }

  /**
   * Tests the trailer at the end of `payload`, and remembers its number when it is right. The newest number counts once
   * on each path: that is a copy, and nobody's repetition.
   */
  verify(payload: Uint8Array, source: IpAddress, path: AdvertPath = "first"): DecodeError | undefined {
    const known = this.heard.get(source);
    const isNews = known === undefined || known.path === "both" || known.path === path;
    const last = isNews ? known?.sequence : BigInt.asUintN(64, known.sequence - 1n);
    const received = last === undefined ? { payload, source } : { payload, source, last };
    const verified = verifyAdvert(received, this.auth, this.keys, this.hmac.utc());
    if (!verified.ok) return verified.error;
    const sequence = verified.value;
    this.remember(source, { sequence, path: known?.sequence === sequence ? "both" : path });
    return undefined;
  }

  /** A sender whose clock is about to be too far from ours: a sentence that stays the same. */
  skewOf(source: IpAddress): string | undefined {
    const last = this.heard.get(source)?.sequence;
    const { antiReplay, window } = this.auth;
    if (last === undefined || antiReplay !== "time") return undefined;
    const skew = clockSkew(last, this.hmac.utc());
    if (Math.abs(skew) <= window / 2) return undefined;
    const half = formatDuration(milliseconds(window / 2));
    return (
      `the clock of ${source} is more than ${half} ${skew > 0 ? "ahead of" : "behind"} ours; ` +
      `beyond ${formatDuration(window)} its adverts are refused`
    );
  }

  /** What a successor of this process must know, lest recorded adverts count again. */
  sequences(): Omit<SenderSequences, "instance"> {
    return {
      ...(this.sent === undefined ? {} : { sent: String(this.sent) }),
      heard: Array.from(this.heard, ([sender, { sequence }]) => [sender, String(sequence)] as const),
    };
  }

  /** From a predecessor's `sequences`. */
  recall({ sent, heard }: SenderSequences): void {
    if (sent !== undefined && (this.sent === undefined || isNewer(BigInt(sent), this.sent)))
      this.sent = BigInt(sent);
    for (const [sender, text] of heard) {
      const known = this.heard.get(sender);
      const sequence = BigInt(text);
      if (known === undefined || isNewer(sequence, known.sequence))
        this.remember(sender, { sequence, path: "both" });
    }
  }

  private remember(sender: IpAddress, heard: Heard): void {
    // Nearly always it is the last one; to put it in anew would make a new table every few adverts.
    if (sender !== this.lastHeard) this.heard.delete(sender);
    this.lastHeard = sender;
    this.heard.set(sender, heard);
    if (this.heard.size <= MOST_SENDERS) return;
    const [oldest] = this.heard.keys();
    if (oldest !== undefined) this.heard.delete(oldest);
  }
}

const UNSIGNED = new Refusal("auth", () => "without an authenticator (HMAC), and ours are enforced");

const keysOf = ({ keys }: HmacAuth, { sha256 }: Hmac): HmacKeys => ({
  keys: new Map(keys.map(({ id, hex }) => [id, fromHex(hex)])),
  hmacSha256: sha256,
});
