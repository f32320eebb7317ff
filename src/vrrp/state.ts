// The vocabulary of the VRRP state machine: what an instance is (State), what can happen to it (Event) and
// what it wants done (Action). Facts come in, orders go out, both carry all their data. A state holds only
// what exists in it, its deadlines are absolute and live in it.

import type { IpAddress } from "../core/address.js";
import type { Instant, Milliseconds } from "../core/units.js";
import type { TransitionReason } from "./reasons.js";
import type { InstanceConfig, VirtualAddress } from "./instance.js";

/** An instance as the machine sees it: its priority is the effective one, its source address is known. */
export type MachineConfig = InstanceConfig & {
  readonly sourceAddress: IpAddress;
  /**
   * Of a sync group: another member settles who is master among equal priorities. The addresses that settle it are
   * others on each link, and the halves of a group must not come to different results.
   */
  readonly leavesTies?: boolean;
};

/** A director that says it is master. */
export type Master = { readonly address: IpAddress; readonly priority: number };

export type FaultCause = Extract<Event, { kind: "link-down" }>["cause"] | ActionFailed;
type ActionFailed = Extract<TransitionReason, { kind: "action-failed" }>;

export type InitializeState = { readonly kind: "initialize" };
export type FaultState = {
  readonly kind: "fault";
  readonly cause: FaultCause;
  /** Set when it makes sense to try again; otherwise it waits for an event. */
  readonly retry?: { readonly at: Instant; readonly action: string; readonly since: Instant };
};
export type BackupState = {
  readonly kind: "backup";
  /** The master's own interval once one was heard (not in version 2 alone), the expected one until then. */
  readonly masterInterval: Milliseconds;
  /** The silence after which the master counts as dead. */
  readonly downInterval: Milliseconds;
  readonly masterDownAt: Instant;
  /** When the wait for a master began. */
  readonly since: Instant;
  /** The master whose adverts hold us back. */
  readonly master?: Master & { readonly heardAt: Instant };
  /** A master that said it was leaving (priority 0) after the last advert that counted. */
  readonly resigned?: Master & { readonly heardAt: Instant };
  /** A master of lower priority that we are about to preempt, by its last advert. */
  readonly lower?: Master & { readonly heardAt: Instant; readonly interval: Milliseconds };
  /** Until then a lower priority holds us back too (preemptDelay). */
  readonly preemptAt?: Instant;
  /** It claims nothing before: it has just started (startDelay), or was stopped for a while and may have missed adverts. */
  readonly listenUntil?: Instant;
  /** It was stopped for a while since it last heard a master, and listens, or has listened, because of that. */
  readonly stalled?: true;
  /** Its addresses were left here by a stop; they stay until it is master, or somebody else is. */
  readonly holds?: true;
};
/** `again`: it was deleted again since it was put back at `at`, and will be put back at the end of the spacing. */
export type RestoredAddress = {
  readonly address: VirtualAddress;
  readonly at: Instant;
  readonly again: boolean;
};
export type Rival = { readonly address: IpAddress; readonly since: Instant; readonly heardAt: Instant };
export type MasterState = {
  readonly kind: "master";
  readonly since: Instant;
  readonly nextAdvertAt: Instant;
  /** The next announcement, and how often each address is then announced. */
  readonly announcement?: { readonly at: Instant; readonly repeat: number };
  /** Addresses that somebody else deleted and that were put back a moment ago. */
  readonly restored?: readonly RestoredAddress[];
  /** When we last answered a lower-priority master at once (RFC 9568 (645)). */
  readonly repliedAt?: Instant;
  /** When we last announced because of one. */
  readonly healedAt?: Instant;
  /** Whose place we took when he fell silent; absent: nobody had been heard, or he left by himself. */
  readonly displaced?: string;
  /** Became master without having heard anybody. */
  readonly unopposed?: true;
  /** Without preemption: other masters, and since when they and we have been at odds about it. */
  readonly rivals?: readonly Rival[];
};
export type State = InitializeState | FaultState | BackupState | MasterState;

export type Event =
  /** The interface is usable and the instance may take part. */
  | { readonly kind: "start" }
  /**
   * The previous process ended at `deadAt` while this instance was master. `kept`: by a stop that left the addresses
   * here, with an advert as its last word.
   */
  | { readonly kind: "resume"; readonly deadAt: Instant; readonly kept?: true }
  | {
      readonly kind: "stop";
      readonly keepAddresses: boolean;
      readonly why: Extract<TransitionReason, { kind: "shutdown" | "deleted" | "reconfigured" }>;
    }
  | {
      readonly kind: "advert";
      readonly sender: IpAddress;
      readonly priority: number;
      readonly interval: Milliseconds;
      /** Our address on the path that it came by, which settles ties with its sender; absent: the source of our adverts. */
      readonly own?: IpAddress;
    }
  | { readonly kind: "deadline" }
  | { readonly kind: "link-up" }
  | {
      readonly kind: "link-down";
      readonly cause: Extract<
        TransitionReason,
        {
          kind:
            | "interface-down"
            | "interface-missing"
            | "no-source-address"
            | "no-multicast"
            | "cannot-join"
            | "no-virtual-link"
            | "cannot-refuse"
            | "track-failed"
            | "group-fault";
        }
      >;
    }
  /** `member` of our sync group has become master, and takes us along. */
  | { readonly kind: "group-lead"; readonly group: string; readonly member: string }
  /** `member` of our sync group obeys another master. */
  | { readonly kind: "group-yield"; readonly group: string; readonly member: string }
  /** Another member keeps the sync group from being master until then. */
  | { readonly kind: "group-waits"; readonly until: Instant }
  /** Somebody else deleted one of our addresses. */
  | { readonly kind: "address-lost"; readonly address: VirtualAddress }
  | { readonly kind: "action-failed"; readonly action: string; readonly error: string }
  /** The configuration is a new one now; `previous` was the one before. */
  | { readonly kind: "reconfigure"; readonly previous: MachineConfig };

export type Action =
  | { readonly kind: "send-advert"; readonly priority: number }
  | { readonly kind: "add-addresses"; readonly addresses: readonly VirtualAddress[] }
  | { readonly kind: "remove-addresses"; readonly addresses: readonly VirtualAddress[] }
  | { readonly kind: "announce"; readonly addresses: readonly VirtualAddress[]; readonly repeat: number }
  | { readonly kind: "report-second-master"; readonly master: Master }
  | { readonly kind: "report-restored"; readonly address: VirtualAddress }
  /** Addresses that a stop had left here are removed, because there is another master. */
  | { readonly kind: "report-left"; readonly master: Master }
  /** This process did not run for `stall` past a deadline, and listens for `listen` before it draws a conclusion. */
  | { readonly kind: "report-stall"; readonly stall: Milliseconds; readonly listen: Milliseconds };

/** `reason` is there exactly when the kind of the state changed. */
export type Step = {
  readonly state: State;
  readonly actions: readonly Action[];
  readonly reason?: TransitionReason;
};

export const OWNER_PRIORITY = 255;
/** The priority that says "I am leaving" (RFC 9568 section 5.2.4). */
export const RESIGN_PRIORITY = 0;
