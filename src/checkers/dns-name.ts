// Domain names: as text and in DNS messages, where the end of a name may be a pointer to an earlier one (RFC 1035
// sections 3.1 and 4.1.4). Pure.

import { familyOf, ipBytes, parseIp } from "../core/address.js";
import type { Reader, Writer } from "../core/bytes.js";
import { err, ok, type Result } from "../core/result.js";

/** RFC 1035 section 2.3.4. */
const MOST_LABEL = 63;
const MOST_NAME = 255;
const POINTER = 0xc0;
/** Real names have one or two, one after the other. */
const MOST_POINTERS = 16;

/** What is wrong with a name as somebody writes it, or nothing. */
export function nameProblem(name: string): string | undefined {
  if (name === ".") return undefined;
  const labels = name.replace(/\.$/, "").split(".");
  // Letters of other alphabets travel as "xn--...": whoever asks writes what is asked for.
  if (!/^[\x21-\x7e]+$/.test(name) || /[\\"]/.test(name)) return "has characters that a domain name has not";
  if (labels.some((label) => label === "")) return "has an empty label";
  if (labels.some((label) => label.length > MOST_LABEL))
    return `has a label of more than ${MOST_LABEL} characters`;
  return name.length > MOST_NAME - 2 ? `has more than ${MOST_NAME - 2} characters` : undefined;
}

/** 192.0.2.1 as 1.2.0.192.in-addr.arpa (RFC 1035 section 3.5, RFC 3596 section 2.5); undefined: it is no address. */
export function reverseName(text: string): string | undefined {
  const address = parseIp(text);
  if (!address.ok) return undefined;
  const bytes = [...ipBytes(address.value)].reverse();
  return familyOf(address.value) === "ipv4"
    ? `${bytes.join(".")}.in-addr.arpa`
    : `${bytes.flatMap((byte) => [byte & 15, byte >> 4].map((digit) => digit.toString(16))).join(".")}.ip6.arpa`;
}

/** Names are equal whatever their letters' case, and with or without their last dot. */
export const sameName = (name: string): string =>
  name === "." ? name : name.replace(/\.$/, "").toLowerCase();

export function writeName(writer: Writer, name: string): void {
  const labels = name === "." ? [] : name.replace(/\.$/, "").split(".");
  for (const label of labels) {
    writer.u8(label.length);
    for (let i = 0; i < label.length; i++) writer.u8(label.charCodeAt(i));
  }
  writer.u8(0);
}

/**
 * Without its last dot; the root is ".". What would be taken for something else is written as zone files have it: \.
 * and \DDD (RFC 1035 section 5.1).
 */
export function readName(reader: Reader): Result<string, string> {
  const { bytes } = reader;
  let at = reader.offset;
  /** Where the name goes on after it in the message: behind its first pointer. */
  let next: number | undefined;
  // A pointer leads to a place before all that was read of this name: no message leads in a circle.
  let before = at;
  let pointers = 0;
  let length = 1;
  let text = "";
  for (;;) {
    const size = at < reader.end ? bytes[at]! : undefined;
    if (size === undefined) break;
    if (size === 0) {
      reader.offset = next ?? at + 1;
      return ok(text === "" ? "." : text);
    }
    if ((size & POINTER) === POINTER) {
      if (at + 2 > reader.end) break;
      next ??= at + 2;
      at = ((size & ~POINTER) << 8) | bytes[at + 1]!;
      if (at >= before) return err("a name points to itself or to what comes after it");
      if (++pointers > MOST_POINTERS) return err(`a name has more than ${MOST_POINTERS} pointers`);
      before = at;
      continue;
    }
    if (size > MOST_LABEL) return err("a name has a label of an unknown kind");
    length += size + 1;
    if (length > MOST_NAME) return err(`a name is longer than ${MOST_NAME} bytes`);
    if (at + 1 + size > reader.end) break;
    text += `${text === "" ? "" : "."}${labelText(bytes, at + 1, at + 1 + size)}`;
    at += 1 + size;
  }
  reader.fail("name", 1);
  return ok("");
}

function labelText(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte <= 0x20 || byte >= 0x7f) text += `\\${String(byte).padStart(3, "0")}`;
    else if (byte === 0x2e || byte === 0x5c || byte === 0x22) text += `\\${String.fromCharCode(byte)}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}
