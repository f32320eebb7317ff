// What one VRRP instance (one virtual router on one interface) is told to do. A plain value: it crosses
// process borders as JSON, and knows nothing of the file it was read from.

import { macFromBytes, type Family, type IpAddress, type MacAddress, type Prefix } from "../core/address.js";
import type { Routing } from "../core/routing.js";
import type { Milliseconds } from "../core/units.js";
import type { TtlRange } from "./ttl.js";

/** An address that belongs to the virtual router and is on exactly one director at a time. */
export type VirtualAddress = {
  readonly prefix: Prefix;
  /** The interface that carries it; usually the instance's own. */
  readonly interface: string;
  /** It moves with the others, and no advert speaks of it (keepalived: virtual_ipaddress_excluded). */
  readonly excluded?: true;
};

/** When and how often the master tells its neighbours that the addresses are here (gratuitous ARP). */
export type AnnounceConfig = {
  /** Announcements of each address in a burst, 1..100 (keepalived: garp_master_repeat, 5). */
  readonly repeat: number;
  /** From the first burst to the second one; 0: no second burst (keepalived: garp_master_delay, 5 s). */
  readonly delay: Milliseconds;
  /** From one refresh to the next while master; 0: none (keepalived: garp_master_refresh). */
  readonly refresh: Milliseconds;
  /** Announcements of each address in a refresh (keepalived: garp_master_refresh_repeat, 1). */
  readonly refreshRepeat: number;
};

/** What a track does to an instance that follows it. */
export type TrackEffect =
  /**
   * Above 0: added while it is up. Below 0: subtracted while it is down. `reverse` exchanges up and down. A track
   * with a value adds value times weight, whether up or down. -253..253, not 0.
   */
  | { readonly kind: "weight"; readonly weight: number; readonly reverse: boolean }
  /** Down is a fault: the instance takes no part (keepalived: weight 0). */
  | { readonly kind: "fault" };

/** Something outside VRRP that an instance follows: a script, a process, a file, an interface. */
export type TrackConfig = {
  /** Under which its value is reported; "interface:NAME" is looked up in the table of interfaces. */
  readonly id: string;
  /** For people: "script haproxy", "interface eth1". */
  readonly label: string;
  readonly effect: TrackEffect;
};

/** Adverts to single directors instead of the VRRP group: for networks without multicast. No RFC has this. */
export type UnicastConfig = {
  /** The other directors; one that is this director itself is left out when it is known. */
  readonly peers: readonly IpAddress[];
  /** Whether adverts of anybody else are refused. */
  readonly checkSource: boolean;
  /** Of the adverts that are accepted; they are sent with 255. */
  readonly ttl: TtlRange;
};

/** RFC 2338 section 5.3.6.1: in clear in every advert; guards against mistakes and not against anybody. */
export type PasswordAuth = {
  readonly kind: "password";
  /** 1..8 ASCII characters. */
  readonly password: string;
};

/** A key id on the wire, 1..255, and 32..64 bytes as hexadecimal digits. */
export type HmacKey = { readonly id: number; readonly hex: string };

/** See hmac.ts. */
export type HmacAuth = {
  readonly kind: "hmac";
  readonly keys: readonly HmacKey[];
  /** The id of the key that signs. */
  readonly send: number;
  /** `permissive` accepts adverts without an authenticator as well; `receive-only` does not send one either. */
  readonly mode: "enforce" | "permissive" | "receive-only";
  /** `time`: numbers grow and are near our clock; `monotonic`: they only grow. */
  readonly antiReplay: "time" | "monotonic";
  /** How far a sender's clock may be from ours, 1..300 s. */
  readonly window: Milliseconds;
};

/** A link with the virtual MAC address (RFC 9568 section 7.3). */
export type VirtualMac = {
  readonly name: string;
  /** Which MAC address adverts have as their source: the virtual one, as the RFC wants it, or the interface's. */
  readonly adverts: "virtual" | "interface";
};

export type InstanceConfig = {
  readonly name: string;
  readonly interface: string;
  /** Of its adverts and of all its addresses. A virtual router id means another router in each (RFC 9568 section 5.2.9). */
  readonly family: Family;
  /** VRID, 1..255 (RFC 9568 section 5.2.3). */
  readonly virtualRouterId: number;
  /** `2+3`: both, for the time of a migration (versions.ts). */
  readonly version: 2 | 3 | "2+3";
  /** 1..254; 255 for the owner of the addresses (RFC 9568 section 5.2.4). */
  readonly priority: number;
  /** v2: 1..255 whole seconds; v3 and both: 10 ms..40.95 s in steps of 10 ms. */
  readonly advertInterval: Milliseconds;
  /** Whether a backup takes over from a master of lower priority. An owner always does. */
  readonly preempt: boolean;
  /** How long a lower-priority master is left alone before it is preempted; 0..1000 s. */
  readonly preemptDelay: Milliseconds;
  /** From its start on it only listens for this long, whoever is master; 0..1000 s. */
  readonly startDelay: Milliseconds;
  readonly addresses: readonly VirtualAddress[];
  /** The virtual MAC address in use: the virtual addresses then lie on a link of their own. */
  readonly virtualMac?: VirtualMac;
  /** Routes and rules that are there while this director is master. */
  readonly routing?: Routing;
  /** Whether a master leaves adverts of lower priority unanswered, as before RFC 9568 (keepalived: lower_prio_no_advert). */
  readonly lowerPrioNoAdvert: boolean;
  /**
   * Whether the host accepts packets to its addresses while it is master and not their owner (RFC 9568 section 6.1,
   * Accept_Mode; keepalived: no_accept).
   */
  readonly accept: boolean;
  /** The interface on which adverts are sent and heard besides, by multicast. */
  readonly secondPath?: string;
  /** Source of the adverts; default: the primary address of the interface, over IPv6 its link-local one. */
  readonly sourceAddress?: IpAddress;
  /**
   * Whether an advert counts whose addresses are not ours: RFC 9568 only wants it said, RFC 3768 section 7.1 refuses
   * it unless its sender owns the addresses.
   */
  readonly otherAddresses: "accept" | "refuse";
  /** v3 over IPv4: whether the checksum we send covers the pseudo-header (RFC 5798, keepalived) or not (RFC 9568). */
  readonly checksum: "rfc5798" | "rfc9568";
  readonly announce: AnnounceConfig;
  /** The sync group: its members are master together or not at all. */
  readonly group?: string;
  readonly tracks: readonly TrackConfig[];
  /** Absent: multicast, as the RFCs have it. */
  readonly unicast?: UnicastConfig;
  /** Absent: none, as the RFCs have it. A password is in adverts of version 2 alone. */
  readonly auth?: PasswordAuth | HmacAuth;
};

export type InstanceStateName = "initialize" | "fault" | "backup" | "master";

/** What the adverts say. */
export const advertisedAddresses = ({ addresses }: Pick<InstanceConfig, "addresses">): readonly IpAddress[] =>
  addresses.flatMap(({ prefix, excluded }) => (excluded === true ? [] : [prefix.address]));

/** 00-00-5E-00-01-{VRID}, and 02 for IPv6 (RFC 9568 section 7.3). */
export const virtualMacOf = ({ family, virtualRouterId }: InstanceConfig): MacAddress =>
  macFromBytes(Uint8Array.of(0, 0, 0x5e, 0, family === "ipv6" ? 2 : 1, virtualRouterId));
