// The attribute tables and numbers of the kernel's IPVS family (linux/ip_vs.h), and how the model's words map to
// them. Nothing is decided here.

import { attributes, binary, cstring, nested, u16, u16be, u32, u8 } from "../netlink/attribute.js";
import type { ListedServer, Protocol, SyncRole, Tunnel } from "./model.js";

export const FAMILY_NAME = "IPVS";
export const FAMILY_VERSION = 1;

/** IPVS_CMD_*. FLUSH (17) is left out on purpose: the table is shared with others. */
export const COMMAND = {
  newService: 1,
  setService: 2,
  deleteService: 3,
  getService: 4,
  newServer: 5,
  setServer: 6,
  deleteServer: 7,
  getServer: 8,
  newDaemon: 9,
  deleteDaemon: 10,
  getDaemon: 11,
  setConfig: 12,
  getConfig: 13,
  getInfo: 15,
} as const;

/** IPVS_SVC_ATTR_*. */
export const serviceAttributes = attributes({
  family: [1, u16],
  protocol: [2, u16],
  address: [3, binary],
  port: [4, u16be],
  mark: [5, u32],
  scheduler: [6, cstring],
  /** struct ip_vs_flags: the flags and which of them count, both u32. */
  flags: [7, binary],
  /** Seconds. */
  timeout: [8, u32],
  /** IPv4: a mask in network order; IPv6: the length of the prefix in host order. */
  netmask: [9, binary],
  engine: [11, cstring],
});

/** The nest with a server's attributes, and the two of them by which it is known. */
export const SERVER = 2;
export const SERVER_ADDRESS = 1;
export const SERVER_PORT = 2;

/** IPVS_DEST_ATTR_*. */
export const serverAttributes = attributes({
  address: [SERVER_ADDRESS, binary],
  port: [SERVER_PORT, u16be],
  forwarding: [3, u32],
  weight: [4, u32],
  upper: [5, u32],
  lower: [6, u32],
  active: [7, u32],
  inactive: [8, u32],
  persistent: [9, u32],
  family: [11, u16],
  tunnelType: [13, u8],
  tunnelPort: [14, u16be],
  tunnelFlags: [15, u16],
});

/** Masks of attribute types, for who wants to see settings alone: IPVS_SVC_ATTR_STATS and _STATS64. */
export const SERVICE_COUNTERS = (1 << 10) | (1 << 12);
/** IPVS_DEST_ATTR_ACTIVE_CONNS, _INACT_CONNS, _PERSIST_CONNS, _STATS and _STATS64. */
export const SERVER_COUNTERS = (1 << 7) | (1 << 8) | (1 << 9) | (1 << 10) | (1 << 12);

/** IPVS_DAEMON_ATTR_*. */
export const daemonAttributes = attributes({
  state: [1, u32],
  interface: [2, cstring],
  id: [3, u32],
  maxLength: [4, u16],
  group: [5, binary],
  group6: [6, binary],
  port: [7, u16],
  ttl: [8, u8],
});

/** IPVS_CMD_ATTR_*: what a message of the family holds. */
export const commandAttributes = attributes({
  service: [1, nested(serviceAttributes)],
  server: [SERVER, nested(serverAttributes)],
  daemon: [3, nested(daemonAttributes)],
});

export const AF_INET = 2;
export const AF_INET6 = 10;

/** IPPROTO_*. */
export const PROTOCOL_NUMBER: Record<Protocol, number> = { tcp: 6, udp: 17, sctp: 132 };

/** IP_VS_CONN_F_*: the forwarding method. */
export const FORWARDING_NUMBER: Record<ListedServer["forwarding"], number> = {
  nat: 0,
  local: 1,
  tunnel: 2,
  "direct-routing": 3,
  bypass: 4,
};
/** IP_VS_CONN_F_FWD_MASK. */
export const FORWARDING_MASK = 7;

/** IP_VS_SVC_F_*. */
export const FLAG_PERSISTENT = 0x1;
/** Set by the kernel alone. */
export const FLAG_HASHED = 0x2;

/** IP_VS_CONN_F_TUNNEL_TYPE_*. */
export const TUNNEL_NUMBER: Record<Tunnel["kind"], number> = { ipip: 0, gue: 1, gre: 2 };
/** IP_VS_TUNNEL_ENCAP_FLAG_*. */
export const TUNNEL_CHECKSUM: Record<Tunnel["checksum"], number> = { none: 0, full: 1, remote: 2 };

/** IP_VS_STATE_*. */
export const DAEMON_STATE: Record<SyncRole, number> = { master: 1, backup: 2 };
/** What the kernel takes where a daemon's parameter is absent (net/netfilter/ipvs/ip_vs_sync.c). */
export const DAEMON_DEFAULT = { group: "224.0.0.81", port: 8848, ttl: 1 } as const;
