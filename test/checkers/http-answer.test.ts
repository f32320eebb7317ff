// Answers as bytes, cut anywhere: whatever the pieces, the verdict is the same; and whatever the bytes, there is no
// exception.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AnswerReader } from "../../src/checkers/http-answer.js";
import type { Answer, Failure } from "../../src/checkers/http-request.js";
import type { Result } from "../../src/core/result.js";

type Wish = {
  readonly method?: "GET" | "HEAD";
  readonly maxBody?: number;
  readonly good?: boolean;
  readonly keepBody?: boolean;
};
type Seen = { readonly verdict: Result<Answer, Failure>; readonly answered: boolean };

/** Reads these pieces, and then the end of the connection if there is no verdict before. */
function read(pieces: readonly Uint8Array[], wish: Wish = {}, clean = true): Seen {
  let answers = 0;
  const reader = new AnswerReader({
    method: wish.method ?? "GET",
    maxBody: wish.maxBody ?? 1000,
    keepBody: wish.keepBody ?? true,
    isGood: () => wish.good ?? true,
    onAnswer: () => answers++,
  });
  for (const piece of pieces) {
    // Where the next piece will lie: what is kept must not lie there.
    const shared = Uint8Array.from(piece);
    const verdict = reader.push(shared);
    shared.fill(0x58);
    if (verdict !== undefined) return { verdict, answered: answers === 1 };
  }
  return { verdict: reader.end(clean), answered: answers === 1 };
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const one = (text: string, wish: Wish = {}, clean = true): string => {
  const { verdict } = read([bytes(text)], wish, clean);
  if (!verdict.ok) return `${verdict.error.reason}: ${verdict.error.detail}`;
  const { status, reasonPhrase, body, cut } = verdict.value;
  return `${status} ${reasonPhrase}|${body.toString("latin1")}${cut ? "|cut" : ""}`;
};

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const EXAMPLES: readonly (readonly [answer: string, verdict: string, wish?: Wish])[] = [
  [`${OK}Content-Length: 5\r\n\r\nhello`, "200 OK|hello"],
  [`${OK}Content-Length: 5\r\n\r\nhello and more`, "200 OK|hello"],
  [`${OK}content-length:5 \r\ncontent-length: 5\r\n\r\nhello`, "200 OK|hello"],
  [`${OK}Content-Length: 0\r\n\r\n`, "200 OK|"],
  [`${OK}Content-Length: 5\r\n\r\nhell`, "closed-early: the connection ended after 4 of 5 bytes of the body"],
  ["HTTP/1.0 200 OK\r\n\r\nall of it", "200 OK|all of it"],
  ["HTTP/1.0 200\n\nall of it", "200 |all of it"],
  [`${OK}Content-Length: 100\r\n\r\nanything`, "200 OK|", { method: "HEAD" }],
  ["HTTP/1.1 204 No Content\r\n\r\nx", "204 No Content|"],
  ["HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 Not Modified|"],
  ["HTTP/1.1 503 Out\r\nContent-Length: 9\r\n\r\n", "503 Out|", { good: false }],
  [
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx",
    "200 OK|x",
  ],
  ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbinary", "101 Switching Protocols|"],
  [`${CHUNKED}5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n`, "200 OK|hello world"],
  [`${CHUNKED}A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n`, "200 OK|0123456789"],
  [`${OK}Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`, "200 OK|x"],
  [`${CHUNKED}5\r\nhel`, "closed-early: the connection ended after 3 bytes of the body"],
  [`${CHUNKED}5\r\nhello!\r\n`, "bad-reply: not HTTP: a chunk is longer than its size"],
  [`${CHUNKED}x\r\n`, "bad-reply: not HTTP: a chunk has no size"],
  [`${CHUNKED}fffffffffffff\r\n`, "bad-reply: not HTTP: a chunk has no size"],
  [
    `${CHUNKED}1;${"x".repeat(20_000)}\r\n`,
    "bad-reply: not HTTP: the lines between its chunks are longer than 16384 bytes",
  ],
  [
    `${CHUNKED}0\r\n${"X: y\r\n".repeat(4000)}\r\n`,
    "bad-reply: not HTTP: the lines between its chunks are longer than 16384 bytes",
  ],
  [`${OK}Content-Length: 20\r\n\r\n01234567890123456789`, "200 OK|0123456789|cut", { maxBody: 10 }],
  [`${OK}\r\n0123456789`, "200 OK|0123456789", { maxBody: 10 }],
  [`${OK}\r\n0123456789a`, "200 OK|0123456789|cut", { maxBody: 10 }],
  [`${CHUNKED}b\r\n0123456789a`, "200 OK|0123456789|cut", { maxBody: 10 }],
  ["220 mail.example.org ESMTP\r\n", 'bad-reply: not HTTP: it begins with "220 mai"'],
  ["HTTP/2.0 200 OK\r\n\r\n", 'bad-reply: not HTTP: it begins with "HTTP/2."'],
  ["HTTP/1.1 0 OK\r\n\r\n", 'bad-reply: not HTTP: its first line is "HTTP/1.1 0 OK"'],
  [`${OK}no field\r\n\r\n`, 'bad-reply: not HTTP: a line of its header is "no field"'],
  [`${OK}a b: c\r\n\r\n`, 'bad-reply: not HTTP: a line of its header is "a b: c"'],
  [`${OK}X: a\r\n folded\r\nContent-Length: 1\r\n\r\nx`, "200 OK|x"],
  [`${OK}Content-Length: -1\r\n\r\n`, 'bad-reply: not HTTP: its Content-Length is "-1"'],
  [`${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 'bad-reply: not HTTP: its Content-Length is "2"'],
  [
    `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    "bad-reply: not HTTP: it has both Content-Length and Transfer-Encoding",
  ],
  [`${OK}X: ${"y".repeat(20_000)}\r\n\r\n`, "too-large: the header is longer than 16384 bytes"],
  ["HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), "too-large: the header is longer than 16384 bytes"],
  ["HTTP/1.1 200 OK", "closed-early: the connection ended before the answer"],
  ["HTT", "closed-early: the connection ended before the answer"],
  ["", "closed-early: the connection ended before the answer"],
];

test("an answer is read to its end, or to what is wrong with it", () => {
  for (const [answer, verdict, wish] of EXAMPLES)
    assert.equal(one(answer, wish), verdict, answer.slice(0, 80));
});

test("a connection that breaks is no end of a body", () => {
  assert.equal(
    one(`${OK}\r\nhalf`, {}, false),
    "closed-early: the connection ended after 4 bytes of the body",
  );
});

/** The same bytes in other pieces. */
const pieces = (whole: Buffer, cuts: readonly number[]): Buffer[] => {
  const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  return places.slice(1).map((place, i) => whole.subarray(places[i], place));
};
const SEEDS = Number(process.env["VIPD_PACKETS"] ?? 3000);

test("an answer cut into any pieces gives the verdict of the whole", () => {
  const cuts = fc.array(fc.nat(25_000), { maxLength: 12 });
  fc.assert(
    fc.property(
      fc.constantFrom(...EXAMPLES),
      cuts,
      fc.boolean(),
      fc.boolean(),
      ([answer, , given], places, clean, keepBody) => {
        const whole = bytes(answer);
        const wish = { ...given, keepBody };
        assert.deepEqual(read(pieces(whole, places), wish, clean), read([whole], wish, clean));
      },
    ),
    { numRuns: SEEDS },
  );
  // Whole answers without a body that is looked at are read in a short way.
  for (const [answer, , given] of EXAMPLES)
    for (const keepBody of [true, false]) {
      const [whole, wish] = [bytes(answer), { ...given, keepBody }];
      if (whole.length > 2000) continue;
      const single = Array.from(whole, (byte) => Uint8Array.of(byte));
      assert.deepEqual(read(single, wish), read([whole], wish));
    }
});

test("answers with bytes changed, left out and put in throw nothing, and their pieces make no difference", () => {
  const change = fc.record({ at: fc.nat(400), out: fc.nat(3), into: fc.uint8Array({ maxLength: 4 }) });
  fc.assert(
    fc.property(
      fc.constantFrom(...EXAMPLES.map(([answer]) => answer).filter((answer) => answer.length < 1000)),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(400), { maxLength: 6 }),
      fc.boolean(),
      (answer, changes, places, keepBody) => {
        let whole = bytes(answer);
        for (const { at, out, into } of changes) {
          const place = at % (whole.length + 1);
          whole = Buffer.concat([whole.subarray(0, place), into, whole.subarray(place + out)]);
        }
        assert.deepEqual(read(pieces(whole, places), { keepBody }), read([whole], { keepBody }));
      },
    ),
    { numRuns: SEEDS },
  );
});

test("random bytes throw nothing", () => {
  const start = fc.constantFrom("", "HTTP/1.1 ", OK, `${OK}\r\n`, CHUNKED);
  fc.assert(
    fc.property(start, fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (text, rest) => {
      const all = Buffer.concat([bytes(text), ...rest]);
      assert.deepEqual(read([bytes(text), ...rest]), read([all]));
    }),
    { numRuns: SEEDS },
  );
});
