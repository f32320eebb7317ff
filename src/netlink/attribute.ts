// Netlink attributes (linux/netlink.h, struct nlattr): a 16-bit length, a 16-bit type, the value, padding to four
// bytes. A table names each attribute with its number and codec once, and serves both directions. Unknown
// attributes are passed over, because newer kernels add some. Knows no family.

import { asciiBytes, asciiText, type Reader, type Writer } from "../core/bytes.js";

export const ATTRIBUTE_HEADER_LENGTH = 4;
/** NLA_F_NESTED; some families want it on nests, and none minds. */
const NESTED = 0x8000;
/** NLA_TYPE_MASK: the type without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
export const ATTRIBUTE_TYPE_MASK = 0x3fff;

/** How one value lies in an attribute. `read` is called with at least `minimum` bytes. */
export type Codec<T> = {
  readonly minimum: number;
  /** Set on nests, whose type carries a flag bit. */
  readonly nested?: true;
  write(out: Writer, value: T): void;
  /** Reads `length` bytes at most; where it leaves the reader does not matter. */
  read(input: Reader, length: number): T;
};

export const u8: Codec<number> = {
  minimum: 1,
  write: (out, value) => void out.u8(value),
  read: (input) => input.u8("u8"),
};
/** Host byte order, as nearly all of netlink. */
export const u16: Codec<number> = {
  minimum: 2,
  write: (out, value) => void out.u16ne(value),
  read: (input) => input.u16ne("u16"),
};
/** Network byte order: ports in IPVS. */
export const u16be: Codec<number> = {
  minimum: 2,
  write: (out, value) => void out.u16be(value),
  read: (input) => input.u16be("u16"),
};
export const u32: Codec<number> = {
  minimum: 4,
  write: (out, value) => void out.u32ne(value),
  read: (input) => input.u32ne("u32"),
};
/** As a bigint: counters of bytes pass what a number holds exactly. */
export const u64: Codec<bigint> = {
  minimum: 8,
  write: (out, value) => void out.u64ne(value),
  read: (input) => input.u64ne("u64"),
};
/** ASCII with a NUL at its end. */
export const cstring: Codec<string> = {
  minimum: 0,
  write: (out, value) => void out.raw(asciiBytes(value)).u8(0),
  read: (input, length) => asciiText(input.copy("string", length)),
};
export const binary: Codec<Uint8Array> = {
  minimum: 0,
  write: (out, value) => void out.raw(value),
  read: (input, length) => input.copy("bytes", length),
};
/** Attributes within an attribute. */
export function nested<S extends Spec>(table: AttributeTable<S>): Codec<Values<S>> {
  return {
    minimum: 0,
    nested: true,
    write: (out, values) => table.write(out, values),
    read: (input, length) => table.read(input, length),
  };
}

export type Spec = { readonly [name: string]: readonly [number, Codec<unknown>] };
/** The values a table reads and writes. Every attribute is optional: the kernel leaves out what it does not know. */
export type Values<S extends Spec> = { [K in keyof S]?: S[K][1] extends Codec<infer T> ? T : never };

export type AttributeTable<S extends Spec> = {
  /** Appends the attributes that have a value, in the table's order. */
  write(out: Writer, values: Values<S>): void;
  /** Reads the attributes in the next `length` bytes and leaves the reader behind them; its error is set on bad lengths. */
  read(input: Reader, length: number): Values<S>;
};

type Entry = { readonly name: string; readonly type: number; readonly codec: Codec<unknown> };

/** `attributes({ family: [1, u16], port: [4, u16be] })` */
export function attributes<const S extends Spec>(spec: S): AttributeTable<S> {
  const entries: Entry[] = Object.entries(spec).map(([name, [type, codec]]) => ({ name, type, codec }));
  const byType: (Entry | undefined)[] = [];
  for (const entry of entries) byType[entry.type] = entry;
  return {
    write(out, values) {
      for (const { name, type, codec } of entries) {
        const value: unknown = values[name];
        if (value !== undefined) writeOne(out, type, codec, value);
      }
    },
    read(input, length) {
      const values: Record<string, unknown> = {};
      readAll(input, length, byType, values);
      return values as Values<S>;
    },
  };
}

function writeOne(out: Writer, type: number, codec: Codec<unknown>, value: unknown): void {
  const start = out.offset;
  out.u16ne(0).u16ne(codec.nested === true ? type | NESTED : type);
  codec.write(out, value);
  const length = out.offset - start;
  if (length > 0xffff) throw new Error(`netlink attribute ${type} of ${length} bytes is too long`);
  out.patchU16ne(start, length);
  out.zeros(-length & 3);
}

function readAll(
  input: Reader,
  length: number,
  byType: readonly (Entry | undefined)[],
  values: Record<string, unknown>,
): void {
  const end = input.offset + length;
  // Fewer bytes than a header at the end are padding.
  while (input.error === undefined && end - input.offset >= ATTRIBUTE_HEADER_LENGTH) {
    const start = input.offset;
    const size = input.u16ne("attribute length");
    const type = input.u16ne("attribute type") & ATTRIBUTE_TYPE_MASK;
    const entry = byType[type];
    const room = Math.min(size, end - start) - ATTRIBUTE_HEADER_LENGTH;
    if (size < ATTRIBUTE_HEADER_LENGTH || start + size > end)
      return input.fail(entry?.name ?? `attribute ${type}`, size);
    if (entry !== undefined) {
      if (room < entry.codec.minimum) return input.fail(entry.name, entry.codec.minimum);
      values[entry.name] = entry.codec.read(input, room);
    }
    input.offset = Math.min(start + size + (-size & 3), end);
  }
  if (input.error === undefined) input.offset = end;
}
