// The headers of HTTP/2: the examples of RFC 7541, what Node's own server writes, and bytes of any kind.

import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { connect } from "node:net";
import { test } from "node:test";

import fc from "fast-check";

import { HpackReader, hpackBytes } from "../../src/checkers/hpack.js";
import { huffmanText } from "../../src/checkers/hpack-huffman.js";
import { FRAME_HEADER, OURS, requestFrames, SETTINGS_SEEN, TYPE } from "../../src/checkers/http2-frames.js";
import { serving } from "./harness.js";

type Field = readonly [string, string];
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
function read(reader: HpackReader, block: Uint8Array): Field[] | string {
  const fields: Field[] = [];
  return reader.read(block, (name, value) => fields.push([name, value]) > 0) ?? fields;
}
const once = (block: Uint8Array): Field[] | string => read(new HpackReader(), block);

const GET: readonly Field[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];

test("the requests of RFC 7541 appendix C.3 and C.4 are read, with the table they keep", () => {
  for (const blocks of [
    [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
  ]) {
    const reader = new HpackReader();
    assert.deepEqual(
      blocks.map((block) => read(reader, hex(block))),
      [
        GET,
        [...GET, ["cache-control", "no-cache"]],
        [
          [":method", "GET"],
          [":scheme", "https"],
          [":path", "/index.html"],
          [":authority", "www.example.com"],
          ["custom-key", "custom-value"],
        ],
      ],
    );
  }
});

test("the answers of RFC 7541 appendix C.6 are read", () => {
  const reader = new HpackReader();
  const rest: readonly Field[] = [
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ];
  const first =
    "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b " +
    "97c8 e9ae 82ae 43d3";
  assert.deepEqual(read(reader, hex(first)), [[":status", "302"], ...rest]);
  assert.deepEqual(read(reader, hex("4883 640e ff c1 c0 bf")), [[":status", "307"], ...rest]);
});

test("what is no header is refused by name", () => {
  for (const [block, problem] of [
    ["80", /not in the table/],
    ["be", /not in the table/],
    ["ff ff ff ff ff 7f", /not in the table/],
    ["0f ff ff ff ff 7f", /number/],
    ["7e 01 61", /not in the table/],
    ["00 05 61", /text that is cut off/],
    ["00 ff", /text that is cut off/],
    ["00 81 00 01 61", /cut off/],
    ["00 84 ff ff ff ff 01 61", /end of a string/],
    ["3f e2 1f", /size of the table/],
    ["82 20", /size of the table/],
  ] as const)
    assert.match(String(once(hex(block))), problem, block);
  // A change to less than it was is in order at the beginning, and empties the table.
  const reader = new HpackReader();
  assert.deepEqual(read(reader, hex("40 01 61 01 62")), [["a", "b"]]);
  assert.deepEqual(read(reader, hex("be")), [["a", "b"]]);
  assert.deepEqual(read(reader, hex("20 82")), [[":method", "GET"]]);
  assert.match(String(read(reader, hex("be"))), /not in the table/);
});

test("the table forgets its oldest entries, and takes none that is larger than itself", () => {
  const reader = new HpackReader();
  const kept = (name: string, value: string): Buffer => {
    const block = hpackBytes([[name, value]]);
    block[0] = 0x40;
    return block;
  };
  const long = "x".repeat(1300);
  for (const name of ["a", "b", "c", "d"]) read(reader, kept(name, long));
  // Three of them have room.
  assert.deepEqual(
    read(reader, hex("be bf c0")),
    ["d", "c", "b"].map((name) => [name, long]),
  );
  assert.match(String(read(reader, hex("c1"))), /not in the table/);
  read(reader, kept("e", "y".repeat(5000)));
  assert.match(String(read(reader, hex("be"))), /not in the table/);
});

test("who has heard enough of a header is told no more of it", () => {
  let heard = 0;
  const problem = new HpackReader().read(Buffer.alloc(16_000, 0x88), () => ++heard < 5);
  assert.deepEqual([problem, heard], [undefined, 5]);
});

test("what is written is read as it was, however long", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "Z", "0", "9", " ", "~", ":", "/"), maxLength: 400 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 20 }), (fields) => {
      assert.deepEqual(once(hpackBytes(fields)), fields);
    }),
  );
  for (const length of [126, 127, 128, 254, 255, 256, 20_000])
    assert.deepEqual(once(hpackBytes([["a", "v".repeat(length)]])), [["a", "v".repeat(length)]]);
});

test("headers that Node's server writes are read as they were, letter by letter", async () => {
  const letters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i));
  const bytes = Array.from({ length: 128 }, (_, i) => String.fromCharCode(0x80 + i));
  const sent: Field[] = [
    ...letters.slice(1).map((letter, i) => [`x-${i}`, letter.repeat(1 + (i % 40))] as const),
    ...bytes.map((letter, i) => [`y-${i}`, `a${letter.repeat(9)}`] as const),
    ["x-all", letters.join("").trim()],
  ];
  const server = createServer((_, response) => {
    response.sendDate = false;
    response.writeHead(200, Object.fromEntries(sent)).end();
  });
  const block = await serving(server as never, (port) => headerBlock(port));
  assert.deepEqual(once(block), [[":status", "200"], ...sent]);
});

test("no bytes trouble the reader", () => {
  const start = fc.constantFrom("", "82", "48826402", "40", "00", "4088 25a8 49e9 5ba9 7d7f 89");
  fc.assert(
    fc.property(start, fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (text, blocks) => {
      const reader = new HpackReader();
      for (const block of blocks) read(reader, Buffer.concat([hex(text), block]));
      for (const block of blocks) huffmanText(block);
    }),
    { numRuns: Number(process.env["VIPD_PACKETS"] ?? 3000) },
  );
});

/** Asks Node's server by hand, and gives the header of its answer as it came. */
function headerBlock(port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", reject);
    socket.write(requestFrames("http", { method: "GET", path: "/", headers: { host: "a" } }, 1_000_000));
    let bytes = Buffer.alloc(0);
    const parts: Buffer[] = [];
    socket.on("data", (more: Buffer) => {
      bytes = Buffer.concat([bytes, more]);
      while (bytes.length >= FRAME_HEADER) {
        const end = FRAME_HEADER + bytes.readUIntBE(0, 3);
        if (bytes.length < end) return;
        const [type, flags, stream] = [bytes[3], bytes[4] ?? 0, bytes.readUInt32BE(5)];
        const payload = bytes.subarray(FRAME_HEADER, end);
        bytes = bytes.subarray(end);
        if (type === TYPE.settings && (flags & 1) === 0) socket.write(SETTINGS_SEEN);
        if (stream !== OURS || (type !== TYPE.headers && type !== TYPE.continuation)) continue;
        parts.push(payload);
        if ((flags & 4) === 0) continue;
        socket.destroy();
        resolve(Buffer.concat(parts));
      }
    });
  });
}
