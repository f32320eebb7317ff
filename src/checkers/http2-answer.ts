// Reads the answer to one request by HTTP/2 (RFC 9113) as its bytes come, until it is whole or its verdict is clear, and
// says what must be sent back meanwhile. What is kept is bounded, and so is what brings the answer no further. Knows no
// connection and no time.

import { err, ok, type Result } from "../core/result.js";
import { BodyBytes } from "./body-bytes.js";
import { HpackReader } from "./hpack.js";
import type { AnswerWish } from "./http-answer.js";
import {
  closedEarly,
  codingOf,
  ENDED_BEFORE,
  LARGEST_HEADER,
  NO_ANSWER,
  stillComing,
  type Answer,
  type Failure,
} from "./http-request.js";
import {
  errorName,
  FLAG,
  frame,
  FRAME_HEADER,
  LARGEST_FRAME,
  OURS,
  SETTINGS_SEEN,
  TYPE,
} from "./http2-frames.js";
import { printableBytes } from "./printable.js";

type Verdict = Result<Answer, Failure>;
type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
};

/** Frames without a part of the answer's body, also those of padding alone: real servers send some ten. */
const MOST_OTHERS = 200;
const NOTHING = Buffer.alloc(0);

const notHttp2 = (what: string): Verdict => err({ reason: "bad-reply", detail: `not HTTP/2: ${what}` });
const refused = (what: string): Verdict =>
  err({ reason: "bad-reply", detail: `the server refuses the request: ${what}` });
const tooLarge = (what: string): Verdict => err({ reason: "too-large", detail: what });
const TOO_MANY = tooLarge(`more than ${MOST_OTHERS} frames without a part of the answer`);

export class Http2Reader {
  private readonly wish: AnswerWish;
  private readonly send: (bytes: Uint8Array) => void;
  private readonly hpack = new HpackReader();
  private pending: Buffer = NOTHING;
  private hasSettings = false;
  private others = 0;
  /** Of a header whose end has not come; `isLast`: nothing follows it. */
  private block: { bytes: Buffer; readonly isLast: boolean } | undefined;
  private status = 0;
  private announced: string | undefined;
  private coding: string | undefined;
  private readonly kept = new BodyBytes();
  private length = 0;

  constructor(wish: AnswerWish, send: (bytes: Uint8Array) => void) {
    this.wish = wish;
    this.send = send;
  }

  get waitingFor(): string {
    return this.status === 0 ? NO_ANSWER : stillComing(this.status, this.length, this.announced);
  }

  /** Undefined: it takes more of them to know. Not to be called after a verdict. */
  push(bytes: Uint8Array): Verdict | undefined {
    this.pending = this.pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.pending, bytes]);
    let at = 0;
    let verdict: Verdict | undefined;
    while (verdict === undefined && this.pending.length - at >= FRAME_HEADER) {
      const { pending } = this;
      const length = pending.readUIntBE(at, 3);
      const type = pending[at + 3] ?? 0;
      if (!this.hasSettings && (type !== TYPE.settings || length > LARGEST_FRAME))
        return notHttp2(
          `it begins with ${JSON.stringify(printableBytes(pending.toString("latin1", 0, 8), 8))}`,
        );
      if (length > LARGEST_FRAME) return notHttp2(`a frame of ${length} bytes`);
      const end = at + FRAME_HEADER + length;
      if (pending.length < end) break;
      const flags = pending[at + 4] ?? 0;
      // Its first bit means nothing.
      const stream = pending.readUInt32BE(at + 5) & 0x7fff_ffff;
      verdict = this.take({ type, flags, stream, payload: pending.subarray(at + FRAME_HEADER, end) });
      at = end;
    }
    // A frame that comes byte by byte is not copied twice for each of them.
    if (at > 0) this.pending = Buffer.from(this.pending.subarray(at));
    return verdict;
  }

  /** The connection has ended. */
  end(): Verdict {
    if (this.pending.length > 0 && !this.hasSettings)
      return notHttp2(`it begins with ${JSON.stringify(printableBytes(this.pending.toString("latin1"), 8))}`);
    return err(this.status === 0 ? ENDED_BEFORE : closedEarly(this.length, this.announced));
  }

  private take(frame: Frame): Verdict | undefined {
    const { type, flags, stream, payload } = frame;
    if (type !== TYPE.data && ++this.others > MOST_OTHERS) return TOO_MANY;
    if (this.block !== undefined && (type !== TYPE.continuation || stream !== OURS))
      return notHttp2("a frame in the middle of a header");
    switch (type) {
      case TYPE.data:
        return this.takeData(frame);
      case TYPE.headers: {
        if (stream !== OURS) return notHttp2("an answer that was not asked for");
        const fragment = unpadded(frame, (flags & FLAG.priority) === 0 ? 0 : 5);
        if (fragment === undefined) return notHttp2("a header with more padding than bytes");
        this.block = { bytes: fragment, isLast: (flags & FLAG.endStream) !== 0 };
        return this.takeBlock(flags);
      }
      case TYPE.continuation:
        if (this.block === undefined) return notHttp2("the rest of a header that did not begin");
        this.block.bytes = Buffer.concat([this.block.bytes, payload]);
        return this.takeBlock(flags);
      case TYPE.reset:
        return this.takeReset(frame);
      case TYPE.settings:
        if (stream !== 0 || payload.length % 6 !== 0) return notHttp2("settings of an odd form");
        this.hasSettings = true;
        if ((flags & FLAG.ack) === 0) this.send(SETTINGS_SEEN);
        return undefined;
      case TYPE.push:
        return notHttp2("an answer that was not asked for");
      case TYPE.ping:
        return this.takePing(frame);
      case TYPE.goAway:
        return this.takeGoAway(frame);
      default:
        // Priorities, windows, and types that are not known yet.
        return undefined;
    }
  }

  private takeData(frame: Frame): Verdict | undefined {
    const bytes = unpadded(frame, 0);
    if (frame.stream !== OURS || this.status === 0 || bytes === undefined)
      return notHttp2("a piece of a body where there is none");
    if (bytes.length === 0 && ++this.others > MOST_OTHERS) return TOO_MANY;
    const { maxBody, keepBody } = this.wish;
    const wanted = Math.min(bytes.length, maxBody - this.length);
    if (keepBody && wanted > 0) this.kept.add(bytes.subarray(0, wanted));
    this.length += bytes.length;
    if (this.length > maxBody) return this.answer(true);
    return (frame.flags & FLAG.endStream) === 0 ? undefined : this.whole();
  }

  /** Unless there is more of it to come. */
  private takeBlock(flags: number): Verdict | undefined {
    const { bytes, isLast } = this.block ?? { bytes: NOTHING, isLast: false };
    if (bytes.length > LARGEST_HEADER) return tooLarge(`the header is longer than ${LARGEST_HEADER} bytes`);
    if ((flags & FLAG.endHeaders) === 0) return undefined;
    this.block = undefined;
    let status = "";
    let announced: string | undefined;
    let coding: string | undefined;
    let size = 0;
    const problem = this.hpack.read(bytes, (name, value) => {
      size += name.length + value.length;
      if (name === ":status") status = value;
      // Of two that differ one is wrong, and so are both together.
      if (name === "content-length" && announced !== value)
        announced = announced === undefined ? value : `${announced}, ${value}`;
      if (name === "content-encoding") coding = codingOf(value);
      return size <= LARGEST_HEADER;
    });
    if (size > LARGEST_HEADER) return tooLarge(`the header is longer than ${LARGEST_HEADER} bytes`);
    if (problem !== undefined) return notHttp2(`a header with ${problem}`);
    // What comes after the body says nothing of it.
    if (this.status !== 0) return isLast ? this.whole() : notHttp2("a header in the middle of a body");
    if (!/^[1-9][0-9]{2}$/.test(status))
      return notHttp2(`its status is ${JSON.stringify(printableBytes(status, 20))}`);
    if (status.startsWith("1")) return isLast ? notHttp2("it ends before its status") : undefined;
    if (announced !== undefined && !/^[0-9]{1,15}$/.test(announced))
      return notHttp2(`its Content-Length is ${JSON.stringify(printableBytes(announced, 60))}`);
    return this.begin(Number(status), announced, coding, isLast);
  }

  private begin(
    status: number,
    announced: string | undefined,
    coding: string | undefined,
    isLast: boolean,
  ): Verdict | undefined {
    const { method, isGood, onAnswer } = this.wish;
    onAnswer();
    Object.assign(this, { status, announced, coding });
    // A status that is not wanted is a verdict by itself.
    if (!isGood(status) || method === "HEAD" || status === 204 || status === 304) return this.answer(false);
    return isLast ? this.whole() : undefined;
  }

  private takeReset({ stream, payload }: Frame): Verdict | undefined {
    if (payload.length !== 4 || stream === 0) return notHttp2("a reset of an odd form");
    if (stream !== OURS) return undefined;
    return this.status === 0 ? refused(errorName(payload.readUInt32BE(0))) : this.end();
  }

  private takePing({ flags, stream, payload }: Frame): Verdict | undefined {
    if (payload.length !== 8 || stream !== 0) return notHttp2("a ping of an odd form");
    if ((flags & FLAG.ack) === 0) this.send(frame(TYPE.ping, FLAG.ack, 0, payload));
    return undefined;
  }

  /** A server that ends what was begun still answers it. */
  private takeGoAway({ stream, payload }: Frame): Verdict | undefined {
    if (payload.length < 8 || stream !== 0) return notHttp2("an end of an odd form");
    const last = payload.readUInt32BE(0) & 0x7fff_ffff;
    const code = payload.readUInt32BE(4);
    if (last >= OURS && code === 0) return undefined;
    return this.status === 0 ? refused(errorName(code)) : this.end();
  }

  private whole(): Verdict {
    const { announced, length } = this;
    if (announced === undefined || Number(announced) === length) return this.answer(false);
    return length < Number(announced)
      ? err(closedEarly(length, announced))
      : notHttp2(`a body of ${length} bytes, and its Content-Length is ${announced}`);
  }

  private answer(cut: boolean): Verdict {
    return ok({ status: this.status, reasonPhrase: "", body: this.kept.all, coding: this.coding, cut });
  }
}

/** Undefined: there is more padding than bytes. `skipped`: bytes in front of what is meant. */
function unpadded({ flags, payload }: Frame, skipped: number): Buffer | undefined {
  const isPadded = (flags & FLAG.padded) !== 0;
  const from = (isPadded ? 1 : 0) + skipped;
  const to = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
  return from > to ? undefined : payload.subarray(from, to);
}
