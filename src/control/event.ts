// Everything vipd decides or notices that a person may want to read: one value for each, made where it
// happens, sent to the supervisor, and there turned into a log line, a status and a line of the event
// stream. The words for people are made in describe.ts alone.

import type { LogLevel } from "../config/model.js";
import type { Connections } from "../ipvs/impact.js";
import type { SyncRole } from "../ipvs/model.js";
import type { OrderAction } from "../services/order.js";
import type { Weighing } from "../services/weight.js";
import type { InstanceStateName } from "../vrrp/instance.js";
import type { PrioritySum, RejectKind, TransitionReason, Vacancy } from "../vrrp/reasons.js";

export type ProcessName = "supervisor" | "vrrp" | "checks";

/** What of its clients' connections a new master has found in the kernel's table. */
export type FoundAtTakeover = {
  /** Whether the sync daemon of the backup ran, which hears of the old master's connections; null: none is configured. */
  readonly sync: boolean | null;
  /** Of the services at the instance's addresses; null: the table could not be read. */
  readonly connections: Connections | null;
};

/** The first of its kind: a count of 1. A summary: how many more there were in `span_ms` milliseconds. */
export type Repeats = { readonly count: number; readonly span_ms?: number };

/** What a check looks at: a real server of a service, or something that instances follow. */
export type CheckSubject = { readonly service: string; readonly server: string } | { readonly track: string };

export type VipdEvent =
  | {
      readonly kind: "vrrp-transition";
      readonly instance: string;
      readonly from: InstanceStateName;
      readonly to: InstanceStateName;
      /** The effective one. */
      readonly priority: number;
      /** How it comes about, where it is not the configured one. */
      readonly sum?: PrioritySum;
      readonly reason: TransitionReason;
      /** What was done, each a short phrase: "sent advert", "added 192.168.1.1/24 to eth0". */
      readonly done: readonly string[];
      /** When the deadline was that led to this, relative to the decision; how late the process woke up. */
      readonly lateness_ms?: number;
      /** Of a new master whose addresses have been announced. */
      readonly vacancy?: Vacancy;
    }
  /** What the clients of a new master's services have lost, as far as it can know: said when the table was looked at. */
  | ({
      readonly kind: "vrrp-clients";
      readonly instance: string;
      readonly vacancy: Vacancy;
    } & FoundAtTakeover)
  /** The effective priority is another one now; `from` and `to` may be the same when only the terms changed. */
  | {
      readonly kind: "vrrp-priority";
      readonly instance: string;
      readonly from: number;
      readonly to: number;
      readonly sum: PrioritySum;
      readonly state: InstanceStateName;
    }
  | ({
      readonly kind: "vrrp-rejected";
      readonly instance?: string;
      readonly interface: string;
      readonly sender: string;
      readonly reject: RejectKind;
      /** What was got and what was wanted: "TTL 64, not 255". */
      readonly detail: string;
    } & Repeats)
  /** Another director says it is master too, with a lower claim than ours. */
  | ({
      readonly kind: "vrrp-second-master";
      readonly instance: string;
      readonly sender: string;
      readonly sender_priority: number;
      readonly own_priority: number;
    } & Repeats)
  /** A new VRRP process goes on with what the old one was, after an upgrade: nobody else has noticed. */
  | {
      readonly kind: "vrrp-taken-over";
      readonly instance: string;
      readonly state: InstanceStateName;
      readonly pause_ms: number;
    }
  | ({
      readonly kind: "vrrp-address-conflict";
      readonly instance: string;
      readonly address: string;
      readonly mac: string;
      readonly interface: string;
    } & Repeats)
  | ({
      readonly kind: "vrrp-address-restored";
      readonly instance: string;
      readonly address: string;
      readonly interface: string;
    } & Repeats)
  | {
      readonly kind: "vrrp-stale-address-removed";
      readonly instance: string;
      readonly address: string;
      readonly interface: string;
    }
  /**
   * `alone`: a backup hears its master on the second path and not on the first; `both`: on the first again. `unusable`:
   * the instance goes on with the first path, `detail` says why; `usable`: the second one is there again.
   */
  | {
      readonly kind: "vrrp-second-path";
      readonly instance: string;
      readonly interface: string;
      readonly second: string;
      readonly what: "alone" | "both" | "unusable" | "usable";
      /** The address of the master on the path that it was heard on; "" where it is about the path itself. */
      readonly sender: string;
      readonly detail: string;
    }
  /** "info" without a level. */
  | {
      readonly kind: "vrrp-note";
      readonly instance: string;
      readonly text: string;
      readonly level?: LogLevel;
    }
  | { readonly kind: "realtime"; readonly granted: boolean; readonly detail: string }
  | ({
      readonly kind: "check-changed";
      readonly check: string;
      readonly up: boolean;
      readonly reason: string;
      readonly detail: string;
      readonly in_a_row: number;
      readonly took_ms: number;
      /** Of its parts, by name and in order: "connect", "tls". */
      readonly phases_ms?: Readonly<Record<string, number>>;
      readonly first: boolean;
    } & CheckSubject)
  /** A failure that has not (yet) changed anything; `needed` in a row will. More than that: a new reason of a check that is down. */
  | ({
      readonly kind: "check-failed-once";
      readonly check: string;
      readonly reason: string;
      readonly detail: string;
      readonly in_a_row: number;
      readonly needed: number;
      readonly took_ms: number;
      readonly phases_ms?: Readonly<Record<string, number>>;
    } & CheckSubject)
  /** It succeeds, but will not for ever; once a day. */
  | ({ readonly kind: "check-warning"; readonly check: string; readonly text: string } & CheckSubject)
  /** It is not run while what it depends on is down; `why`: what that is. */
  | ({ readonly kind: "check-held"; readonly check: string; readonly why: string } & CheckSubject)
  | {
      readonly kind: "server-changed";
      readonly service: string;
      /** As the kernel knows it: "tcp 192.168.1.1:80". */
      readonly key: string;
      readonly server: string;
      readonly up: boolean;
      /** In force: what a slow start, loads and orders leave of the configured one. */
      readonly weight: number;
      readonly cause: string;
      readonly alive: number;
      readonly total: number;
    }
  /** Its effective weight changed, and not because it is configured otherwise. */
  | {
      readonly kind: "server-weighed";
      readonly service: string;
      readonly server: string;
      readonly from: number;
      readonly to: number;
      readonly weighing: Weighing;
    }
  /** The weights of the servers that serve make up the quorum again, or no longer. */
  | {
      readonly kind: "quorum-changed";
      readonly service: string;
      /** As the kernel knows it: "tcp 192.168.1.1:80". */
      readonly key: string;
      readonly up: boolean;
      /** The weights of the servers that serve, and of all. */
      readonly weight: number;
      readonly total_weight: number;
      readonly quorum: number;
      readonly hysteresis: number;
      /** How many servers serve, of how many. */
      readonly serving: number;
      readonly total: number;
      /** The sorry servers, which serve while it is down. */
      readonly sorry: readonly string[];
      /** Nothing was known of it before. */
      readonly first: boolean;
      readonly why: Extract<VipdEvent, { readonly kind: "table-applied" }>["why"];
    }
  /** So many servers failed together that it is said once, or that is over. */
  | {
      readonly kind: "mass-failure";
      /** Null: of all services together; then machines are counted, not servers. */
      readonly service: string | null;
      readonly over: boolean;
      readonly total: number;
      readonly down: number;
      /** Those that failed within the time that counts as together. */
      readonly together: number;
      /** Null: each service has its own. */
      readonly reaction: "hold" | "go-on" | null;
      /** Servers that are down and stay in the table. */
      readonly held: number;
    }
  /** Somebody ordered it; `servers`: "web/192.168.1.4:80". Null: without an end, without a deadline. */
  | {
      readonly kind: "order-given";
      readonly action: OrderAction;
      readonly servers: readonly string[];
      readonly by: string;
      readonly for_ms: number | null;
      readonly deadline_ms: number | null;
    }
  /** `by`: who took it back; null: its time is over. */
  | {
      readonly kind: "order-ended";
      readonly action: OrderAction;
      readonly servers: readonly string[];
      readonly by: string | null;
      readonly after_ms: number;
    }
  | {
      readonly kind: "window-changed";
      readonly window: string;
      readonly open: boolean;
      readonly action: "drain" | "disable";
      readonly targets: readonly string[];
      /** Until it closes. */
      readonly left_ms: number;
    }
  /** Out of the table; `connections`: those that end with that. */
  | {
      readonly kind: "server-drained";
      readonly service: string;
      readonly server: string;
      readonly how: "empty" | "deadline";
      readonly connections: number;
      readonly after_ms: number;
    }
  | ({ readonly kind: "script-output"; readonly text: string } & CheckSubject)
  | {
      readonly kind: "table-applied";
      /** `retry`: what was refused before, or had its answer lost; `repair`: somebody else changed our part. */
      readonly why: "start" | "health" | "policy" | "reload" | "repair" | "retry" | "stop";
      readonly changes: number;
      readonly took_ms: number;
      readonly details: readonly string[];
      /** The connections that servers had when they were taken out; absent: none was, or it is not known. */
      readonly cut?: Connections;
    }
  | {
      readonly kind: "table-failed";
      readonly why: string;
      readonly command: string;
      readonly error: string;
      readonly retry_ms: number;
    }
  | {
      readonly kind: "sync-daemon";
      readonly role: SyncRole;
      readonly running: boolean;
      readonly interface: string;
      readonly id: number;
      readonly error?: string;
    }
  | {
      readonly kind: "process-started";
      readonly process: ProcessName;
      readonly pid: number;
      readonly restarts: number;
    }
  | {
      readonly kind: "process-exited";
      readonly process: ProcessName;
      readonly pid: number;
      readonly how: string;
      readonly restart_ms: number | null;
    }
  | {
      readonly kind: "config-loaded";
      readonly path: string;
      readonly node: string;
      readonly instances: number;
      readonly services: number;
      readonly servers: number;
      readonly changes: readonly string[];
    }
  | { readonly kind: "config-rejected"; readonly path: string; readonly problems: readonly string[] }
  /** A program of the operator's was told of a change. */
  | {
      readonly kind: "notified";
      /** The instance, or the sync group. */
      readonly subject: string;
      readonly group: boolean;
      readonly state: string;
      readonly program: string;
      readonly ok: boolean;
      /** "exit code 0", or why it did not end so. */
      readonly result: string;
      /** VIPD_SEQUENCE of what it was told. */
      readonly sequence: number;
      /** Until it was started, behind others of the same instance; and from there on. */
      readonly waited_ms: number;
      readonly took_ms: number;
    }
  /** A message of alerts was sent, or was not. */
  | { readonly kind: "alerted"; readonly target: string; readonly ok: boolean; readonly text: string }
  | { readonly kind: "warning"; readonly subject: string; readonly text: string }
  /** The same at level "notice": something was done that is worth knowing. */
  | { readonly kind: "note"; readonly subject: string; readonly text: string }
  /** A successor, process `pid`, was started and prepares itself. */
  | { readonly kind: "upgrading"; readonly pid: number }
  | { readonly kind: "upgrade-failed"; readonly why: string }
  /** The last words of the old daemon. */
  | {
      readonly kind: "upgraded";
      readonly from: string;
      readonly to: string;
      readonly pid: number;
      readonly pause_ms: number;
    }
  | { readonly kind: "stopping"; readonly why: string }
  | { readonly kind: "stopped" }
  | { readonly kind: "ready"; readonly version: string; readonly node: string };

/** An event with its origin. */
export type EventRecord = {
  /** Wall-clock time of the decision, milliseconds since 1970. */
  readonly time: number;
  readonly process: ProcessName;
  /** Counts up by one in each process since its start, so that a gap shows. */
  readonly sequence: number;
  readonly event: VipdEvent;
};
