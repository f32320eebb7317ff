// The numbers of DNS and their names: types, classes, response codes.

/** Types that have a name here (IANA, "DNS Parameters"). */
export const DNS_TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  DS: 43,
  DNSKEY: 48,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  CAA: 257,
  ANY: 255,
} as const;
export type DnsType = keyof typeof DNS_TYPES;

export const DNS_CLASSES = { IN: 1, CH: 3, HS: 4 } as const;
export type DnsClass = keyof typeof DNS_CLASSES;

/** By number, RFC 1035 section 4.1.1 and RFC 2136 section 2.2. */
export const DNS_RCODES = [
  "NOERROR",
  "FORMERR",
  "SERVFAIL",
  "NXDOMAIN",
  "NOTIMP",
  "REFUSED",
  "YXDOMAIN",
  "YXRRSET",
  "NXRRSET",
  "NOTAUTH",
  "NOTZONE",
] as const;
export type DnsRcode = (typeof DNS_RCODES)[number];

/** "MX", or "TYPE99" for a number without a name here (RFC 3597 section 5). */
export function typeText(type: number): string {
  for (const [name, number] of Object.entries(DNS_TYPES)) if (number === type) return name;
  return `TYPE${type}`;
}

export const rcodeText = (rcode: number): string => DNS_RCODES[rcode] ?? `RCODE${rcode}`;
