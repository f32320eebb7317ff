// The messages between the supervisor and its two child processes, carried as JSON. The children are told
// what to do and report what they did; neither ever asks the supervisor anything and waits.

import type {
  CheckConfig,
  Config,
  IpvsConfig,
  ScriptPolicy,
  ServiceConfig,
  TrackSource,
  VrrpProcessConfig,
} from "../config/model.js";
import type { IpAddress } from "../core/address.js";
import type { Milliseconds } from "../core/units.js";
import type { SyncConfig } from "../ipvs/model.js";
import type { Refusal } from "../ipvs/prepared.js";
import type { Place } from "../services/place.js";
import type { Weighing } from "../services/weight.js";
import type { InstanceConfig, InstanceStateName } from "../vrrp/instance.js";
import type { Order, Orders, Standing } from "../services/order.js";
import type { Connections } from "../services/override.js";
import type { EventRecord, FoundAtTakeover } from "./event.js";
import type {
  PrioritySum,
  RejectedAdverts,
  RejectKind,
  Takeover,
  TransitionReason,
  Vacancy,
} from "../vrrp/reasons.js";
import type { Handed } from "./handover.js";
import type { SenderSequences, TrackReport } from "./remembered.js";

/** An instance that was master when the previous VRRP process ended without saying so. */
export type ResumeOrder = {
  readonly instance: string;
  /** CLOCK_MONOTONIC milliseconds at which the previous process was seen dead: its last advert is at most one interval older. */
  readonly dead_at: number;
  /** It was stopped with its addresses left in place, and sent an advert when that began. */
  readonly kept?: true;
};

/** Where the services lie that are too many for a message: a file of saved-config.ts, and which one it must be. */
export type SavedServices = { readonly path: string; readonly id: string };

/** What came of a prepared table that the supervisor has sent (first-table.ts). */
export type SentAhead = {
  readonly refusals: readonly Refusal[];
  /** What was wrong with the record of what is ours, before the table was put down there. */
  readonly lost?: "missing" | { readonly why: string };
};

export type AddressesByInstance = Readonly<Record<string, readonly IpAddress[]>>;

/** Answered at once with a "pong" of the same id: shows that a child's event loop turns, at no cost. */
export type Ping = { readonly kind: "ping"; readonly id: number };

export type ToVrrp =
  | {
      readonly kind: "configure";
      readonly process: VrrpProcessConfig;
      readonly instances: readonly InstanceConfig[];
      readonly resume: readonly ResumeOrder[];
      /** What is known of tracks already: a process that resumes has no time to wait for them. */
      readonly tracks?: TrackReport;
      readonly sequences?: readonly SenderSequences[];
      /** Addresses, as in "owner-added", that are there because a process that died has added them. */
      readonly added?: readonly string[];
      /** Opens and joins everything and takes no part: a predecessor still does, until "take-over". */
      readonly standby?: true;
    }
  /** Stops where it is, for a successor. Answered with "handed"; "take-back" makes it go on, "stop" ends it. */
  | { readonly kind: "hand-over"; readonly keeps: readonly string[] }
  | { readonly kind: "take-back" }
  /** What the predecessor handed over: goes on where that one stopped. Answered with "taken". */
  | { readonly kind: "take-over"; readonly handed: Handed }
  /** What tracks have been seen to be, by their ids; those not named stay as they were. */
  | { readonly kind: "tracks"; readonly values: TrackReport }
  | { readonly kind: "stop"; readonly keepAddresses: boolean }
  | { readonly kind: "status"; readonly id: number }
  | Ping;

export type ToChecks =
  | {
      readonly kind: "configure";
      readonly runtimeDirectory: string;
      readonly scripts: ScriptPolicy;
      readonly ipvs: IpvsConfig;
      readonly sync: SyncConfig | null;
      readonly tracks: readonly TrackSource[];
      /** What is known of tracks already, or is to be presumed of them, by their ids. */
      readonly knownTracks: TrackReport;
      /** The addresses that this director holds, by the instances that it is master of. */
      readonly masters: AddressesByInstance;
      readonly services: readonly ServiceConfig[];
      /** What is ordered of real servers; absent: nothing. */
      readonly orders?: Orders;
      /** The services are there, and `services` is empty. Answered with "unreadable" when they are not. */
      readonly saved?: SavedServices;
      /** Their table has been sent to the kernel already. */
      readonly ahead?: SentAhead;
    }
  /** It has become master of an instance with these addresses, or is so no longer: none. `vacancy`: of one that it took over. */
  | {
      readonly kind: "master";
      readonly instance: string;
      readonly addresses: readonly IpAddress[];
      readonly vacancy?: Vacancy;
    }
  /** Services of the last `configure` that are to be otherwise now, under the same names and keys. Answered alike. */
  | { readonly kind: "change"; readonly services: readonly ServiceConfig[] }
  /** What is ordered of real servers now, all of it. */
  | { readonly kind: "orders"; readonly orders: Orders }
  /** No more checks: a stop has begun, which ends scripts too. The table stays as it is until "stop". */
  | { readonly kind: "rest" }
  | { readonly kind: "stop"; readonly table: "remove" | "keep" }
  /** `ordered`: only services and servers of which something is ordered. */
  | { readonly kind: "status"; readonly id: number; readonly ordered?: boolean }
  | Ping;

export type InstanceStatus = {
  readonly instance: string;
  readonly state: InstanceStateName;
  readonly since: number;
  readonly interface: string;
  readonly virtual_router_id: number;
  readonly version: 2 | 3 | "2+3";
  /** The effective priority, and how it comes about. */
  readonly priority: number;
  readonly sum: PrioritySum;
  readonly addresses: readonly string[];
  /** Where adverts go, one by one; null: to the multicast group. */
  readonly unicast: readonly string[] | null;
  /** How adverts are authenticated, without the secrets: "none", "hmac enforce, key 1, ...". */
  readonly auth: string;
  readonly reason: TransitionReason;
  /** The tracks whose first result it waits for before it takes part. */
  readonly awaited: readonly string[];
  /** The master we hear, when we are backup. */
  readonly master: {
    readonly address: string;
    readonly priority: number;
    readonly last_advert_ms_ago: number;
  } | null;
  /** Those that left for one destination at least. */
  readonly adverts_sent: number;
  /** How often one could not be sent to a destination, and what the kernel said to the last of these; null: never. */
  readonly send_failed: number;
  readonly send_error: string | null;
  readonly adverts_received: number;
  /** What is odd about the adverts of others although they count, one sentence each. */
  readonly oddities: readonly string[];
  readonly rejected: Partial<Record<RejectKind, number>>;
  /** Whose adverts are heard at present and not listened to. */
  readonly rejected_now: readonly RejectedAdverts[];
  /** The other master we hear while we are one. */
  readonly second_master: {
    readonly address: string;
    readonly priority: number;
    readonly last_advert_ms_ago: number;
  } | null;
  readonly transitions: number;
  /** The last time that it became master, in milliseconds since 1970; absent: it did not since the start. */
  readonly takeover?: Takeover<number>;
  /** Where adverts go and come besides; absent without the option. */
  readonly second_path?: {
    readonly interface: string;
    /** Why it cannot be used at present. */
    readonly trouble: string | null;
    readonly adverts_sent: number;
    readonly adverts_received: number;
    readonly last_advert_ms_ago: number | null;
    /** The master is heard there and not on the first path. */
    readonly alone: boolean;
  };
};

export type VrrpStatus = {
  readonly pid: number;
  readonly realtime: string;
  readonly instances: readonly InstanceStatus[];
  /** How late the process woke up for its deadlines since the start; `histogram`: see Lateness. */
  readonly lateness_ms: {
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
    readonly histogram: readonly (readonly [upTo: number, count: number])[];
  };
};

export type PastResult = {
  /** Milliseconds since 1970, to a tenth of a second. */
  readonly time: number;
  readonly reason: string;
  readonly took_ms: number;
};
/** Percent of the time that a server was up. */
export type Availability = {
  /** Since the checks process began to look. */
  readonly total: number;
  /** In this hour and the 23 before it. */
  readonly day: number;
};
export type CheckStatus = {
  readonly check: CheckConfig["type"];
  /** Not run since what it depends on was down: `up` is from before, and `detail` says what is down. */
  readonly held?: boolean;
  readonly up: boolean | null;
  readonly since: number;
  readonly reason: string;
  readonly detail: string;
  readonly took_ms: number;
  /** Of the parts of the last run, by name and in order: "connect", "tls". */
  readonly phases_ms?: Readonly<Record<string, number>>;
  /** It succeeds, but will not for ever. */
  readonly warning?: string;
  readonly runs: number;
  /** The last results, the oldest first. */
  readonly past: readonly PastResult[];
};
export type TrackStatus = CheckStatus & {
  readonly track: string;
  /** Of a file: the number in it. */
  readonly value?: number;
};
/** What stands for a server, by a person's order or by a maintenance window. */
export type OrderStatus = Standing & {
  /** What the kernel counted when it was ordered; null: not known. */
  readonly connections: number | null;
  /** Of a drain. */
  readonly drain: {
    readonly left: Connections;
    /** How many end in a second. */
    readonly rate: number;
    readonly time_left_ms: number | null;
    /** Out of the table: none was left, or the deadline has come. */
    readonly done: "empty" | "deadline" | null;
  } | null;
};
export type ServerStatus = {
  readonly server: string;
  readonly up: boolean;
  /** Since when it is up or down, and why. */
  readonly since: number;
  readonly why: string;
  readonly availability: Availability;
  /** As it is configured. */
  readonly weight: number;
  /** The weight it has while it is in the table, and how it comes about. */
  readonly weighing: Weighing;
  readonly place: Place;
  /** Whether the table is to have it. */
  readonly wanted: boolean;
  readonly in_kernel: boolean;
  /** The connections that it had when it was last taken out, while it is out; absent: not known. */
  readonly left_with?: Pick<Connections, "active" | "inactive">;
  /** Absent: nothing is ordered of it. */
  readonly order?: OrderStatus;
  readonly checks: readonly CheckStatus[];
};
export type ServiceStatus = {
  readonly name: string;
  readonly service: string;
  /** Its other addresses, ports and marks; absent: it has none. */
  readonly further?: readonly string[];
  readonly scheduler: string;
  readonly alive: number;
  /** `weight`: of the servers that serve. */
  readonly quorum: {
    readonly up: boolean;
    readonly weight: number;
    readonly quorum: number;
    readonly hysteresis: number;
  };
  readonly sorry: readonly { readonly server: string; readonly serves: boolean }[];
  /** False: its checks rest, because this director does not hold its address. */
  readonly checked: boolean;
  readonly mass_failure: boolean;
  /** Servers that are down and stay in the table because too many failed together. */
  readonly held: number;
  readonly servers: readonly ServerStatus[];
};
export type ChecksStatus = {
  readonly pid: number;
  readonly services: readonly ServiceStatus[];
  readonly tracks: readonly TrackStatus[];
  /** What was found at the last takeover of instances; absent: of none. The supervisor remembers it. */
  readonly takeovers?: readonly (FoundAtTakeover & { readonly instance: string })[];
  readonly sync: readonly {
    readonly role: string;
    readonly running: boolean;
    readonly interface: string;
    readonly id: number;
  }[];
  /** Null: there is nothing of ours in the kernel's table, nor meant to be. */
  readonly table: {
    readonly in_order: boolean;
    readonly checked_ms_ago: number;
    readonly repairs: number;
  } | null;
};

export type FromChild<Status> =
  /** The child's modules are loaded and it takes messages. */
  | { readonly kind: "hello"; readonly pid: number }
  /** The last `configure` has been carried out. */
  | { readonly kind: "configured"; readonly error: string | null }
  /** The last `configure` names services that are not there: it must come again, with the services in it. */
  | { readonly kind: "unreadable" }
  /** In their order: those of some moments together, because a message costs more than an event. */
  | { readonly kind: "events"; readonly records: readonly EventRecord[] }
  | { readonly kind: "status"; readonly id: number; readonly status: Status }
  /** What tracks are now, by their ids; of the checks process. */
  | { readonly kind: "tracks"; readonly values: TrackReport }
  /** Also unasked, when it has done some work anyway. `sequences`: from a VRRP process that has instances with HMAC. */
  | { readonly kind: "pong"; readonly id: number; readonly sequences?: readonly SenderSequences[] }
  /**
   * Of a VRRP process: which of the addresses of an instance of priority 255 are there because we added them, as "address/length
   * interface". The others are the host's own. Said when it is not what it was; none is nothing to say at first.
   */
  | { readonly kind: "owner-added"; readonly instance: string; readonly added: readonly string[] }
  | { readonly kind: "handed"; readonly handed: Handed }
  /** `pause`: from the predecessor's last moment to the first of this process. */
  | { readonly kind: "taken"; readonly pause: Milliseconds }
  | { readonly kind: "stopped" };
export type FromVrrp = FromChild<VrrpStatus>;
export type FromChecks = FromChild<ChecksStatus>;

export type ProcessStatus = {
  readonly process: "vrrp" | "checks";
  readonly pid: number | null;
  readonly restarts: number;
  readonly since: number | null;
};

/** What the control socket's `status` answers. */
export type Status = {
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly started_at: number;
  readonly processes: readonly ProcessStatus[];
  readonly config: {
    readonly path: string;
    readonly loaded_at: number;
    readonly instances: number;
    readonly services: number;
  };
  readonly vrrp: VrrpStatus | null;
  readonly checks: ChecksStatus | null;
  readonly nodes: Config["nodes"];
  /** What people have ordered of servers that are not in the configuration. */
  readonly idle_orders?: readonly Order[];
};
