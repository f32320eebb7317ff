// Echo requests, their replies, and the ICMP messages that say of one that it cannot arrive, for both families. Pure:
// bytes in and out. RFC 792, RFC 4443.
//
//   0                   1                   2                   3
//   |     type      |     code      |           checksum            |
//   |          identifier           |        sequence number        |
//   |     our token, by which an answer is known to be one to us    |

import { ipFromBytes, type Family, type IpAddress } from "../core/address.js";
import { checksum } from "../core/checksum.js";

export const TOKEN_LENGTH = 16;
const ECHO_HEADER = 8;
export const ECHO_LENGTH = ECHO_HEADER + TOKEN_LENGTH;

type Texts = Readonly<Record<number, string>>;
/** How a family's messages look; `errors`: what the types and codes mean. */
type Form = {
  readonly request: number;
  readonly reply: number;
  readonly protocol: number;
  readonly destinationAt: number;
  readonly errors: Readonly<Record<number, { readonly codes: Texts; readonly other: string }>>;
};
const PROHIBITED = "prohibited by a filter";

const FORMS: Readonly<Record<Family, Form>> = {
  ipv4: {
    request: 8,
    reply: 0,
    protocol: 1,
    destinationAt: 16,
    errors: {
      3: {
        codes: {
          0: "network unreachable",
          1: "host unreachable",
          2: "protocol unreachable",
          9: PROHIBITED,
          10: PROHIBITED,
          13: PROHIBITED,
        },
        other: "destination unreachable",
      },
      11: { codes: {}, other: "too many routers on the way (TTL exceeded)" },
      12: { codes: {}, other: "parameter problem" },
    },
  },
  ipv6: {
    request: 128,
    reply: 129,
    protocol: 58,
    destinationAt: 24,
    errors: {
      1: {
        codes: { 0: "no route", 1: PROHIBITED, 3: "address unreachable", 6: "route rejects it" },
        other: "destination unreachable",
      },
      3: { codes: {}, other: "too many routers on the way (hop limit exceeded)" },
      4: { codes: {}, other: "parameter problem" },
    },
  },
};

/** `token` are TOKEN_LENGTH random bytes. The checksum of ICMPv6 is the kernel's to fill in. */
export function writeEcho(
  into: Uint8Array,
  family: Family,
  identifier: number,
  sequence: number,
  token: Uint8Array,
): void {
  const view = new DataView(into.buffer, into.byteOffset, ECHO_LENGTH);
  view.setUint8(0, FORMS[family].request);
  view.setUint8(1, 0);
  view.setUint16(2, 0);
  view.setUint16(4, identifier);
  view.setUint16(6, sequence);
  into.set(token, ECHO_HEADER);
  if (family === "ipv4") view.setUint16(2, checksum(into, 0, ECHO_LENGTH));
}

/** What came in about one of our requests. */
export type EchoNews = {
  readonly sequence: number;
  /** Who was asked: of a reply its sender. */
  readonly address: IpAddress;
} & (
  | { readonly kind: "reply"; readonly token: Uint8Array }
  | { readonly kind: "unreachable"; readonly text: string; readonly by: IpAddress }
);

/**
 * `bytes` as a raw socket gives them: from the IP header on for IPv4, from the ICMP header on for IPv6, whose `sender`
 * comes beside it. Undefined: it is about nothing of ours, or damaged.
 */
export function readEcho(
  bytes: Uint8Array,
  family: Family,
  identifier: number,
  sender?: IpAddress,
): EchoNews | undefined {
  const form = FORMS[family];
  const at = family === "ipv4" ? ipv4HeaderLength(bytes, 0) : 0;
  if (at === undefined || bytes.length < at + ECHO_HEADER) return undefined;
  const from = sender ?? ipFromBytes(bytes.subarray(12, 16));
  const type = bytes[at]!;
  if (type === form.reply) {
    if (bytes.length !== at + ECHO_LENGTH || u16(bytes, at + 4) !== identifier) return undefined;
    // A raw IPv4 socket gets its copy before the kernel has looked.
    if (family === "ipv4" && checksum(bytes, at) !== 0) return undefined;
    return {
      kind: "reply",
      sequence: u16(bytes, at + 6),
      address: from,
      token: bytes.slice(at + ECHO_HEADER, at + ECHO_LENGTH),
    };
  }
  const error = form.errors[type];
  if (error === undefined) return undefined;
  // Behind the header of the error lies the beginning of our packet.
  const inner = at + ECHO_HEADER;
  const echoAt = innerEchoAt(bytes, inner, family);
  if (echoAt === undefined || bytes.length < echoAt + ECHO_HEADER) return undefined;
  if (bytes[echoAt] !== form.request || u16(bytes, echoAt + 4) !== identifier) return undefined;
  const to = inner + form.destinationAt;
  return {
    kind: "unreachable",
    sequence: u16(bytes, echoAt + 6),
    address: ipFromBytes(bytes.subarray(to, to + (family === "ipv4" ? 4 : 16))),
    text: error.codes[bytes[at + 1]!] ?? error.other,
    by: from,
  };
}

function innerEchoAt(bytes: Uint8Array, at: number, family: Family): number | undefined {
  const { protocol } = FORMS[family];
  if (family === "ipv4") {
    const length = ipv4HeaderLength(bytes, at);
    return length !== undefined && bytes[at + 9] === protocol ? at + length : undefined;
  }
  // We send no extension headers.
  return bytes[at + 6] === protocol ? at + 40 : undefined;
}

function ipv4HeaderLength(bytes: Uint8Array, at: number): number | undefined {
  const first = bytes[at];
  if (first === undefined || first >> 4 !== 4) return undefined;
  const length = (first & 15) * 4;
  return length >= 20 && bytes.length >= at + length ? length : undefined;
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
