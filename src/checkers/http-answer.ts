// Reads an answer of HTTP/1.1 or 1.0 (RFC 9112) as its bytes come, in whatever pieces, until it is whole or its verdict
// is clear. Every byte is looked at in its order, so that the pieces make no difference; what is kept is bounded. Knows
// no connection and no time.

import { err, ok, type Result } from "../core/result.js";
import { BodyBytes } from "./body-bytes.js";
import { ChunkReader } from "./http-chunks.js";
import {
  closedEarly,
  codingOf,
  ENDED_BEFORE,
  LARGEST_HEADER,
  NO_ANSWER,
  stillComing,
  type Answer,
  type Failure,
  type HttpRequest,
} from "./http-request.js";
import { printableBytes } from "./printable.js";

export type AnswerWish = Pick<HttpRequest, "method" | "maxBody" | "keepBody" | "isGood" | "onAnswer">;
type Verdict = Result<Answer, Failure>;

/** How the end of the body is known (RFC 9112 section 6.3). */
type Body =
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked"; readonly chunks: ChunkReader }
  | { readonly kind: "until-close" };

const START = "HTTP/1.";
/** An empty line ends a header; lines of a bare LF are taken, too (RFC 9112 section 2.2). */
const HEADER_END = /\n\r?\n/g;
const STATUS_LINE = /^HTTP\/1\.[0-9] ([1-9][0-9]{2})(?: (.*))?$/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const SWITCHING = 101;
/** A whole header as nearly all are, of an answer that is not informational: nothing in it needs a closer look. */
const USUAL_HEAD =
  /^HTTP\/1\.[0-9] ([2-9][0-9]{2})(?: ([^\r\n]*))?\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*\r\n/;
/** What says where the body ends: a length as it should be, or something else. */
const FRAMING = /\n(?:content-length:[ \t]*([0-9]{1,15})[ \t]*\r|content-length|transfer-encoding)/gi;
/** Of which the header is looked for at once. */
const USUAL_PIECE = 4096;

const EMPTY = Buffer.alloc(0);

const notHttp = (what: string): Verdict => err({ reason: "bad-reply", detail: `not HTTP: ${what}` });
const TOO_LARGE: Verdict = err({
  reason: "too-large",
  detail: `the header is longer than ${LARGEST_HEADER} bytes`,
});

export class AnswerReader {
  private readonly wish: AnswerWish;
  /** Of the header, one character a byte; informational answers are taken out. */
  private head = "";
  private informational = 0;
  private status = 0;
  private reasonPhrase = "";
  private announced: string | undefined;
  private body: Body | undefined;
  /** Most answers leave nothing behind. */
  private kept: BodyBytes | undefined;
  private coding: string | undefined;
  private length = 0;

  constructor(wish: AnswerWish) {
    this.wish = wish;
  }

  /** For another answer. */
  reset(): void {
    this.head = "";
    this.informational = 0;
    this.announced = undefined;
    this.body = undefined;
    this.kept = undefined;
    this.coding = undefined;
    this.length = 0;
  }

  /** What has not come yet, for people. */
  get waitingFor(): string {
    return this.body === undefined ? NO_ANSWER : stillComing(this.status, this.length, this.announced);
  }

  /** The bytes are not kept. Undefined: it takes more of them to know. Not to be called after a verdict. */
  push(bytes: Uint8Array): Verdict | undefined {
    if (this.body !== undefined) return this.pushBody(this.body, bytes);
    const isFirst = this.head === "" && this.informational === 0;
    return (isFirst ? this.pushUsual(bytes) : undefined) ?? this.pushHead(bytes);
  }

  /** An answer that comes at once, without a body that is looked at. Undefined: it is another one, or not whole. */
  private pushUsual(bytes: Uint8Array): Verdict | undefined {
    if (this.wish.keepBody || bytes.length > USUAL_PIECE) return undefined;
    const text = latin1(bytes);
    const match = USUAL_HEAD.exec(text);
    if (match === null) return undefined;
    const [{ length }, code, reasonPhrase = ""] = match;
    const head = text.slice(0, length);
    FRAMING.lastIndex = 0;
    const framing = FRAMING.exec(head);
    // The line before the next one ends with what this one has taken in.
    if (framing !== null && (framing[1] === undefined || FRAMING.test(head))) return undefined;
    const status = Number(code);
    const { method, isGood, onAnswer, maxBody } = this.wish;
    const isAll = method === "HEAD" || status === 204 || status === 304 || !isGood(status);
    const body = isAll ? 0 : framing === null ? Infinity : Number(framing[1]);
    if (body > bytes.length - length || body > maxBody) return undefined;
    this.status = status;
    this.reasonPhrase = printableBytes(reasonPhrase, 60);
    onAnswer();
    return this.answer(false);
  }

  /** The connection has ended; `clean`: by the server's own wish. */
  end(clean: boolean): Verdict {
    if (this.body === undefined && !this.head.startsWith(START.slice(0, this.head.length)))
      return this.noAnswer();
    if (this.body === undefined) return err(ENDED_BEFORE);
    if (clean && this.body.kind === "until-close") return this.answer(false);
    return err(closedEarly(this.length, this.announced));
  }

  private pushHead(bytes: Uint8Array): Verdict | undefined {
    // A byte more than there may be is enough to see that it is too long.
    const room = LARGEST_HEADER + 1 - this.informational - this.head.length;
    let before = this.head.length;
    this.head += latin1(bytes.subarray(0, room));
    for (;;) {
      const line = this.head.indexOf("\n");
      if ((line >= 0 || this.head.length >= START.length) && !this.head.startsWith(START))
        return this.noAnswer();
      if (line >= 0 && !this.readStatusLine(this.head.slice(0, line)))
        return notHttp(`its first line is ${quoted(this.head.slice(0, line))}`);
      // Before these bytes there was no end, but perhaps a part of one.
      HEADER_END.lastIndex = Math.max(0, line, before - 2);
      const end = HEADER_END.exec(this.head);
      if (end === null) return this.head.length + this.informational > LARGEST_HEADER ? TOO_LARGE : undefined;
      const length = HEADER_END.lastIndex;
      if (length + this.informational > LARGEST_HEADER) return TOO_LARGE;
      if (this.status >= 200 || this.status === SWITCHING) {
        const verdict = this.takeHeader(this.head.slice(line + 1, end.index + 1));
        if (verdict !== undefined) return verdict;
        return this.pushBody(this.body as Body, bytes.subarray(length - before));
      }
      this.informational += length;
      this.head = this.head.slice(length);
      before -= length;
      if (this.head === "") return undefined;
    }
  }

  private noAnswer(): Verdict {
    const [start = ""] = this.head.split("\n", 1);
    return notHttp(`it begins with ${quoted(start.slice(0, START.length))}`);
  }

  private readStatusLine(line: string): boolean {
    const match = STATUS_LINE.exec(line.replace(/\r$/, ""));
    if (match === null) return false;
    this.status = Number(match[1]);
    this.reasonPhrase = printableBytes(match[2] ?? "", 60);
    return true;
  }

  /** The lines after the first one. A verdict when there is nothing to wait for. */
  private takeHeader(lines: string): Verdict | undefined {
    let coding = "";
    for (const line of unfolded(lines)) {
      const colon = line.indexOf(":");
      const name = line.slice(0, Math.max(0, colon));
      if (!FIELD_NAME.test(name) || /[\r\0]/.test(line))
        return notHttp(`a line of its header is ${quoted(line)}`);
      const value = line.slice(colon + 1).trim();
      // Most have another length than these three.
      const isLikely = name.length === 14 || name.length === 16 || name.length === 17;
      const lower = isLikely ? name.toLowerCase() : "";
      if (lower === "content-encoding") this.coding = codingOf(value);
      if (lower === "transfer-encoding") coding = coding === "" ? value : `${coding}, ${value}`;
      if (lower !== "content-length") continue;
      if (!/^[0-9]{1,15}$/.test(value) || (this.announced !== undefined && this.announced !== value))
        return notHttp(`its Content-Length is ${quoted(value)}`);
      this.announced = value;
    }
    if (coding !== "" && this.announced !== undefined)
      return notHttp("it has both Content-Length and Transfer-Encoding");
    const { method, isGood, onAnswer } = this.wish;
    onAnswer();
    const { status } = this;
    const hasNone = method === "HEAD" || status === 204 || status === 304 || status === SWITCHING;
    // A status that is not wanted is a verdict by itself.
    if (hasNone || !isGood(status)) return this.answer(false);
    this.body = bodyOf(coding, this.announced);
    return this.body.kind === "length" && this.body.length === 0 ? this.answer(false) : undefined;
  }

  private pushBody(body: Body, bytes: Uint8Array): Verdict | undefined {
    switch (body.kind) {
      case "until-close":
        return this.take(bytes, 0, bytes.length);
      case "length": {
        const verdict = this.take(bytes, 0, Math.min(bytes.length, body.length - this.length));
        return verdict ?? (this.length === body.length ? this.answer(false) : undefined);
      }
      case "chunked": {
        let cut: Verdict | undefined;
        const state = body.chunks.push(bytes, (from, to) => {
          cut = this.take(bytes, from, to);
          return cut === undefined;
        });
        if (cut !== undefined) return cut;
        if (state === "more") return undefined;
        return state === "whole" ? this.answer(false) : notHttp(state.problem);
      }
    }
  }

  /** Bytes of the body. A verdict when there are more than are wanted. */
  private take(bytes: Uint8Array, from: number, to: number): Verdict | undefined {
    const { maxBody, keepBody } = this.wish;
    const wanted = Math.min(to - from, maxBody - this.length);
    if (keepBody && wanted > 0) (this.kept ??= new BodyBytes()).add(bytes.subarray(from, from + wanted));
    this.length += to - from;
    return this.length > maxBody ? this.answer(true) : undefined;
  }

  private answer(cut: boolean): Verdict {
    const { status, reasonPhrase, kept, coding } = this;
    return ok({ status, reasonPhrase, body: kept === undefined ? EMPTY : kept.all, coding, cut });
  }
}

function bodyOf(coding: string, announced: string | undefined): Body {
  if (/(?:^|,)[ \t]*chunked$/i.test(coding)) return { kind: "chunked", chunks: new ChunkReader() };
  return coding !== "" || announced === undefined
    ? { kind: "until-close" }
    : { kind: "length", length: Number(announced) };
}

/** The lines without their ends; one that begins with white space belongs to the one before (RFC 9112 section 5.2). */
function unfolded(lines: string): readonly string[] {
  if (lines === "") return [];
  return lines
    .replace(/\r?\n[ \t]+/g, " ")
    .replace(/\r?\n$/, "")
    .split(/\r?\n/);
}

const quoted = (line: string): string => JSON.stringify(printableBytes(line.replace(/\r$/, ""), 60));

const latin1 = (bytes: Uint8Array): string =>
  (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).toString(
    "latin1",
  );
