// What a daemon gives to its successor at an upgrade: between the two VRRP processes, by way of the two supervisors,
// and between the supervisors themselves. Plain values, carried as JSON; times are CLOCK_MONOTONIC milliseconds, which
// all processes of a boot share. The two sides may be different versions of vipd: fields are added and never change
// their meaning, and PROTOCOL says when that was not possible.

import type { StaticConfig } from "../config/model.js";
import type { Instant, Milliseconds } from "../core/units.js";
import type { MachineConfig, State } from "../vrrp/state.js";
import type { InstanceConfig, VirtualAddress } from "../vrrp/instance.js";
import type { EventRecord } from "./event.js";
import type { RejectKind, Takeover, TransitionReason } from "../vrrp/reasons.js";
import type { RememberedTakeover, SenderSequences, TrackReport } from "./remembered.js";

export const PROTOCOL = 1;

/** One instance as it was when its process stopped for the successor. */
export type HandedInstance = {
  readonly instance: string;
  /** With the effective priority and the source of its adverts. */
  readonly config: MachineConfig;
  readonly state: State;
  readonly since: Instant;
  readonly reason: TransitionReason;
  readonly sent: number;
  readonly received: number;
  readonly transitions: number;
  /** Absent of an instance that was never master, and from a program that knows of none. */
  readonly takeover?: Takeover<Instant>;
  readonly rejected: Partial<Record<RejectKind, number>>;
  /** The virtual addresses that we added, and the index of the interface that each of ours is on. */
  readonly added: readonly string[];
  readonly placed: readonly (readonly [address: string, ifindex: number])[];
  /** Absent where there is none, and from a program that knows of none. */
  readonly second_path?: { readonly sent: number; readonly received: number; readonly alone: boolean };
};

export type Handed = {
  /** When the old process sent and heard for the last time. */
  readonly at: Instant;
  readonly instances: readonly HandedInstance[];
  readonly tracks: TrackReport;
  /** Of instances with HMAC. */
  readonly sequences: readonly SenderSequences[];
};

/** What the successor has to know of its predecessor before it can prepare itself. */
export type Inheritance = {
  readonly protocol: number;
  readonly instances: readonly InstanceConfig[];
  readonly statics: StaticInheritance;
};

export type StaticInheritance = {
  readonly config: StaticConfig;
  /** Those of its addresses that were not there before us. */
  readonly ours: readonly AddressOnInterface[];
};
type AddressOnInterface = Pick<VirtualAddress, "prefix" | "interface">;

export type ToSuccessor =
  | { readonly kind: "prepare"; readonly inheritance: Inheritance }
  /** From here on the predecessor sends nothing. Answered with "taken". */
  | { readonly kind: "take"; readonly handed: Handed }
  /** The predecessor is about to end: runtime directory, table and service manager are the successor's. */
  | {
      readonly kind: "own";
      readonly records: readonly EventRecord[];
      /** Absent from a program that remembers none. */
      readonly takeovers?: readonly RememberedTakeover[];
    };

export type FromSuccessor =
  /** `keeps`: the instances that go on. `vrrp`: the pid of its VRRP process. */
  | {
      readonly kind: "prepared";
      readonly version: string;
      readonly keeps: readonly string[];
      readonly vrrp: number;
    }
  | { readonly kind: "taken"; readonly pause: Milliseconds }
  /** The control socket is the successor's. */
  | { readonly kind: "owns" }
  /** It is about to end. `why` is for people and may have several lines. */
  | { readonly kind: "failed"; readonly why: string };
