// What of VRRP outlives the process that has seen it: each is told to the next process, or handed over to a successor.

import type { IpAddress } from "../core/address.js";
import type { TrackValue } from "../vrrp/priority.js";
import type { Takeover } from "../vrrp/reasons.js";
import type { FoundAtTakeover } from "./event.js";

/** The numbers of authenticated adverts, as decimal digits: what a VRRP process must know of its predecessor. */
export type SenderSequences = {
  readonly instance: string;
  /** Our own last one. */
  readonly sent?: string;
  /** The newest one of each sender. */
  readonly heard: readonly (readonly [sender: IpAddress, sequence: string])[];
};

/** What tracks are, by their ids. */
export type TrackReport = Readonly<Record<string, TrackValue>>;

/** The last takeover of an instance, in milliseconds since 1970; `found`: absent before the table was looked at. */
export type RememberedTakeover = Takeover<number> & {
  readonly instance: string;
  readonly found?: FoundAtTakeover;
};
