// Bounds-checked reading and writing of binary data. The byte order stands in every method name: "be" is
// network order, "ne" the order of this host (netlink headers and attributes). A Reader keeps its first
// error and returns zeros afterwards, so that decoders stay flat and ask once, at the end.

/** Netlink talks in host order; every platform vipd ships for (x64, arm64) is little endian. */
export const HOST_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** What was missing: `need` bytes at `offset` of a buffer of `length`. */
export type ShortRead = {
  readonly field: string;
  readonly offset: number;
  readonly need: number;
  readonly length: number;
};

export class Reader {
  readonly bytes: Uint8Array;
  offset: number;
  readonly end: number;
  private readonly view: DataView;
  private firstError: ShortRead | undefined;

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.bytes = bytes;
    this.offset = from;
    this.end = Math.min(to, bytes.length);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get error(): ShortRead | undefined {
    return this.firstError;
  }
  get remaining(): number {
    return this.end - this.offset;
  }

  u8(field: string): number {
    return this.take(field, 1) ? this.view.getUint8(this.offset - 1) : 0;
  }
  u16be(field: string): number {
    return this.take(field, 2) ? this.view.getUint16(this.offset - 2) : 0;
  }
  u32be(field: string): number {
    return this.take(field, 4) ? this.view.getUint32(this.offset - 4) : 0;
  }
  u16ne(field: string): number {
    return this.take(field, 2) ? this.view.getUint16(this.offset - 2, HOST_LITTLE_ENDIAN) : 0;
  }
  u32ne(field: string): number {
    return this.take(field, 4) ? this.view.getUint32(this.offset - 4, HOST_LITTLE_ENDIAN) : 0;
  }
  u64ne(field: string): bigint {
    return this.take(field, 8) ? this.view.getBigUint64(this.offset - 8, HOST_LITTLE_ENDIAN) : 0n;
  }
  i32ne(field: string): number {
    return this.take(field, 4) ? this.view.getInt32(this.offset - 4, HOST_LITTLE_ENDIAN) : 0;
  }
  /** A copy of the next `length` bytes. */
  copy(field: string, length: number): Uint8Array {
    return this.take(field, length)
      ? this.bytes.slice(this.offset - length, this.offset)
      : new Uint8Array(length);
  }
  skip(field: string, length: number): void {
    this.take(field, length);
  }

  /** Marks what lies at the present place as too short for `need` bytes; for a limit within `end` that only the caller knows. */
  fail(field: string, need: number): void {
    this.firstError ??= { field, offset: this.offset, need, length: this.end };
  }

  private take(field: string, need: number): boolean {
    if (this.firstError !== undefined) return false;
    if (need < 0 || this.offset + need > this.end) {
      this.firstError = { field, offset: this.offset, need, length: this.end };
      return false;
    }
    this.offset += need;
    return true;
  }
}

/** Grows as needed; `finish` gives the bytes written. */
export class Writer {
  private bytes: Uint8Array;
  private view: DataView;
  offset = 0;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  u8(value: number): this {
    this.reserve(1);
    this.view.setUint8(this.offset, value);
    this.offset += 1;
    return this;
  }
  u16be(value: number): this {
    this.reserve(2);
    this.view.setUint16(this.offset, value);
    this.offset += 2;
    return this;
  }
  u32be(value: number): this {
    this.reserve(4);
    this.view.setUint32(this.offset, value);
    this.offset += 4;
    return this;
  }
  u16ne(value: number): this {
    this.reserve(2);
    this.view.setUint16(this.offset, value, HOST_LITTLE_ENDIAN);
    this.offset += 2;
    return this;
  }
  u32ne(value: number): this {
    this.reserve(4);
    this.view.setUint32(this.offset, value, HOST_LITTLE_ENDIAN);
    this.offset += 4;
    return this;
  }
  u64ne(value: bigint): this {
    this.reserve(8);
    this.view.setBigUint64(this.offset, value, HOST_LITTLE_ENDIAN);
    this.offset += 8;
    return this;
  }
  raw(value: Uint8Array): this {
    this.reserve(value.length);
    this.bytes.set(value, this.offset);
    this.offset += value.length;
    return this;
  }
  zeros(count: number): this {
    // Padding is mostly none, and to fill nothing costs a call into V8 all the same.
    if (count === 0) return this;
    this.reserve(count);
    this.bytes.fill(0, this.offset, this.offset + count);
    this.offset += count;
    return this;
  }
  /** Overwrites two bytes written earlier, for a length known only at the end. */
  patchU16ne(at: number, value: number): void {
    this.view.setUint16(at, value, HOST_LITTLE_ENDIAN);
  }
  patchU32ne(at: number, value: number): void {
    this.view.setUint32(at, value, HOST_LITTLE_ENDIAN);
  }
  /** The bytes written so far, without a copy: valid until the next write or `reset`. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.offset);
  }
  finish(): Uint8Array {
    return this.bytes.slice(0, this.offset);
  }
  reset(): void {
    this.offset = 0;
  }

  private reserve(count: number): void {
    if (this.offset + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.offset + count));
    grown.set(this.bytes.subarray(0, this.offset));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

/** ASCII text as bytes; a character above 0x7e is refused, because kernel names have none. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e) throw new Error(`not ASCII: ${JSON.stringify(text)}`);
    bytes[i] = code;
  }
  return bytes;
}

/** Bytes up to the first NUL, as text, one character a byte. */
export function asciiText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Reads hexadecimal digits; white space between them is allowed. Throws on anything else. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new Error(`not hexadecimal: ${text}`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** One after the other. A copy. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
