// The data of DNS records as text, as zone files have it (RFC 1035 section 5.1), so that it can be compared with what
// somebody wrote. Pure. A type without a form here is shown as hexadecimal digits.

import { ipFromBytes } from "../core/address.js";
import { Reader } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";
import { readName } from "./dns-name.js";
import { DNS_TYPES } from "./dns-types.js";

/** The data lies from `start` to `end` of the message; names in it may point to what comes before. */
export function dataText(
  type: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): Result<string, string> {
  const form = FORMS.get(type);
  if (form === undefined) return ok(Buffer.from(bytes.subarray(start, end)).toString("hex"));
  const reader = new Reader(bytes, start, end);
  const words: string[] = [];
  for (const field of form) {
    const word = readField(field, reader);
    if (!word.ok) return word;
    words.push(word.value);
    if (reader.error !== undefined) return err("its data is too short");
  }
  return reader.remaining === 0
    ? ok(words.join(" "))
    : err(`its data has ${reader.remaining} bytes too many`);
}

type Field = "u8" | "u16" | "u32" | "name" | "ipv4" | "ipv6" | "string" | "strings" | "tag" | "rest" | "hex";

const FORMS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [DNS_TYPES.A, ["ipv4"]],
  [DNS_TYPES.AAAA, ["ipv6"]],
  [DNS_TYPES.NS, ["name"]],
  [DNS_TYPES.CNAME, ["name"]],
  [DNS_TYPES.PTR, ["name"]],
  [DNS_TYPES.DNAME, ["name"]],
  [DNS_TYPES.MX, ["u16", "name"]],
  // The name of the server and of the mailbox; serial, refresh, retry, expire, minimum.
  [DNS_TYPES.SOA, ["name", "name", "u32", "u32", "u32", "u32", "u32"]],
  [DNS_TYPES.TXT, ["strings"]],
  // RFC 2782: priority, weight, port, target.
  [DNS_TYPES.SRV, ["u16", "u16", "u16", "name"]],
  // RFC 3403: order, preference, flags, service, regular expression, replacement.
  [DNS_TYPES.NAPTR, ["u16", "u16", "string", "string", "string", "name"]],
  // RFC 8659: flags, tag, value.
  [DNS_TYPES.CAA, ["u8", "tag", "rest"]],
  // RFC 4034: key tag, algorithm, digest type, digest.
  [DNS_TYPES.DS, ["u16", "u8", "u8", "hex"]],
  // RFC 6698: usage, selector, matching type, data.
  [DNS_TYPES.TLSA, ["u8", "u8", "u8", "hex"]],
]);

function readField(field: Field, reader: Reader): Result<string, string> {
  switch (field) {
    case "u8":
      return ok(String(reader.u8(field)));
    case "u16":
      return ok(String(reader.u16be(field)));
    case "u32":
      return ok(String(reader.u32be(field)));
    case "name":
      return readName(reader);
    case "ipv4":
      return ok(ipFromBytes(reader.copy(field, 4)));
    case "ipv6":
      return ok(ipFromBytes(reader.copy(field, 16)));
    case "string":
      return ok(`"${readString(reader)}"`);
    case "tag":
      return ok(readString(reader));
    case "strings": {
      // The pieces of one text, which is too long for one of them (RFC 7208 section 3.3 and others read them so).
      let text = readString(reader);
      while (reader.remaining > 0 && reader.error === undefined) text += readString(reader);
      return ok(text);
    }
    case "rest":
      return ok(`"${textOf(reader.copy(field, reader.remaining))}"`);
    case "hex":
      return ok(Buffer.from(reader.copy(field, reader.remaining)).toString("hex"));
  }
}

/** A byte of length, and so many bytes. */
const readString = (reader: Reader): string => textOf(reader.copy("text", reader.u8("length of a text")));

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
