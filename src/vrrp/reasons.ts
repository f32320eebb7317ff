// What an instance says of itself as facts: why it changed its state, which adverts it did not listen to, how its priority
// comes about, and how long its addresses may have had no master. The words for people are made of them elsewhere
// (control/reason.ts).

import type { Family } from "../core/address.js";
import type { Priority } from "./priority.js";

/** Why an instance changed its state. Durations in milliseconds. */
export type TransitionReason =
  | { readonly kind: "startup" }
  | { readonly kind: "owner-startup" }
  /** No advert from `master` for `silence_ms`. */
  | {
      readonly kind: "master-silent";
      readonly master: string;
      readonly master_priority: number;
      readonly silence_ms: number;
      /** What was heard meanwhile and not listened to. */
      readonly rejected?: readonly RejectedAdverts[];
    }
  /** No advert from anybody since the start. */
  | {
      readonly kind: "no-master-heard";
      readonly waited_ms: number;
      readonly rejected?: readonly RejectedAdverts[];
    }
  | { readonly kind: "master-resigned"; readonly master: string; readonly waited_ms: number }
  | {
      readonly kind: "preempted-lower";
      readonly master: string;
      readonly master_priority: number;
      readonly own_priority: number;
    }
  | {
      readonly kind: "higher-priority";
      readonly master: string;
      readonly master_priority: number;
      readonly own_priority: number;
    }
  | {
      readonly kind: "equal-priority-higher-address";
      readonly master: string;
      readonly own: string;
      readonly priority: number;
    }
  /** Without preemption: `master` has been master for longer, and this one yields although its priority is higher. */
  | {
      readonly kind: "incumbent-held";
      readonly master: string;
      readonly master_priority: number;
      readonly own_priority: number;
    }
  /** The process did not run and so sent nothing for `silent_ms`; the others may have given up on it after `limit_ms`. */
  | { readonly kind: "stalled"; readonly silent_ms: number; readonly limit_ms: number }
  /** `member` of the sync group became master, yielded or failed, and this instance with it. */
  | { readonly kind: "group-master"; readonly group: string; readonly member: string }
  | { readonly kind: "group-backup"; readonly group: string; readonly member: string }
  | { readonly kind: "group-fault"; readonly group: string; readonly member: string }
  | { readonly kind: "group-recovered"; readonly group: string }
  /** `kept`, of both: all of vipd was away, by a stop that left the addresses here. */
  /** A restarted VRRP process goes on as master: its peer has not noticed. */
  | { readonly kind: "resumed"; readonly pause_ms: number; readonly kept?: true }
  /** A restarted VRRP process was away too long to go on as master. */
  | {
      readonly kind: "resume-too-late";
      readonly pause_ms: number;
      readonly limit_ms: number;
      readonly kept?: true;
    }
  | { readonly kind: "interface-down"; readonly interface: string }
  | { readonly kind: "interface-missing"; readonly interface: string }
  | { readonly kind: "interface-up"; readonly interface: string }
  /** `wanted`: the configured source address, which is on no interface. */
  | {
      readonly kind: "no-source-address";
      readonly interface: string;
      readonly family: Family;
      readonly wanted?: string;
    }
  | { readonly kind: "no-multicast"; readonly interface: string }
  /** Adverts cannot be heard there: the VRRP group could not be joined. */
  | { readonly kind: "cannot-join"; readonly interface: string; readonly error: string }
  /** The link with the virtual MAC address could not be had. */
  | { readonly kind: "no-virtual-link"; readonly interface: string; readonly error: string }
  /** Packets to the virtual addresses cannot be kept out, as `accept: false` wants it. */
  | { readonly kind: "cannot-refuse"; readonly interface: string; readonly error: string }
  /** What the instance follows is down, or was and is up again. `track`: "script haproxy". */
  | { readonly kind: "track-failed"; readonly track: string }
  | { readonly kind: "track-recovered"; readonly track: string }
  /** What kept it from taking part, although the interface was up, is over; `wanted` as above. */
  | {
      readonly kind: "interface-usable";
      readonly interface: string;
      readonly after:
        "no-source-address" | "no-multicast" | "cannot-join" | "no-virtual-link" | "cannot-refuse";
      readonly wanted?: string;
    }
  | { readonly kind: "action-failed"; readonly action: string; readonly error: string }
  /** Another try after an action had failed. */
  | { readonly kind: "retry"; readonly action: string; readonly waited_ms: number }
  /** `keeps`: the addresses stay where they are. */
  | { readonly kind: "shutdown"; readonly keeps?: true }
  | { readonly kind: "deleted" }
  | { readonly kind: "reconfigured"; readonly what: string };

/** The effective priority as a sum; what lies outside 1..254 was set to the nearest of them. */
export type PrioritySum = Pick<Priority, "base" | "terms">;

/** What was wrong with a received advert (vrrp-conformance R01..R14). */
export type RejectKind =
  | "ttl"
  | "version"
  | "type"
  | "truncated"
  | "checksum"
  | "interval"
  | "auth"
  /** Too far from our clock, or not newer than the sender's last one (HMAC). */
  | "stale"
  | "replay"
  /** Not of a configured peer, or by multicast where unicast is configured, or the other way round. */
  | "not-a-peer"
  | "destination"
  | "address-count"
  | "vrid"
  | "trailing"
  /** Of other virtual addresses than ours, where those are refused. */
  | "addresses"
  | "own-priority-owner";

/** Adverts of one sender that were not listened to, for one reason; `detail`: what was got and what was wanted. */
export type RejectedAdverts = {
  readonly kind: RejectKind;
  readonly sender: string;
  readonly count: number;
  readonly detail: string;
};

/** The last time that an instance became master. `T`: what kind of time. */
export type Takeover<T> = {
  readonly at: T;
  /** When it ceased to be master; null: it is. */
  readonly until: T | null;
  readonly vacancy: Vacancy;
};

/** How long the addresses of an instance may have been without a master before it took them (vrrp/vacancy.ts). */
export type Vacancy =
  /** At most so long: from the last advert of `master`, or its resignation, to our own announcement. */
  | {
      readonly kind: "silent" | "resigned" | "preempted";
      readonly master: string;
      readonly at_most_ms: number;
    }
  /** Not known: nobody was heard as master while this director listened. */
  | { readonly kind: "unheard"; readonly listened_ms: number }
  /** Not at all: the addresses were here before, too. */
  | { readonly kind: "kept" };
