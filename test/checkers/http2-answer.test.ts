// Answers by HTTP/2 as bytes, cut anywhere and changed anywhere: whatever the pieces, the verdict is the same; and whatever
// the bytes, there is no exception. A reader that this one has replaced ended the whole process on some of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { hpackBytes } from "../../src/checkers/hpack.js";
import { Http2Reader } from "../../src/checkers/http2-answer.js";
import { FLAG, frame, OURS, requestFrames, TYPE } from "../../src/checkers/http2-frames.js";
import type { Answer, Failure } from "../../src/checkers/http-request.js";
import type { Result } from "../../src/core/result.js";

type Wish = { readonly method?: "GET" | "HEAD"; readonly maxBody?: number; readonly good?: boolean };
type Seen = { readonly verdict: Result<Answer, Failure>; readonly sent: string; readonly answered: number };

/** Reads these pieces, and then the end of the connection if there is no verdict before. */
function read(pieces: readonly Uint8Array[], wish: Wish = {}): Seen {
  let answered = 0;
  let sent = "";
  const reader = new Http2Reader(
    {
      method: wish.method ?? "GET",
      maxBody: wish.maxBody ?? 1000,
      keepBody: true,
      isGood: () => wish.good ?? true,
      onAnswer: () => answered++,
    },
    (bytes) => (sent += Buffer.from(bytes).toString("hex")),
  );
  for (const piece of pieces) {
    // Where the next piece will lie: what is kept must not lie there.
    const shared = Uint8Array.from(piece);
    const verdict = reader.push(shared);
    shared.fill(0x58);
    if (verdict !== undefined) return { verdict, sent, answered };
  }
  return { verdict: reader.end(), sent, answered };
}

const text = (bytes: Uint8Array, wish: Wish = {}): string => {
  const { verdict } = read([bytes], wish);
  if (!verdict.ok) return `${verdict.error.reason}: ${verdict.error.detail}`;
  const { status, body, coding, cut } = verdict.value;
  return `${status}|${body.toString("latin1")}${coding === undefined ? "" : `|${coding}`}${cut ? "|cut" : ""}`;
};

const NONE = Buffer.alloc(0);
const { endStream, endHeaders, padded, priority, ack } = FLAG;
const SETTINGS = frame(TYPE.settings, 0, 0, NONE);
const fields = (status: string, more: readonly (readonly [string, string])[] = []): Buffer =>
  hpackBytes([[":status", status], ...more]);
const head = (status: string, flags = 0, ...more: (readonly [string, string])[]): Buffer =>
  frame(TYPE.headers, flags | endHeaders, OURS, fields(status, more));
const data = (body: string, flags = 0): Buffer => frame(TYPE.data, flags, OURS, Buffer.from(body, "latin1"));
const words = (...numbers: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [i, number] of numbers.entries()) bytes.writeUInt32BE(number, 4 * i);
  return bytes;
};
const OK = head("200");
const GOOD = Buffer.concat([SETTINGS, OK]);

const EXAMPLES: readonly (readonly [what: string, bytes: Buffer, says: string, wish?: Wish])[] = [
  ["a body", Buffer.concat([GOOD, data("hel"), data("lo", endStream)]), "200|hello"],
  ["an empty end", Buffer.concat([GOOD, data("hello"), data("", endStream)]), "200|hello"],
  ["no body", Buffer.concat([SETTINGS, head("204", endStream)]), "204|"],
  ["no body, said by the status", Buffer.concat([SETTINGS, head("204")]), "204|"],
  [
    "an answer to HEAD",
    Buffer.concat([SETTINGS, head("200", endStream, ["content-length", "9"])]),
    "200|",
    { method: "HEAD" },
  ],
  ["a status that is not wanted", Buffer.concat([GOOD, data("x")]), "200|", { good: false }],
  [
    "a body of the length that was announced",
    Buffer.concat([SETTINGS, head("200", 0, ["content-length", "5"]), data("hello", endStream)]),
    "200|hello",
  ],
  [
    "a packed body",
    Buffer.concat([SETTINGS, head("200", 0, ["content-encoding", "br"]), data("x", endStream)]),
    "200|x|br",
  ],
  [
    "two lengths that differ",
    Buffer.concat([SETTINGS, head("200", 0, ["content-length", "5"], ["content-length", "6"])]),
    'bad-reply: not HTTP/2: its Content-Length is "5, 6"',
  ],
  [
    "the same length twice",
    Buffer.concat([
      SETTINGS,
      head("200", 0, ["content-length", "5"], ["content-length", "5"]),
      data("hello", endStream),
    ]),
    "200|hello",
  ],
  ["hints before", Buffer.concat([SETTINGS, head("103"), head("100"), OK, data("x", endStream)]), "200|x"],
  [
    "a trailer",
    Buffer.concat([
      GOOD,
      data("x"),
      frame(TYPE.headers, endStream | endHeaders, OURS, hpackBytes([["a", "b"]])),
    ]),
    "200|x",
  ],
  [
    "a header in parts",
    Buffer.concat([
      SETTINGS,
      frame(TYPE.headers, 0, OURS, fields("200").subarray(0, 4)),
      frame(TYPE.continuation, 0, OURS, NONE),
      frame(TYPE.continuation, endHeaders, OURS, fields("200").subarray(4)),
      data("x", endStream),
    ]),
    "200|x",
  ],
  [
    "padding and a priority",
    Buffer.concat([
      SETTINGS,
      frame(
        TYPE.headers,
        padded | priority | endHeaders,
        OURS,
        Buffer.concat([Buffer.of(3, 0, 0, 0, 0, 9), fields("200"), Buffer.alloc(3)]),
      ),
      frame(
        TYPE.data,
        padded | endStream,
        OURS,
        Buffer.concat([Buffer.of(2), Buffer.from("hello"), Buffer.alloc(2)]),
      ),
    ]),
    "200|hello",
  ],
  [
    "frames that say nothing of it",
    Buffer.concat([
      SETTINGS,
      frame(TYPE.settings, ack, 0, NONE),
      frame(TYPE.windowUpdate, 0, 0, words(1000)),
      frame(TYPE.priority, 0, 3, Buffer.alloc(5)),
      frame(77, 255, 9, Buffer.from("?")),
      frame(TYPE.goAway, 0, 0, words(0x7fff_ffff, 0)),
      frame(TYPE.reset, 0, 3, words(2)),
      OK,
      data("x", endStream),
    ]),
    "200|x",
  ],
  ["more than is read", Buffer.concat([GOOD, data("x".repeat(11))]), "200|xxxxxxxxxx|cut", { maxBody: 10 }],
  [
    "as much as is read",
    Buffer.concat([GOOD, data("x".repeat(10), endStream)]),
    "200|xxxxxxxxxx",
    { maxBody: 10 },
  ],
  ["nothing", NONE, "closed-early: the connection ended before the answer"],
  [
    "HTTP/1",
    Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
    'bad-reply: not HTTP/2: it begins with "HTTP/1.1"',
  ],
  ["half a word", Buffer.from("220 \x1b"), 'bad-reply: not HTTP/2: it begins with "220 ?"'],
  ["no settings", OK, /^bad-reply: not HTTP\/2: it begins with /.source],
  [
    "half an answer",
    Buffer.concat([SETTINGS, OK.subarray(0, 12)]),
    "closed-early: the connection ended before the answer",
  ],
  [
    "half a body",
    Buffer.concat([GOOD, data("half")]),
    "closed-early: the connection ended after 4 bytes of the body",
  ],
  [
    "more than was announced",
    Buffer.concat([SETTINGS, head("200", 0, ["content-length", "4"]), data("hello", endStream)]),
    "bad-reply: not HTTP/2: a body of 5 bytes, and its Content-Length is 4",
  ],
  [
    "less than was announced",
    Buffer.concat([SETTINGS, head("200", 0, ["content-length", "9"]), data("half", endStream)]),
    "closed-early: the connection ended after 4 of 9 bytes of the body",
  ],
  [
    "a reset",
    Buffer.concat([SETTINGS, frame(TYPE.reset, 0, OURS, words(7))]),
    "bad-reply: the server refuses the request: REFUSED_STREAM",
  ],
  [
    "a reset of a body",
    Buffer.concat([GOOD, data("ab"), frame(TYPE.reset, 0, OURS, words(2))]),
    "closed-early: the connection ended after 2 bytes of the body",
  ],
  [
    "an end",
    Buffer.concat([SETTINGS, frame(TYPE.goAway, 0, 0, words(0, 11))]),
    "bad-reply: the server refuses the request: ENHANCE_YOUR_CALM",
  ],
  [
    "an end of an unknown kind",
    Buffer.concat([SETTINGS, frame(TYPE.goAway, 0, 0, words(0, 99))]),
    "bad-reply: the server refuses the request: error 99",
  ],
  [
    "no status",
    Buffer.concat([SETTINGS, frame(TYPE.headers, endHeaders, OURS, hpackBytes([["a", "b"]]))]),
    'bad-reply: not HTTP/2: its status is ""',
  ],
  [
    "no number for a status",
    Buffer.concat([SETTINGS, head("2x\x1b")]),
    'bad-reply: not HTTP/2: its status is "2x?"',
  ],
  [
    "an end before the status",
    Buffer.concat([SETTINGS, head("103", endStream)]),
    "bad-reply: not HTTP/2: it ends before its status",
  ],
  [
    "a length that is none",
    Buffer.concat([SETTINGS, head("200", 0, ["content-length", "-1"])]),
    'bad-reply: not HTTP/2: its Content-Length is "-1"',
  ],
  [
    "a large frame",
    Buffer.concat([SETTINGS, frame(TYPE.data, 0, OURS, Buffer.alloc(16_385))]),
    "bad-reply: not HTTP/2: a frame of 16385 bytes",
  ],
  [
    "a body without a header",
    Buffer.concat([SETTINGS, data("x")]),
    "bad-reply: not HTTP/2: a piece of a body where there is none",
  ],
  [
    "the body of another",
    Buffer.concat([GOOD, frame(TYPE.data, 0, 3, Buffer.from("x"))]),
    "bad-reply: not HTTP/2: a piece of a body where there is none",
  ],
  [
    "more padding than bytes",
    Buffer.concat([GOOD, frame(TYPE.data, padded, OURS, Buffer.of(9, 1))]),
    "bad-reply: not HTTP/2: a piece of a body where there is none",
  ],
  [
    "a promise",
    Buffer.concat([SETTINGS, frame(TYPE.push, endHeaders, OURS, words(2))]),
    "bad-reply: not HTTP/2: an answer that was not asked for",
  ],
  [
    "an answer to nobody",
    Buffer.concat([SETTINGS, frame(TYPE.headers, endHeaders, 3, fields("200"))]),
    "bad-reply: not HTTP/2: an answer that was not asked for",
  ],
  [
    "a rest without a beginning",
    Buffer.concat([SETTINGS, frame(TYPE.continuation, endHeaders, OURS, NONE)]),
    "bad-reply: not HTTP/2: the rest of a header that did not begin",
  ],
  [
    "a frame within a header",
    Buffer.concat([SETTINGS, frame(TYPE.headers, 0, OURS, NONE), data("x")]),
    "bad-reply: not HTTP/2: a frame in the middle of a header",
  ],
  [
    "a header within a body",
    Buffer.concat([GOOD, data("x"), OK]),
    "bad-reply: not HTTP/2: a header in the middle of a body",
  ],
  [
    "odd settings",
    Buffer.concat([SETTINGS, frame(TYPE.settings, 0, 0, Buffer.of(1))]),
    "bad-reply: not HTTP/2: settings of an odd form",
  ],
  [
    "an odd ping",
    Buffer.concat([SETTINGS, frame(TYPE.ping, 0, 0, Buffer.of(1))]),
    "bad-reply: not HTTP/2: a ping of an odd form",
  ],
  [
    "no entry of a table",
    Buffer.concat([SETTINGS, frame(TYPE.headers, endHeaders, OURS, Buffer.of(0xbe))]),
    "bad-reply: not HTTP/2: a header with an entry that is not in the table",
  ],
];

test("an answer by HTTP/2 is read to its end, or to what is wrong with it", () => {
  for (const [what, bytes, says, wish] of EXAMPLES) {
    const said = text(bytes, wish);
    if (says.startsWith("^")) assert.match(said, new RegExp(says), what);
    else assert.equal(said, says, what);
  }
});

test("what a server sends without end is bounded", () => {
  const many = (part: Buffer, times: number): Buffer =>
    Buffer.concat(Array.from({ length: times }, () => part));
  for (const part of [
    SETTINGS,
    frame(TYPE.ping, 0, 0, Buffer.alloc(8)),
    frame(TYPE.windowUpdate, 0, 0, words(1)),
    frame(99, 0, 0, NONE),
    head("103"),
  ])
    assert.match(text(Buffer.concat([SETTINGS, many(part, 1000)])), /^too-large: more than 200 frames/);
  const onlyPadding = frame(TYPE.data, padded, OURS, Buffer.of(2, 0, 0));
  for (const part of [data(""), onlyPadding])
    assert.match(text(Buffer.concat([GOOD, many(part, 1000)])), /^too-large: more than 200 frames/);
  const part = frame(TYPE.continuation, 0, OURS, Buffer.alloc(16_000));
  const begun = Buffer.concat([SETTINGS, frame(TYPE.headers, 0, OURS, NONE)]);
  assert.match(
    text(Buffer.concat([begun, many(part, 9)])),
    /^too-large: the header is longer than 16384 bytes/,
  );
  assert.match(
    text(Buffer.concat([begun, many(frame(TYPE.continuation, 0, OURS, NONE), 999)])),
    /^too-large: more than/,
  );
  // A short header that means a long one.
  const entry = hpackBytes([["a", "x".repeat(3000)]]);
  entry[0] = 0x40;
  const bomb = frame(TYPE.headers, endHeaders, OURS, Buffer.concat([entry, Buffer.alloc(5000, 0xbe)]));
  assert.match(text(Buffer.concat([SETTINGS, bomb])), /^too-large: the header is longer than 16384 bytes/);
});

test("settings and pings are answered, and nothing else", () => {
  const ping = frame(TYPE.ping, 0, 0, Buffer.from("12345678"));
  const pong = frame(TYPE.ping, ack, 0, Buffer.from("12345678"));
  const { sent } = read([Buffer.concat([SETTINGS, frame(TYPE.settings, ack, 0, NONE), ping, pong, OK])]);
  assert.equal(sent, Buffer.concat([frame(TYPE.settings, ack, 0, NONE), pong]).toString("hex"));
});

test("a request with long headers is sent in frames that every server takes", () => {
  const headers = { host: "a", "x-long": "v".repeat(40_000) };
  let rest = requestFrames("http", { method: "GET", path: "/", headers }, 1000);
  rest = rest.subarray("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length);
  const frames: (readonly [type: number | undefined, flags: number | undefined, length: number])[] = [];
  while (rest.length > 0) {
    const length = rest.readUIntBE(0, 3);
    frames.push([rest[3], rest[4], length]);
    rest = rest.subarray(9 + length);
  }
  assert.deepEqual(
    frames.map(([type, flags]) => [type, flags]),
    [
      [TYPE.settings, 0],
      [TYPE.windowUpdate, 0],
      [TYPE.headers, endStream],
      [TYPE.continuation, 0],
      [TYPE.continuation, endHeaders],
    ],
  );
  assert.ok(frames.every(([, , length]) => length <= 16_384));
});

/** The pieces between these places. */
const pieces = (whole: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  return places.slice(1).map((place, i) => whole.subarray(places[i], place));
};
const RUNS = { numRuns: Number(process.env["VIPD_PACKETS"] ?? 3000) };

test("an answer by HTTP/2 cut into any pieces gives the verdict of the whole", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...EXAMPLES),
      fc.array(fc.nat(20_000), { maxLength: 12 }),
      ([, whole, , wish], cuts) => {
        assert.deepEqual(read(pieces(whole, cuts), wish), read([whole], wish));
      },
    ),
    RUNS,
  );
  for (const [what, whole, , wish] of EXAMPLES)
    if (whole.length < 2000)
      assert.deepEqual(
        read(
          Array.from(whole, (byte) => Uint8Array.of(byte)),
          wish,
        ),
        read([whole], wish),
        what,
      );
});

test("answers by HTTP/2 with bytes changed, left out and put in throw nothing, and their pieces make no difference", () => {
  const change = fc.record({ at: fc.nat(400), out: fc.nat(3), into: fc.uint8Array({ maxLength: 20 }) });
  const short = EXAMPLES.filter(([, bytes]) => bytes.length < 1000);
  fc.assert(
    fc.property(
      fc.constantFrom(...short),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(400), { maxLength: 6 }),
      ([, bytes], changes, cuts) => {
        let whole: Buffer = bytes;
        for (const { at, out, into } of changes) {
          const place = at % (whole.length + 1);
          whole = Buffer.concat([whole.subarray(0, place), into, whole.subarray(place + out)]);
        }
        const { verdict } = read([whole]);
        assert.deepEqual(read(pieces(whole, cuts)).verdict, verdict);
        if (!verdict.ok) assert.match(verdict.error.detail, /^[\x20-\x7e]*$/);
      },
    ),
    RUNS,
  );
});
