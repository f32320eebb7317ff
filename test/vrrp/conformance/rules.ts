// The rules of VRRP that vipd is measured by, each with its places in RFC 9568, RFC 5798 and RFC 3768 ("–": that RFC
// has no such rule; "own": none has it). Where vipd does something else on purpose, or leaves something to the kernel,
// NOTES says so. The tests are in the files beside this one; docs/vrrp-conformance.md is made from both.

export type Row = readonly [rule: string, rfc9568: string, rfc5798: string, rfc3768: string];

const packet = {
  P01: ["An IPv4 advert comes from the primary address of its interface", "5.1.1.1", "5.1.1.1", "5.2.1"],
  P02: ["It goes to 224.0.0.18, which no router forwards", "5.1.1.2", "5.1.1.2", "5.2.2"],
  P03: ["It leaves with TTL 255, and with another one it is refused", "5.1.1.3", "5.1.1.3", "5.2.3"],
  P04: ["The IP protocol is 112", "5.1.1.4", "5.1.1.4", "5.2.4"],
  P05: ["An IPv6 advert comes from the link-local address of its interface", "5.1.2.1", "5.1.2.1", "–"],
  P06: ["It goes to ff02::12, which no router forwards", "5.1.2.2", "5.1.2.2", "–"],
  P07: ["It leaves with hop limit 255, and with another one it is refused", "5.1.2.3", "5.1.2.3", "–"],
  P08: ["The next header is 112", "5.1.2.4", "5.1.2.4", "–"],
  P09: ["The first four bits are the version: 3, or 2", "5.2.1", "5.2.1", "5.3.1"],
  P10: ["The type is 1, and another one is refused", "5.2.2", "5.2.2", "5.3.2"],
  P11: ["The virtual router id is from 1 to 255", "5.2.3", "5.2.3", "5.3.3"],
  P12: [
    "Priority: 255 for the owner, 1 to 254 for the others (by default 100), 0 for a master that leaves",
    "5.2.4",
    "5.2.4",
    "5.3.4",
  ],
  P13: ["At least one address; an advert without is ignored (erratum 8299)", "5.2.5", "5.2.5", "5.3.5"],
  P14: ["The reserved bits are sent as 0 and ignored when received", "5.2.6", "5.2.6", "–"],
  P15: ["The interval of version 3: 12 bits, 1 to 4095 hundredths of a second", "5.2.7", "5.2.7", "–"],
  P16: ["The interval of version 2: 8 bits, whole seconds, by default 1", "–", "–", "5.3.7"],
  P17: [
    "The checksum of version 3 over IPv4 covers the message (RFC 9568), or its pseudo-header too (RFC 5798)",
    "5.2.8",
    "5.2.8",
    "–",
  ],
  P18: ["The checksum of version 3 over IPv6 covers the pseudo-header", "5.2.8", "5.2.8", "–"],
  P19: ["The checksum of version 2 covers the message with its authentication data", "–", "–", "5.3.8"],
  P20: [
    "The checksum field counts as 0, and an odd last byte as the upper half of a word",
    "5.2.8",
    "5.2.8",
    "5.3.8",
  ],
  P21: ["The addresses are of the packet's family: 4 bytes each, or 16", "5.2.9", "5.2.9", "5.3.9"],
  P22: ["Over IPv6 the first address is a link-local one (erratum 8300)", "5.2.9", "5.2.9", "–"],
  P23: ["Version 2 sends authentication type 0 and eight zero bytes", "–", "–", "5.3.6, 5.3.10"],
  P24: [
    "The length is 8 and the addresses, in version 2 another 8; a shorter packet is refused",
    "7.1",
    "7.1",
    "7.1",
  ],
  P25: ["The message begins behind the IPv4 header with all its options", "own", "own", "own"],
} as const satisfies Record<string, Row>;

const timers = {
  T01: ["The priority is 100 by default, and 255 for the owner", "6.1", "6.1", "6.1"],
  T02: ["The advert interval is 1 s by default", "6.1", "6.1", "6.1"],
  T03: ["The master's interval is our own at first, and then the one in its adverts", "6.1", "6.1", "–"],
  T04: ["Skew in version 3: (256 − priority) / 256 of the master's interval", "6.1", "6.1", "–"],
  T05: ["Skew in version 2: (256 − priority) / 256 of a second", "–", "–", "6.1"],
  T06: ["A master is down after three of its intervals and the skew", "6.1", "6.1", "6.1"],
  T07: ["Preemption is on by default, and the owner preempts without it", "6.1", "6.1", "6.1"],
  T08: [
    "Packets to a virtual address are accepted by its owner alone by default; neighbour discovery always",
    "6.1",
    "6.1",
    "–",
  ],
  T09: ["A backup has the one timer, a master the other", "6.2", "6.2", "6.2"],
  T10: ["Priority 100 and 1 s: skew 0.609 s, down after 3.609 s", "6.1", "6.1", "6.1"],
  T11: ["Priority 254 and 10 ms: nothing is rounded to 0", "6.1", "6.1", "–"],
} as const satisfies Record<string, Row>;

const initialize = {
  I01: [
    "At the start the owner sends an advert, announces its addresses and is master",
    "6.4.1",
    "6.4.1",
    "6.4.1",
  ],
  I02: [
    "Everybody else is backup, and waits for three of its own intervals and the skew",
    "6.4.1",
    "6.4.1",
    "6.4.1",
  ],
  I03: ["An IPv6 owner is in the solicited-node group of each address first", "6.4.1", "6.4.1", "–"],
  I04: ["No advert before the start", "6.3", "6.3", "6.3"],
} as const satisfies Record<string, Row>;

const backup = {
  B01: ["A backup answers no ARP request for the addresses", "6.4.2", "6.4.2", "6.4.2"],
  B02: ["It answers no neighbour solicitation for them", "6.4.2", "6.4.2", "–"],
  B03: ["It sends no router advertisements for the virtual router", "6.4.2", "6.4.2", "–"],
  B04: ["It discards frames to the virtual MAC address", "6.4.2", "6.4.2", "6.4.2"],
  B05: ["It accepts no packets to the addresses", "6.4.2", "6.4.2", "6.4.2"],
  B06: ["When it stops it sends nothing", "6.4.2", "6.4.2", "6.4.2"],
  B07: [
    "When the wait ends: advert, then gratuitous ARP for each address, then master",
    "6.4.2",
    "6.4.2",
    "6.4.2",
  ],
  B08: [
    "Over IPv6: the solicited-node groups, and unsolicited advertisements with R and O set and S clear (erratum 7949)",
    "6.4.2",
    "6.4.2",
    "–",
  ],
  B09: ["A resignation (priority 0) shortens the wait to the skew", "6.4.2", "6.4.2", "6.4.2"],
  B10: [
    "An advert of at least our priority begins the wait anew, with its interval",
    "6.4.2",
    "6.4.2",
    "6.4.2",
  ],
  B11: ["Without preemption one of lower priority does so too", "6.4.2", "6.4.2", "6.4.2"],
  B12: ["With preemption it is discarded, and the wait goes on", "6.4.2", "6.4.2", "6.4.2"],
  B13: ["A new interval of the master counts from its next advert on", "6.4.2", "6.4.2", "–"],
} as const satisfies Record<string, Row>;

const active = {
  A01: [
    "The master answers ARP requests for the addresses with the virtual MAC address",
    "6.4.3, 8.1.2",
    "6.4.3",
    "6.4.3, 8.2",
  ],
  A02: ["It answers neighbour solicitations, with the router flag set", "6.4.3, 8.2.2", "6.4.3", "–"],
  A03: ["It is in the solicited-node groups of the addresses", "6.4.3", "6.4.3", "–"],
  A04: ["It forwards packets to the virtual MAC address", "6.4.3", "6.4.3", "6.4.3"],
  A05: [
    "It accepts packets to the addresses if it owns them or Accept_Mode is on",
    "6.4.3",
    "6.4.3",
    "6.4.3",
  ],
  A06: ["When it stops it sends an advert of priority 0", "6.4.3", "6.4.3", "6.4.3"],
  A07: ["Every interval an advert", "6.4.3", "6.4.3", "6.4.3"],
  A08: ["A resignation of another master is answered with an advert", "6.4.3", "6.4.3", "6.4.3"],
  A09: ["To a higher priority it yields, and waits with that one's interval", "6.4.3", "6.4.3", "6.4.3"],
  A10: ["At equal priority the greater source address wins, compared as a number", "6.4.3", "6.4.3", "6.4.3"],
  A11: ["An advert of lower priority is discarded and answered with one at once", "6.4.3", "–", "–"],
  A12: ["Its own advert come back changes nothing", "own", "own", "own"],
  A13: ["The answers of A11 are limited, so that two masters cause no storm", "own", "own", "own"],
  A14: ["Announcements are repeated, and change no state", "own", "own", "own"],
} as const satisfies Record<string, Row>;

const receive = {
  R01: ["First the TTL or hop limit: 255", "7.1", "7.1", "7.1"],
  R02: ["The version is the configured one", "7.1", "7.1", "7.1"],
  R03: ["The type is ADVERTISEMENT", "7.1, 5.2.2", "7.1", "5.3.2"],
  R04: ["The packet is whole", "7.1", "7.1", "7.1"],
  R05: ["The checksum is right", "7.1", "7.1", "7.1"],
  R06: [
    "The virtual router id is configured on the interface it came by (erratum 8298)",
    "7.1",
    "7.1",
    "7.1",
  ],
  R07: ["An owner that hears adverts says so; in version 2 it discards them", "7.1", "7.1", "7.1"],
  R08: ["The interval is not 0", "7.1", "–", "–"],
  R09: ["Another interval than ours is said, and in version 2 refused", "7.1", "7.1", "7.1"],
  R10: [
    "Another list of addresses is said; in version 2 it is refused unless the sender owns them",
    "7.1",
    "7.1",
    "7.1",
  ],
  R11: ["In version 2 another authentication type is refused", "–", "–", "7.1"],
  R12: ["What is said is limited", "7.1", "7.1", "7.1"],
  R13: ["Another version is a version error, whatever the checksum", "7.1", "7.1", "–"],
  R14: ["Bytes behind the message are refused", "own", "own", "own"],
} as const satisfies Record<string, Row>;

const transmit = {
  X01: [
    "An advert has all fields filled in, comes from the virtual MAC address and goes to the group",
    "7.2",
    "7.2",
    "7.2",
  ],
  X02: ["The virtual MAC address is 00-00-5E-00-01-ID, over IPv6 00-00-5E-00-02-ID", "7.3", "7.3", "7.3"],
  X03: ["No IPv6 interface identifier is made of the virtual MAC address", "7.4", "7.4", "–"],
  X04: ["ICMP redirects heed the MAC address that a packet came to", "8.1.1, 8.2.1", "8.1.1, 8.2.1", "8.1"],
  X05: [
    "Addresses are announced when they and the virtual MAC address are there, and with no other MAC address",
    "8.1.2",
    "8.1.2",
    "8.2",
  ],
  X06: ["Proxy ARP answers with the virtual MAC address", "8.1.3", "8.1.3", "8.3"],
  X07: [
    "Takeovers do not fail for duplicate address detection; solicitations have a source of their own",
    "8.2.2",
    "8.2.2",
    "–",
  ],
  X08: [
    "Router advertisements of a master have the virtual MAC address and are the same on all routers",
    "8.2.3",
    "8.2.3",
    "–",
  ],
  X09: ["Unsolicited neighbour advertisements are accepted", "8.2.4", "–", "–"],
  X10: ["A master forwards no packet to an address that it does not accept", "8.3.1", "8.3.1", "8.4"],
  X11: ["One router has priority 255; equal priorities are said", "8.3.2", "8.3.2", "–"],
  X12: [
    "For a migration a router may send version 2 and 3, and hears both; version 2 from a master of version 3 is ignored",
    "8.4.2",
    "8.4.2",
    "–",
  ],
  X13: ["Without a virtual MAC address the announcements have the interface's", "own", "own", "own"],
  X14: ["Gratuitous ARP is a broadcast, from and for the address, and repeated", "6.4.2", "6.4.2", "6.4.2"],
  X15: ["A virtual IPv6 address can be used at once", "own", "own", "own"],
  X16: [
    "Announcements also on VLANs and bonds, and when the link of a master comes back",
    "own",
    "own",
    "own",
  ],
} as const satisfies Record<string, Row>;

const deviations = {
  D01: [
    "`unicast`: adverts to peers, also across routers (`unicast.ttl`)",
    "5.1.1.2, 5.1.1.3",
    "5.1.1.2, 5.1.1.3",
    "5.2.2, 5.2.3",
  ],
  D02: [
    "`virtual-mac`: the virtual router has a MAC address of its own; by default it has the interface's",
    "7.2, 7.3",
    "7.2, 7.3",
    "7.2, 7.3",
  ],
  D03: [
    "`auth.hmac`: adverts with an authenticator behind them, as keepalived 2.4 sends it",
    "9",
    "9",
    "5.3.10",
  ],
  D04: ["`checksum`: over the pseudo-header (RFC 5798) or not (RFC 9568)", "5.2.8", "5.2.8", "–"],
  D05: ["`lower-prio-no-advert`: no advert in answer to a lower priority", "6.4.3", "–", "–"],
  D06: ["`group`: instances that are master together or not at all", "6.4", "6.4", "6.4"],
  D07: ["`second-path`: adverts on a second link besides", "5.1.1", "5.1.1", "5.2"],
  D08: [
    "`accept: false`: a master that is not the owner accepts neighbour discovery alone at its addresses",
    "6.1, 6.4.3",
    "6.1, 6.4.3",
    "–",
  ],
} as const satisfies Record<string, Row>;

/** In the order of the page. */
export const SECTIONS = [
  { title: "Packets", rules: packet },
  { title: "Parameters and timers", rules: timers },
  { title: "Initialize", rules: initialize },
  { title: "Backup", rules: backup },
  { title: "Master (RFC 9568: Active)", rules: active },
  { title: "Reception", rules: receive },
  { title: "Transmission, MAC addresses, ARP, neighbour discovery", rules: transmit },
  { title: "Deviations that are options", rules: deviations },
] as const;

type Rules = (typeof SECTIONS)[number]["rules"];
export type RuleId = Rules extends infer Each ? (Each extends unknown ? keyof Each & string : never) : never;

/** Where vipd differs, or what it leaves to others. */
export const NOTES: Readonly<Partial<Record<RuleId, string>>> = {
  P17: "Option `checksum`; the default is RFC 5798's, as keepalived sends it.",
  P22: "Without a link-local address in the file the others are sent alone, as keepalived does, with a warning.",
  T01: "No default: two directors that both leave it out would be equal.",
  T08: "Accept_Mode is on by default, because the services of the director are on these addresses; option `accept`.",
  B04: "Without `virtual-mac`, the default, nobody uses the virtual MAC address (A01).",
  A01: "Without `virtual-mac`, the default, it is the MAC address of the interface.",
  A02: "The kernel answers, and sets the flag where the host forwards IPv6 (`net.ipv6.conf.all.forwarding`).",
  A04: "The kernel forwards (`net.ipv4.ip_forward`), without `virtual-mac` what is sent to the interface's MAC address.",
  B03: "vipd sends none in any state.",
  X01: "Without `virtual-mac`, the default, and over IPv6 always, from the interface's MAC address.",
  X04: "None arises with `virtual-mac`; without, they are the kernel's matter (`send_redirects`).",
  X06: "vipd turns it on nowhere; the kernel answers where `proxy_arp` is on for the link.",
  X10: "A master accepts what is sent to its addresses (T08), or drops it (D08): nothing is forwarded.",
  X05: "Without `virtual-mac`, the default, with the interface's MAC address.",
  X08: "vipd sends none (B03).",
  X09: "The kernel's matter.",
  X12: "Option `version: 2+3`. Adverts leave at the interval also below a second, and version 2 says the next whole one.",
  R10: "Option `other-addresses`; the default is RFC 9568's.",
  X13: "The default, as in keepalived.",
  X14: "The form of a reply is not provided.",
  A05: "Accept_Mode is on by default (T08, D08).",
  A09: "Its last advert is vipd's addition, so that the winner announces again.",
};
