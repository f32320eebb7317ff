// Numbers of the kernel's interface, under the kernel's names, each group with the header it comes from.
// They are the same on every architecture vipd ships for (x64 and arm64).

/** Address families. <linux/socket.h> */
export const AF = { UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17 } as const;

/** Socket types. <linux/net.h> */
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3 } as const;

/** IP protocols. <linux/in.h>; VRRP: RFC 9568 section 5.1.1.4. */
export const IPPROTO = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58, VRRP: 112, RAW: 255 } as const;

/** Levels of socket options. <linux/socket.h>, <linux/in.h>, <linux/in6.h> */
export const SOL = {
  IP: 0,
  SOCKET: 1,
  TCP: 6,
  IPV6: 41,
  ICMPV6: 58,
  PACKET: 263,
  NETLINK: 270,
} as const;

/** Options of level SOL.SOCKET. <asm-generic/socket.h> */
export const SO = {
  ERROR: 4,
  SNDBUF: 7,
  RCVBUF: 8,
  PRIORITY: 12,
  PEERCRED: 17,
  BINDTODEVICE: 25,
  DETACH_FILTER: 27,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
  MARK: 36,
} as const;

/** Options of level SOL.IP. <linux/in.h> */
export const IP = {
  TOS: 1,
  TTL: 2,
  PKTINFO: 8,
  RECVERR: 11,
  BIND_ADDRESS_NO_PORT: 24,
  MULTICAST_TTL: 33,
  MULTICAST_LOOP: 34,
  ADD_MEMBERSHIP: 35,
  DROP_MEMBERSHIP: 36,
  MULTICAST_ALL: 49,
} as const;

/** Options of level SOL.IPV6, and the types of their ancillary data. <linux/in6.h> */
export const IPV6 = {
  UNICAST_HOPS: 16,
  MULTICAST_HOPS: 18,
  MULTICAST_LOOP: 19,
  JOIN_GROUP: 20,
  LEAVE_GROUP: 21,
  RECVERR: 25,
  MULTICAST_ALL: 29,
  RECVPKTINFO: 49,
  PKTINFO: 50,
  RECVHOPLIMIT: 51,
  HOPLIMIT: 52,
  TCLASS: 67,
} as const;

/** Option of level SOL.ICMPV6: a bit for each type that is not to be received. <linux/icmpv6.h> */
export const ICMPV6_FILTER = 1;

/** Internetwork control (RFC 791); what routers send to each other must not wait behind users' traffic. */
export const TOS_INTERNETWORK_CONTROL = 0xc0;

/** Traffic priority for control messages; queueing disciplines serve it first. <linux/pkt_sched.h> TC_PRIO_CONTROL */
export const PRIORITY_CONTROL = 7;

/** Netlink protocols. <linux/netlink.h> */
export const NETLINK_PROTOCOL = { ROUTE: 0, NETFILTER: 12, GENERIC: 16 } as const;

/** Options of level SOL.NETLINK. <linux/netlink.h> */
export const NETLINK = {
  ADD_MEMBERSHIP: 1,
  DROP_MEMBERSHIP: 2,
  NO_ENOBUFS: 5,
  CAP_ACK: 10,
  EXT_ACK: 11,
  GET_STRICT_CHK: 12,
} as const;

/** Flags of sendmsg(2) and recvmsg(2). <linux/socket.h> */
export const MSG = { PEEK: 0x02, CTRUNC: 0x08, TRUNC: 0x20, DONTWAIT: 0x40, ERRQUEUE: 0x2000 } as const;

/** Events of a watched descriptor. <uv.h> enum uv_poll_event */
export const POLL = { READABLE: 1, WRITABLE: 2, DISCONNECT: 4, PRIORITIZED: 8 } as const;

/** Events of a member of an epoll set. <sys/epoll.h>; ET: told once, when it begins. */
export const EPOLL = { IN: 0x1, OUT: 0x4, ERR: 0x8, HUP: 0x10, RDHUP: 0x2000, ET: 0x8000_0000 } as const;
