// Whose adverts an instance does not listen to, and why: so that "nobody was heard" and "somebody was heard, but
// wrongly" are never the same line. Bounded: who sends under ever new names only displaces the oldest.

import type { IpAddress } from "../core/address.js";
import type { Instant } from "../core/units.js";
import type { RejectedAdverts, RejectKind } from "../vrrp/reasons.js";

const MOST = 8;

type Entry = {
  readonly kind: RejectKind;
  readonly sender: IpAddress;
  detail: string;
  count: number;
  at: Instant;
};

export class Rejects {
  private readonly entries: Entry[] = [];

  note(kind: RejectKind, sender: IpAddress, detail: string, now: Instant): void {
    const known = this.entries.find((entry) => entry.kind === kind && entry.sender === sender);
    if (known !== undefined) {
      known.detail = detail;
      known.count += 1;
      known.at = now;
      return;
    }
    if (this.entries.length === MOST) this.entries.splice(this.oldest(), 1);
    this.entries.push({ kind, sender, detail, count: 1, at: now });
  }

  /** Those that were heard at `at` or later; their counts are of the time since `clear`. */
  since(at: Instant): readonly RejectedAdverts[] {
    return this.entries
      .filter((entry) => entry.at >= at)
      .map(({ kind, sender, detail, count }) => ({ kind, sender, detail, count }));
  }

  clear(): void {
    this.entries.length = 0;
  }

  private oldest(): number {
    return this.entries.reduce((best, { at }, i) => (at < this.entries[best]!.at ? i : best), 0);
  }
}
