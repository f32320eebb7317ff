// The vocabulary of IPVS: virtual services, real servers, and what identifies them. Plain values that cross
// process borders as JSON. The numbers of the kernel's interface stand in schema.ts.

import { familyOf, formatEndpoint, type Family, type IpAddress } from "../core/address.js";
import type { Milliseconds } from "../core/units.js";

export type Protocol = "tcp" | "udp" | "sctp";
/** ip_vs.h: IP_VS_CONN_F_DROUTE, MASQ, TUNNEL. */
export type Forwarding = "direct-routing" | "nat" | "tunnel";

/** The kernel's schedulers by module name (ip_vs_<name>). */
export const SCHEDULERS = [
  "rr",
  "wrr",
  "lc",
  "wlc",
  "lblc",
  "lblcr",
  "dh",
  "sh",
  "mh",
  "sed",
  "nq",
  "fo",
  "ovf",
  "twos",
] as const;
export type Scheduler = (typeof SCHEDULERS)[number];

export type ServiceKey =
  | {
      readonly kind: "address";
      readonly protocol: Protocol;
      readonly address: IpAddress;
      readonly port: number;
    }
  | { readonly kind: "fwmark"; readonly mark: number; readonly family: Family };

export type Persistence = {
  /** How long a client keeps its real server; whole seconds in the kernel. */
  readonly timeout: Milliseconds;
  /** Clients whose addresses agree in this many leading bits count as one; 32 or 128: each for itself. */
  readonly prefixLength: number;
};

/** Flags of a service beyond persistence, added up (linux/ip_vs.h: IP_VS_SVC_F_*). */
export const SERVICE_FLAG = {
  /** Every packet is scheduled for itself: UDP without a connection. */
  onePacket: 0x4,
  /** IP_VS_SVC_F_SCHED1 of sh and mh: where the chosen server takes nothing, another one does. */
  fallback: 0x8,
  /** IP_VS_SVC_F_SCHED2 of sh and mh: the client's port counts, too. */
  port: 0x10,
} as const;

export type VirtualService = {
  readonly key: ServiceKey;
  readonly scheduler: Scheduler;
  readonly persistence?: Persistence;
  /** Of SERVICE_FLAG, added up; absent: none. */
  readonly flags?: number;
  /** Persistence engine: what of a packet counts beside the client's address ("sip": the Call-ID). */
  readonly engine?: "sip";
};

/** How packets are wrapped on their way to a server of forwarding method "tunnel", where it is not plain IPIP. */
export type Tunnel = {
  readonly kind: "ipip" | "gue" | "gre";
  /** UDP port of GUE, 1..65535; 0 for the others. */
  readonly port: number;
  /** Of the outer header; "remote": the receiver computes the inner one (GUE alone). */
  readonly checksum: "none" | "full" | "remote";
};

export type RealServer = {
  readonly address: IpAddress;
  readonly port: number;
  readonly forwarding: Forwarding;
  /** 0..2^31-1; 0 gets no new connections. */
  readonly weight: number;
  /** Connections that make it count as overloaded, and below which it no longer does; absent: no limit, and 3/4 of `upper`. */
  readonly upper?: number;
  readonly lower?: number;
  readonly tunnel?: Tunnel;
};

/** Identity of a service, and its name in messages: "tcp 192.168.1.1:80", "fwmark 7 ipv4". */
export type ServiceId = string & { readonly kind: "service" };
/** Identity of a real server within its service: "192.168.1.4:80". */
export type ServerId = string & { readonly kind: "server" };

export const serviceId = (key: ServiceKey): ServiceId =>
  (key.kind === "fwmark"
    ? `fwmark ${key.mark} ${key.family}`
    : `${key.protocol} ${formatEndpoint(key.address, key.port)}`) as ServiceId;
export const serverId = (server: { readonly address: IpAddress; readonly port: number }): ServerId =>
  formatEndpoint(server.address, server.port) as ServerId;

export type ServiceEntry = {
  readonly service: VirtualService;
  readonly servers: ReadonlyMap<ServerId, RealServer>;
};
/** A whole IPVS table, or the part of it that is ours. */
export type Table = ReadonlyMap<ServiceId, ServiceEntry>;

/** `mask`: of IPv4, where it is no prefix (255.0.255.0): the kernel takes any. */
export type ListedPersistence = Persistence & { readonly mask?: IpAddress };

/** A service as the kernel lists it, which may hold what vipd never sets. A VirtualService is one, too. */
export type ListedService = {
  readonly key: ServiceKey;
  /** "none" in newer kernels: no scheduler is bound. */
  readonly scheduler: string;
  readonly persistence?: ListedPersistence;
  /** Flags of the kernel beyond persistence; absent: none. */
  readonly flags?: number;
  readonly engine?: string;
};

/** A real server as the kernel lists it. A RealServer is one, too. */
export type ListedServer = {
  readonly address: IpAddress;
  readonly port: number;
  readonly forwarding: Forwarding | "local" | "bypass";
  readonly weight: number;
  readonly upper?: number;
  readonly lower?: number;
  readonly tunnel?: Tunnel;
  /** Connections now; absent in tables that were not read from a kernel. */
  readonly active?: number;
  readonly inactive?: number;
  /** Clients that persistence sends to it; absent: none. */
  readonly persistent?: number;
};

export type ListedEntry = {
  readonly service: ListedService;
  readonly servers: ReadonlyMap<ServerId, ListedServer>;
};
export type ListedTable = ReadonlyMap<ServiceId, ListedEntry>;

export type SyncRole = "master" | "backup";
/** The kernel's connection synchronisation (ip_vs_sync.c). */
export type SyncConfig = {
  readonly interface: string;
  /** 0..255; both directors of a pair use the same. */
  readonly id: number;
  /** Which daemons run; both at once is the default, so that nothing is swapped at a failover. */
  readonly roles: readonly SyncRole[];
  /** Payload bytes of a datagram; absent: the kernel's own choice from the MTU. */
  readonly maxLength?: number;
  /** Multicast group; absent: 224.0.0.81. */
  readonly group?: IpAddress;
  /** UDP port; absent: 8848. */
  readonly port?: number;
  /** Multicast TTL 1..255; absent: 1. */
  readonly ttl?: number;
  /** What the backup daemon has instead; an id of 0 takes what every master sends. */
  readonly backup?: Partial<Pick<SyncConfig, "interface" | "id" | "maxLength" | "group" | "port">>;
};

/** UDP, and below it IPv4 or IPv6. */
const SYNC_HEADERS = { ipv4: 8 + 20, ipv6: 8 + 40 } as const;
/** A backup takes what a master of any length sends. */
const SHORTEST_OF_BACKUP = 1024;
export const mostSyncLength = (group: IpAddress | undefined): number =>
  65_535 - SYNC_HEADERS[group === undefined ? "ipv4" : familyOf(group)];

/** What the kernel makes of a length (start_sync_thread of ip_vs_sync.c). */
export function syncLengthInKernel(length: number, role: SyncRole, group: IpAddress | undefined): number {
  return Math.min(Math.max(length, role === "backup" ? SHORTEST_OF_BACKUP : 1), mostSyncLength(group));
}

/** What the daemon of one role is started with. */
export function syncOfRole(sync: SyncConfig, role: SyncRole): SyncConfig {
  const { backup, ...common } = sync;
  return role === "master" ? common : { ...common, ...backup };
}

/** A running sync daemon, with everything the kernel chose for itself. */
export type SyncDaemon = {
  readonly role: SyncRole;
  readonly interface: string;
  readonly id: number;
  readonly maxLength: number;
  readonly group?: IpAddress;
  readonly port: number;
  readonly ttl: number;
};
