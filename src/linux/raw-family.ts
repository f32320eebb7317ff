// What differs between the raw VRRP sockets of the two families: options, memberships, how the kernel's structures
// lie in memory, and what of a received packet has to be put together again. Pure but for the kernel's numbers.

import { ipBytes, type Family } from "../core/address.js";
import { Writer } from "../core/bytes.js";
import { IPV6_HEADER_LENGTH, writeIpv6Header } from "../vrrp/ipv6.js";
import { TRAILER_LENGTH, VRRP_GROUPS } from "../vrrp/packet.js";
import { vrrpIpv4Filter, vrrpIpv6Filter } from "./bpf.js";
import { AF, IP, IPV6, SOL, TOS_INTERNETWORK_CONTROL } from "./constants.js";
import { sockaddrIp } from "./sockaddr.js";

type Option = readonly [level: number, name: number, value: number];

export type RawFamily = {
  readonly domain: number;
  readonly options: readonly Option[];
  /** Options that older kernels do not have and that only keep away what is dropped later anyway. */
  readonly niceToHave: readonly Option[];
  readonly level: number;
  readonly join: number;
  readonly leave: number;
  /** The value of both for the VRRP group on an interface. */
  readonly membership: (ifindex: number) => Uint8Array;
  readonly filter: (ids: Iterable<number>) => Uint8Array;
  readonly send: {
    /** The longest message. */
    readonly most: number;
    readonly address: Uint8Array;
    readonly control: Uint8Array;
    /** Where the destination stands in `address`; the interface (host order) and the source in `control`. */
    readonly destinationAt: number;
    readonly ifindexAt: number;
    readonly sourceAt: number;
  };
  readonly receive: {
    /** Room for one packet as the kernel gives it. */
    readonly slot: number;
    /** What is put in front of it. */
    readonly headroom: number;
    /** Room for the sender's address; 0: it stands in the packet. */
    readonly address: number;
    readonly control: number;
    /** Ancillary data shorter than this do not say where the packet came in. */
    readonly leastControl: number;
    readonly ifindexAt: number;
    readonly putHeader?: (
      packet: Uint8Array,
      length: number,
      addresses: Uint8Array,
      addressAt: number,
      controls: Uint8Array,
      controlAt: number,
    ) => void;
  };
};

const FIXED_PART = 8;
const MOST_ADDRESSES = 255;
/** Authentication data of VRRPv2 (RFC 3768 section 5.3.10). */
const V2_AUTHENTICATION = 8;
const CMSG_HEADER = 16;

/** struct cmsghdr with room for `data` bytes, rounded up to 8 as the kernel reads them. */
const controlMessage = (level: number, type: number, data: number): Uint8Array =>
  new Writer(CMSG_HEADER + Math.ceil(data / 8) * 8)
    .u32ne(CMSG_HEADER + data)
    .u32ne(0)
    .u32ne(level)
    .u32ne(type)
    .zeros(Math.ceil(data / 8) * 8)
    .finish();

/** struct in_pktinfo: interface, source (when sent), destination. */
const IN_PKTINFO = 12;
/** struct in6_pktinfo: source (when sent) or destination (when received), then the interface. */
const IN6_PKTINFO = 20;
const IN6_PKTINFO_SPACE = CMSG_HEADER + 24;
/** struct cmsghdr of the hop limit, an int, behind that of the packet info. */
const HOP_LIMIT_AT = IN6_PKTINFO_SPACE + CMSG_HEADER;
/** Offset of sin6_addr in struct sockaddr_in6. */
const IN6_ADDRESS_AT = 8;

export const RAW_FAMILIES: Readonly<Record<Family, RawFamily>> = {
  ipv4: {
    domain: AF.INET,
    options: [
      [SOL.IP, IP.MULTICAST_ALL, 0],
      [SOL.IP, IP.MULTICAST_LOOP, 0],
      [SOL.IP, IP.MULTICAST_TTL, 255],
      [SOL.IP, IP.TTL, 255],
      [SOL.IP, IP.PKTINFO, 1],
      [SOL.IP, IP.TOS, TOS_INTERNETWORK_CONTROL],
    ],
    niceToHave: [],
    level: SOL.IP,
    join: IP.ADD_MEMBERSHIP,
    leave: IP.DROP_MEMBERSHIP,
    // struct ip_mreqn: group, any local address, interface.
    membership: (ifindex) => new Writer(12).raw(ipBytes(VRRP_GROUPS.ipv4)).u32be(0).u32ne(ifindex).finish(),
    filter: vrrpIpv4Filter,
    send: {
      most: FIXED_PART + MOST_ADDRESSES * 4 + V2_AUTHENTICATION + TRAILER_LENGTH,
      address: sockaddrIp(VRRP_GROUPS.ipv4, 0),
      control: controlMessage(SOL.IP, IP.PKTINFO, IN_PKTINFO),
      destinationAt: 4,
      ifindexAt: CMSG_HEADER,
      sourceAt: CMSG_HEADER + 4,
    },
    receive: {
      // The longest advert with the longest IPv4 header, rounded up.
      slot: 1152,
      headroom: 0,
      address: 0,
      control: CMSG_HEADER + 16,
      leastControl: CMSG_HEADER + IN_PKTINFO,
      ifindexAt: CMSG_HEADER,
    },
  },
  ipv6: {
    domain: AF.INET6,
    // No IPV6_CHECKSUM: the kernel would drop what we want to count, and has no less to compute than we.
    options: [
      [SOL.IPV6, IPV6.MULTICAST_LOOP, 0],
      [SOL.IPV6, IPV6.MULTICAST_HOPS, 255],
      [SOL.IPV6, IPV6.UNICAST_HOPS, 255],
      [SOL.IPV6, IPV6.RECVPKTINFO, 1],
      [SOL.IPV6, IPV6.RECVHOPLIMIT, 1],
      [SOL.IPV6, IPV6.TCLASS, TOS_INTERNETWORK_CONTROL],
    ],
    niceToHave: [[SOL.IPV6, IPV6.MULTICAST_ALL, 0]],
    level: SOL.IPV6,
    join: IPV6.JOIN_GROUP,
    leave: IPV6.LEAVE_GROUP,
    // struct ipv6_mreq: group, interface.
    membership: (ifindex) => new Writer(20).raw(ipBytes(VRRP_GROUPS.ipv6)).u32ne(ifindex).finish(),
    filter: vrrpIpv6Filter,
    send: {
      most: FIXED_PART + MOST_ADDRESSES * 16 + TRAILER_LENGTH,
      address: sockaddrIp(VRRP_GROUPS.ipv6, 0),
      control: controlMessage(SOL.IPV6, IPV6.PKTINFO, IN6_PKTINFO),
      destinationAt: IN6_ADDRESS_AT,
      ifindexAt: CMSG_HEADER + 16,
      sourceAt: CMSG_HEADER,
    },
    receive: {
      slot: 4224,
      headroom: IPV6_HEADER_LENGTH,
      address: 28,
      control: HOP_LIMIT_AT + 8,
      leastControl: HOP_LIMIT_AT + 4,
      ifindexAt: CMSG_HEADER + 16,
      putHeader: (packet, length, addresses, addressAt, controls, controlAt) =>
        writeIpv6Header(
          packet,
          length,
          // The first byte of an int in host order, which is little-endian on x64 and arm64.
          controls[controlAt + HOP_LIMIT_AT]!,
          addresses,
          addressAt + IN6_ADDRESS_AT,
          controls,
          controlAt + CMSG_HEADER,
        ),
    },
  },
};
