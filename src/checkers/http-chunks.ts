// The chunked transfer coding (RFC 9112 section 7.1), byte by byte where it is framing and all at once where it is data.
// Keeps no data; lines of the framing are bounded, so that a server cannot keep us busy with them.

/** Of chunk extensions, and of the trailer, in all. */
const MOST_FRAMING = 16_384;
/** Hexadecimal digits of a size: a number has no more that it can tell apart. */
const MOST_DIGITS = 12;

const CR = 13;
const LF = 10;

/** Where the next byte belongs. */
type Place = "size" | "extension" | "size-end" | "data" | "data-end" | "data-lf" | "trailer" | "trailer-line";

export type ChunkState = "more" | "whole" | { readonly problem: string };

const BAD_SIZE: ChunkState = { problem: "a chunk has no size" };
const BAD_END: ChunkState = { problem: "a chunk is longer than its size" };
const TOO_LONG: ChunkState = {
  problem: `the lines between its chunks are longer than ${MOST_FRAMING} bytes`,
};

export class ChunkReader {
  private place: Place = "size";
  private digits = 0;
  /** Of the chunk, read so far; and then how much of its data is to come. */
  private size = 0;
  private framing = 0;

  /** `data` is told where in `bytes` data lies, and gives whether to go on. */
  push(bytes: Uint8Array, data: (from: number, to: number) => boolean): ChunkState {
    let at = 0;
    while (at < bytes.length) {
      if (this.place === "data") {
        const to = Math.min(bytes.length, at + this.size);
        this.size -= to - at;
        if (this.size === 0) this.place = "data-end";
        if (!data(at, to)) return "more";
        at = to;
        continue;
      }
      const state = this.frame(bytes[at++] as number);
      if (state !== undefined) return state;
    }
    return "more";
  }

  /** A byte of the framing; undefined: go on. */
  private frame(byte: number): ChunkState | undefined {
    switch (this.place) {
      case "size":
        return this.takeSize(byte);
      case "extension":
        if (byte === LF) return this.begin();
        return ++this.framing > MOST_FRAMING ? TOO_LONG : undefined;
      case "size-end":
        return byte === LF ? this.begin() : BAD_SIZE;
      case "data-end":
        if (byte === LF) return this.next();
        this.place = "data-lf";
        return byte === CR ? undefined : BAD_END;
      case "data-lf":
        return byte === LF ? this.next() : BAD_END;
      case "trailer":
        // Its lines say nothing of the body; an empty one ends it.
        if (byte === LF) return "whole";
        if (byte !== CR) this.place = "trailer-line";
        return ++this.framing > MOST_FRAMING ? TOO_LONG : undefined;
      case "trailer-line":
        if (byte === LF) this.place = "trailer";
        return ++this.framing > MOST_FRAMING ? TOO_LONG : undefined;
      case "data":
        return undefined;
    }
  }

  private takeSize(byte: number): ChunkState | undefined {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.size = this.size * 16 + digit;
      return ++this.digits > MOST_DIGITS ? BAD_SIZE : undefined;
    }
    if (this.digits === 0) return BAD_SIZE;
    if (byte === LF) return this.begin();
    if (byte === CR) this.place = "size-end";
    else if (byte === 0x3b || byte === 0x20 || byte === 0x09) this.place = "extension";
    else return BAD_SIZE;
    return undefined;
  }

  private begin(): undefined {
    this.place = this.size === 0 ? "trailer" : "data";
    this.digits = 0;
  }

  private next(): undefined {
    this.place = "size";
    this.size = 0;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
