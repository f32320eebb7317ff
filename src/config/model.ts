// The resolved configuration of one director: what the rest of vipd works with. It knows nothing of YAML or
// of where a value stood in a file; any reader of any format makes this. Plain values only: the supervisor
// sends parts of it to the other processes as JSON.

import type { IpAddress, Prefix } from "../core/address.js";
import type { Routing } from "../core/routing.js";
import type { Milliseconds } from "../core/units.js";
import type { ServiceGroup } from "../ipvs/group.js";
import type { RealServer, ServerId, SyncConfig, VirtualService } from "../ipvs/model.js";
import type { Settings } from "../ipvs/settings.js";
import type { InstanceConfig } from "../vrrp/instance.js";

export type LogTarget =
  | { readonly kind: "stderr" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "journald" }
  | { readonly kind: "syslog"; readonly facility: SyslogFacility };
/** By name (RFC 5424 section 6.2.1). */
export const SYSLOG_FACILITIES = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  lpr: 6,
  news: 7,
  uucp: 8,
  cron: 9,
  authpriv: 10,
  ftp: 11,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;
export type SyslogFacility = keyof typeof SYSLOG_FACILITIES;
export const LOG_LEVELS = ["error", "warning", "notice", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogConfig = {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  readonly targets: readonly LogTarget[];
};

/** How often and how patiently a check runs; common to all types of check. */
export type CheckTiming = {
  readonly every: Milliseconds;
  /** The whole check, from connect to verdict, must be done in this time. */
  readonly timeout: Milliseconds;
  /** Consecutive successes that bring a server back, 1..100. */
  readonly rise: number;
  /** Consecutive failures that take a server out, 1..100. */
  readonly fall: number;
  /** Instead of `every` after a run that failed. */
  readonly everyFailing?: Milliseconds;
  /** So long a new check waits before its first run. */
  readonly warmUp?: Milliseconds;
  /** Each run begins up to this share of the interval later than its point, 0 to 0.5. */
  readonly jitter?: number;
};

/** While it is down, a check that needs it is not run. `check`: a place in the same server's list. */
export type CheckNeed =
  | { readonly kind: "check"; readonly check: number }
  | { readonly kind: "track"; readonly id: string; readonly name: string }
  | { readonly kind: "service"; readonly service: string }
  | { readonly kind: "server"; readonly service: string; readonly server: ServerId };

export type CheckConfig = {
  /** A name of the checker registry: "tcp", "http", ... */
  readonly type: string;
  /** Options as the checker's own schema gives them, defaults filled in. */
  readonly options: unknown;
  readonly timing: CheckTiming;
  readonly needs?: readonly CheckNeed[];
};

export type ServerConfig = {
  readonly server: RealServer;
  /** All of them must succeed for the server to be up; none: always up. */
  readonly checks: readonly CheckConfig[];
  /** When it fails it stays in the table with weight 0. */
  readonly inhibit?: true;
};

/** How a service answers to the health of its servers. */
export type ServicePolicy = {
  /** The sum of weights that must be up, 1 or more. */
  readonly quorum: number;
  /** Less than the quorum: how far below it the sum must fall to lose it, and rise above to have it back. */
  readonly hysteresis: number;
  /** They serve while the quorum is lost. */
  readonly sorry: readonly RealServer[];
  /** While they do not serve they stay in the table with weight 0. */
  readonly inhibitSorry: boolean;
  /** Absent: "serve" at the start, "wait" for a server that a reload adds. */
  readonly beforeFirstCheck?: "serve" | "wait";
  /** When many servers fail together; absent: "go-on" with a sorry server, "hold" without one. */
  readonly massFailure?: "hold" | "go-on";
  /** A server that comes back has its whole weight after this time only. */
  readonly slowStart?: Milliseconds;
  /** A smaller change of what a server says it can take is none, in percent of its weight; absent: 25. */
  readonly weightHysteresis?: number;
  readonly checkWhen: "always" | "master";
  /** At a clean stop servers and quorum are told of as down. */
  readonly downOnStop: boolean;
};
/** Of a service that says nothing of it. */
export const DEFAULT_POLICY: ServicePolicy = {
  quorum: 1,
  hysteresis: 0,
  sorry: [],
  inhibitSorry: false,
  checkWhen: "always",
  downOnStop: false,
};

export type ServiceConfig = {
  readonly name: string;
  readonly service: VirtualService;
  /** Further keys of the same servers; absent: none. */
  readonly group?: ServiceGroup;
  readonly servers: readonly ServerConfig[];
  /** Absent: DEFAULT_POLICY. */
  readonly policy?: ServicePolicy;
};

export type NodeConfig = { readonly name: string; readonly address?: IpAddress; readonly priority?: number };

export type VrrpProcessConfig = {
  /** SCHED_FIFO priority of the VRRP process, 1..99; 0: ordinary scheduling. */
  readonly realtimePriority: number;
  /** What carries adverts: our own addon, or the raw-socket package. */
  readonly transport: "native" | "raw-socket";
};

export type ProcessMatch = {
  /** What the kernel calls it (comm), at most 15 characters. */
  readonly name: string;
  /** A piece of its command line, words separated by one space. */
  readonly arguments?: string;
};
/** What a track of type "process" looks for. */
export type ProcessTrack = ProcessMatch & {
  /** So many of them must live; 1..10000. */
  readonly quorum: number;
};
export type FileTrack = { readonly path: string };

/** Something that instances follow, and how it is looked at. */
export type TrackSource = {
  /** Under which instances follow it: TrackConfig.id. */
  readonly id: string;
  readonly name: string;
  /** `type`: "script" (options as the script checker's), "process" (ProcessTrack) or "file" (FileTrack). */
  readonly look: CheckConfig;
  /** What it counts as until it was looked at; absent: whoever follows it waits. */
  readonly initial?: boolean;
};

/** States of an instance or group, and "any" for all of them. */
export type NotifyWhen = "master" | "backup" | "fault" | "stop" | "any";
/** Programs that are told of changes. */
export type NotifyPrograms = {
  /** Absolute path and arguments. */
  readonly when: Readonly<Partial<Record<NotifyWhen, readonly [string, ...string[]]>>>;
  /** From the start of each to its end by force. */
  readonly timeout: Milliseconds;
  readonly user?: string;
};
/** Changes of a real server, and of the quorum of its service. */
export type ServiceWhen = "up" | "down" | "quorum-up" | "quorum-down";
export type ServicePrograms = Omit<NotifyPrograms, "when"> & {
  readonly when: Readonly<Partial<Record<ServiceWhen, readonly [string, ...string[]]>>>;
};
/** A program that reads the FIFO: its path is added to the arguments. */
export type NotifyReader = { readonly argv: readonly [string, ...string[]]; readonly user?: string };
export type NotifyConfig = {
  /** For every instance and group. */
  readonly all?: NotifyPrograms;
  readonly instances: Readonly<Record<string, NotifyPrograms>>;
  readonly groups: Readonly<Record<string, NotifyPrograms>>;
  readonly services?: {
    /** For every service whose own have none for what happened. */
    readonly all?: ServicePrograms;
    /** By name; `servers`: by ServerId, before those of the service. */
    readonly own: Readonly<
      Record<string, ServicePrograms & { readonly servers: Readonly<Record<string, ServicePrograms>> }>
    >;
  };
  readonly fifo?: { readonly path: string; readonly reader?: NotifyReader };
};

export const ALERT_KINDS = ["vrrp", "server", "quorum", "mass-failure"] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];
export const ALERT_STATUS = ["up", "down", "master", "backup", "fault", "stop"] as const;
export type AlertStatus = (typeof ALERT_STATUS)[number];
/** How a message gets to its target. Secrets stay in their files. */
export type AlertTransport =
  | {
      readonly kind: "mail";
      readonly host: string;
      readonly port: number;
      readonly tls: "if-offered" | "required" | "from-start" | "never";
      readonly from: string;
      readonly to: readonly string[];
      readonly login?: { readonly user: string; readonly passwordFile: string };
      readonly caFile?: string;
    }
  | { readonly kind: "webhook"; readonly url: string; readonly tokenFile?: string; readonly caFile?: string };
/** Who gets messages of what happens. */
export type AlertTargetConfig = {
  readonly name: string;
  readonly by: AlertTransport;
  readonly kinds: readonly AlertKind[];
  readonly status: readonly AlertStatus[];
  /** From the first alert to the message that it stands in. */
  readonly collect: Milliseconds;
  /** From the last news to a reminder of what is still wrong; absent: none. */
  readonly repeat?: Milliseconds;
  readonly timeout: Milliseconds;
};

/** A window of time in which servers are taken out. */
export type WindowConfig = {
  readonly name: string;
  /** SERVICE, SERVICE/SERVER or SERVER, as orders name them. */
  readonly targets: readonly string[];
  /** When it opens: a cron expression that was understood. */
  readonly at: string;
  readonly lasts: Milliseconds;
  readonly action: "drain" | "disable";
  /** Of a drain: from the opening to when servers leave the table with the connections that are left; absent: never. */
  readonly deadline?: Milliseconds;
  /** By whose clock; absent: the machine's. */
  readonly timezone?: string;
};

/** For every program of the operator's: checks, tracks, notifications. */
export type ScriptPolicy = {
  /** Refuses to run as root what others than root may change. */
  readonly security: boolean;
  /** Name or number of the user they run as; absent: vipd's own. */
  readonly user?: string;
};

export type IpvsConfig = {
  /** Of the kernel, by their names (ipvs/settings.ts); absent: none is touched. */
  readonly settings?: Settings;
  /** Kernel modules that must be there: "ip_vs_ftp". */
  readonly modules?: readonly string[];
  /** How often the kernel's table is compared with the wanted one. */
  readonly reconcileEvery: Milliseconds;
  /** What a clean stop leaves in the kernel. */
  readonly onStop: "remove" | "keep";
  /** Absent: DEFAULT_MASS_FAILURE. */
  readonly massFailure?: MassFailure;
};

/** When servers count as having failed together. Percentages are 1 to 100. */
export type MassFailure = {
  /** More than this part of them. */
  readonly share: number;
  readonly within: Milliseconds;
  /** Of how many at least. */
  readonly atLeast: number;
  /** The part of a service's servers that a hold leaves in the table. */
  readonly keep: number;
};

/** What is there whoever is master. */
export type StaticConfig = Routing & {
  readonly addresses: readonly { readonly prefix: Prefix; readonly interface: string }[];
};

export type Config = {
  /** The name under which this director found itself in `nodes`. */
  readonly node: string;
  readonly nodes: readonly NodeConfig[];
  readonly log: LogConfig;
  readonly vrrpProcess: VrrpProcessConfig;
  readonly vrrp: readonly InstanceConfig[];
  readonly tracks: readonly TrackSource[];
  readonly notify: NotifyConfig;
  readonly alerts?: readonly AlertTargetConfig[];
  readonly maintenance?: readonly WindowConfig[];
  readonly scripts: ScriptPolicy;
  readonly static?: StaticConfig;
  readonly ipvs: IpvsConfig;
  readonly sync?: SyncConfig;
  readonly services: readonly ServiceConfig[];
};
