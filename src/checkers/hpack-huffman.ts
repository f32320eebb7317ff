// The Huffman code of HTTP/2's headers (RFC 7541 appendix B). It is a canonical one: the lengths of the codes say all. Pure.

import { err, ok, type Result } from "../core/result.js";

/** Of each byte, in bits; the last one is the end of a string, of which only the beginning ever stands there. */
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const END = 256;
/** What is left over of the last byte is filled with the first bits of the end: ones. */
const MOST_PADDING = 7;

/** Two branches a node: the number of the next one, or what a code means, as -1 less that. 0: there is none. */
let tree: Int32Array | undefined;

function makeTree(): Int32Array {
  const nodes: number[] = [0, 0];
  const bySize = LENGTHS.map((length, symbol) => ({ length, symbol })).sort(
    (a, b) => a.length - b.length || a.symbol - b.symbol,
  );
  let code = 0;
  let before = bySize[0]?.length ?? 0;
  for (const { length, symbol } of bySize) {
    code *= 2 ** (length - before);
    before = length;
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const branch = 2 * node + ((code >>> bit) & 1);
      if (bit === 0) nodes[branch] = -1 - symbol;
      else if ((nodes[branch] ?? 0) === 0) {
        nodes[branch] = nodes.length / 2;
        nodes.push(0, 0);
      }
      node = nodes[branch] ?? 0;
    }
    code++;
  }
  return Int32Array.from(nodes);
}

/** One character a byte. */
export function huffmanText(bytes: Uint8Array): Result<string, string> {
  const nodes = (tree ??= makeTree());
  const decoded: number[] = [];
  let node = 0;
  let pending = 0;
  let onlyOnes = true;
  for (const byte of bytes)
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >> bit) & 1;
      const next = nodes[2 * node + one] ?? 0;
      pending++;
      if (one === 0) onlyOnes = false;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (-1 - next === END) return err("a Huffman code for the end of a string");
      decoded.push(-1 - next);
      node = 0;
      pending = 0;
      onlyOnes = true;
    }
  return pending > MOST_PADDING || !onlyOnes
    ? err("a Huffman code that is cut off")
    : ok(Buffer.from(decoded).toString("latin1"));
}
