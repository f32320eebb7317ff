// Whose adverts an instance does not listen to, and why: so that "nobody was heard" and "somebody was heard, but
// wrongly" are never the same line. Bounded: who sends under ever new names only displaces the oldest.

import type { IpAddress } from "../core/address.js";
import type { Instant } from "../core/units.js";
import type { DecodeError } from "../vrrp/packet.js";
import type { RejectedAdverts } from "../vrrp/reasons.js";
import type { MakeEvent } from "./repeat-limit.js";

const MOST = 8;

export type Reject = {
  readonly sender: IpAddress;
  /** The last one's. */
  error: DecodeError;
  count: number;
  at: Instant;
  /** Where it was heard last. */
  ifindex: number;
  /** How it is said: made once, because it may come thousands of times a second. */
  saying: Saying | undefined;
};
/** `error`: the last one's there, since the same may come on another interface otherwise. */
export type Saying = {
  readonly key: string;
  readonly rest: string;
  readonly make: MakeEvent;
  error: DecodeError;
};

export class Rejects {
  private readonly entries: Reject[] = [];

  note(error: DecodeError, sender: IpAddress, ifindex: number, now: Instant): Reject {
    const known = this.find(error, sender);
    if (known === undefined)
      return this.add({ sender, error, count: 1, at: now, ifindex, saying: undefined });
    known.error = error;
    known.count += 1;
    known.at = now;
    if (known.ifindex !== ifindex) known.saying = undefined;
    else if (known.saying !== undefined) known.saying.error = error;
    known.ifindex = ifindex;
    return known;
  }

  /** Those that were heard at `at` or later; their counts are of the time since `clear`. */
  since(at: Instant): readonly RejectedAdverts[] {
    return this.entries
      .filter((entry) => entry.at >= at)
      .map(({ error: { kind, detail }, sender, count }) => ({ kind, sender, detail, count }));
  }

  clear(): void {
    this.entries.length = 0;
  }

  private find({ kind }: DecodeError, sender: IpAddress): Reject | undefined {
    for (const entry of this.entries) if (entry.error.kind === kind && entry.sender === sender) return entry;
    return undefined;
  }

  private add(entry: Reject): Reject {
    if (this.entries.length === MOST) this.entries.splice(this.oldest(), 1);
    this.entries.push(entry);
    return entry;
  }

  private oldest(): number {
    return this.entries.reduce((best, { at }, i) => (at < this.entries[best]!.at ? i : best), 0);
  }
}
