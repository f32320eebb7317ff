// The headers of HTTP/2 (RFC 7541): reads those of an answer, with the table that both sides keep of them, and writes those
// of a request in the plainest of the ways that there are. Pure: bytes in and out. Every length is looked at first.

import { err, ok, type Result } from "../core/result.js";
import { huffmanText } from "./hpack-huffman.js";

/** What a server may keep of them, and we with it: the size that holds until another one is agreed. */
const TABLE_SIZE = 4096;
/** RFC 7541 section 4.1: what an entry counts beside its text. */
const ENTRY_OVERHEAD = 32;
/** A number needs no more bytes than that; more of them could only be zeros. */
const MOST_NUMBER_BYTES = 4;

/** RFC 7541 appendix A: names with their values, where they have some. */
const STATIC: readonly (readonly [name: string, value: string])[] = [
  ...[":authority", ":method GET", ":method POST", ":path /", ":path /index.html", ":scheme http"],
  ...[":scheme https", ":status 200", ":status 204", ":status 206", ":status 304", ":status 400"],
  ...[":status 404", ":status 500", "accept-charset", "accept-encoding gzip, deflate", "accept-language"],
  ...["accept-ranges", "accept", "access-control-allow-origin", "age", "allow", "authorization"],
  ...["cache-control", "content-disposition", "content-encoding", "content-language", "content-length"],
  ...["content-location", "content-range", "content-type", "cookie", "date", "etag", "expect", "expires"],
  ...["from", "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since"],
  ...["last-modified", "link", "location", "max-forwards", "proxy-authenticate", "proxy-authorization"],
  ...["range", "referer", "refresh", "retry-after", "server", "set-cookie", "strict-transport-security"],
  ...["transfer-encoding", "user-agent", "vary", "via", "www-authenticate"],
].map((entry) => {
  const [name = ""] = entry.split(" ", 1);
  return [name, entry.slice(name.length + 1)] as const;
});

/** A connection's: what one header has put into the table the next one may name. */
export class HpackReader {
  private readonly table: (readonly [name: string, value: string])[] = [];
  private size = 0;
  private most = TABLE_SIZE;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;

  /**
   * Tells `onField` of each in its order, until it wants no more: a byte may stand for four thousand, and whoever reads them
   * all works that much. The problem, or nothing.
   */
  read(block: Uint8Array, onField: (name: string, value: string) => boolean): string | undefined {
    this.bytes = block;
    this.at = 0;
    let isFirst = true;
    while (this.at < block.length) {
      const first = block[this.at] as number;
      if ((first & 0xe0) === 0x20) {
        // RFC 7541 section 4.2: a change of the size stands at the beginning, and keeps to what we allow.
        const most = this.number(5);
        if (most === undefined || most > TABLE_SIZE || !isFirst)
          return "a size of the table that must not be";
        this.most = most;
        this.evict(0);
        continue;
      }
      isFirst = false;
      const field = this.field(first);
      if (!field.ok) return field.error;
      if (!onField(...field.value)) return undefined;
    }
    return undefined;
  }

  private field(first: number): Result<readonly [string, string], string> {
    if ((first & 0x80) !== 0) {
      const entry = this.entry(this.number(7));
      return entry === undefined ? err("an entry that is not in the table") : ok(entry);
    }
    const isKept = (first & 0x40) !== 0;
    const index = this.number(isKept ? 6 : 4);
    if (index === undefined) return err("a number that is cut off or too large");
    const known = index === 0 ? undefined : this.entry(index);
    if (index !== 0 && known === undefined) return err("an entry that is not in the table");
    const name = known === undefined ? this.text() : ok(known[0]);
    if (!name.ok) return name;
    const value = this.text();
    if (!value.ok) return value;
    const field = [name.value, value.value] as const;
    if (isKept) this.keep(field);
    return ok(field);
  }

  private entry(index: number | undefined): readonly [string, string] | undefined {
    if (index === undefined || index === 0) return undefined;
    return index <= STATIC.length ? STATIC[index - 1] : this.table[index - STATIC.length - 1];
  }

  private keep(field: readonly [string, string]): void {
    const size = sizeOf(field);
    this.evict(size);
    if (size > this.most) return;
    this.table.unshift(field);
    this.size += size;
  }

  /** Makes room for so much. */
  private evict(room: number): void {
    while (this.table.length > 0 && this.size + room > this.most)
      this.size -= sizeOf(this.table.pop() as readonly [string, string]);
  }

  /** RFC 7541 section 5.1. Undefined: it is cut off, or larger than anything here may be. */
  private number(bits: number): number | undefined {
    const full = 2 ** bits - 1;
    let value = (this.bytes[this.at++] ?? 0) & full;
    if (value < full) return value;
    for (let i = 0; i < MOST_NUMBER_BYTES; i++) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if ((byte & 0x80) === 0) return value;
    }
    return undefined;
  }

  private text(): Result<string, string> {
    const isHuffman = ((this.bytes[this.at] ?? 0) & 0x80) !== 0;
    const length = this.number(7);
    if (length === undefined || this.at + length > this.bytes.length) return err("a text that is cut off");
    const bytes = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return isHuffman ? huffmanText(bytes) : ok(Buffer.from(bytes).toString("latin1"));
  }
}

const sizeOf = ([name, value]: readonly [string, string]): number =>
  name.length + value.length + ENTRY_OVERHEAD;

/** Each as a new name with its value, which nobody is to keep: there may be a password in it. */
export function hpackBytes(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0x10), textBytes(name), textBytes(value)]),
  );
}

function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  if (bytes.length < 0x7f) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const number = [0x7f];
  let rest = bytes.length - 0x7f;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) number.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.of(...number, rest), bytes]);
}
