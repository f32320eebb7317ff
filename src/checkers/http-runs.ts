// The runs of an HTTP check that asks one real server for one page by HTTP/1, without TLS: what they have in common is
// made once, and the same object takes part in all the conversations, one at a time. What comes out is what http.ts says
// of a single run.

import type { IpAddress } from "../core/address.js";
import { err, type Result } from "../core/result.js";
import { between, milliseconds, type Instant } from "../core/units.js";
import type { Conversation, DialFailure, DialRequest } from "../ports/dialer.js";
import { fail, type CheckPlace, type CheckResult, type PreparedCheck, type Settle } from "./checker.js";
import { connectTimeout } from "./connect.js";
import { requestBytes } from "./http-1.js";
import { AnswerReader } from "./http-answer.js";
import { inSet, judge, type PageWish } from "./http-judge.js";
import type { Answer, Failure, HttpRequest } from "./http-request.js";

type Asking = PageWish & Pick<HttpRequest, "headers"> & { readonly version: "1.0" | "1.1" };
/** "connect" until it is open, "first-byte" until the header has come, then "body". */
type Phase = "connect" | "first-byte" | "body";

export class HttpRuns implements PreparedCheck, Conversation {
  private readonly place: Pick<CheckPlace<unknown>, "dialer" | "now">;
  private readonly to: DialRequest;
  private readonly wish: PageWish;
  private readonly request: Uint8Array;
  private readonly reader: AnswerReader;
  private settle: Settle | undefined;
  private close: () => void = () => undefined;
  private phase: Phase = "connect";
  private began: Instant;
  private isStarting = false;
  /** What kept it from beginning at all: told a little later. */
  private early: DialFailure | undefined;
  /** When the phase began. */
  private at: Instant;
  private readonly times = { connect: milliseconds(0), "first-byte": milliseconds(0), body: milliseconds(0) };
  /** The last good answer whose body was not looked at: the next one is mostly the same. */
  private good:
    { readonly status: number; readonly reasonPhrase: string; readonly result: CheckResult } | undefined;

  constructor(
    place: CheckPlace<unknown>,
    to: { readonly address: IpAddress; readonly port: number },
    asking: Asking,
  ) {
    const { method, path, wanted, body, maxBody } = asking;
    const { address, port } = to;
    this.place = place;
    // Whoever lets it run has an eye on the time.
    this.to = { address, port, timeout: milliseconds(Infinity) };
    // Objects that a spread makes each have a shape of their own, and reading them is slow.
    this.wish = { method, path, wanted, body, maxBody };
    this.request = requestBytes(asking.version, asking);
    this.reader = new AnswerReader({
      method,
      maxBody,
      keepBody: body !== undefined,
      isGood: (status) => inSet(status, wanted),
      onAnswer: () => this.enter("body", this.place.now()),
    });
    this.began = this.at = place.now();
  }

  start(settle: Settle, now: Instant): void {
    this.settle = settle;
    this.began = this.at = now;
    this.phase = "connect";
    this.reader.reset();
    this.early = undefined;
    this.isStarting = true;
    this.close = this.place.dialer.converse(this.to, this);
    this.isStarting = false;
    if (this.hasFailed()) void Promise.resolve().then(() => this.tellEarly());
  }

  cancel(): void {
    this.close();
    this.early = undefined;
    const now = this.place.now();
    if (this.phase === "connect") this.end(connectTimeout(between(this.began, now)), now);
    else this.take(err({ reason: "read-timeout", detail: this.reader.waitingFor }), now);
  }

  onOpen(): Uint8Array {
    this.enter("first-byte", this.place.now());
    return this.request;
  }

  onBytes(bytes: Uint8Array): boolean {
    const verdict = this.reader.push(bytes);
    if (verdict !== undefined) this.take(verdict, this.place.now());
    return verdict === undefined;
  }

  onEnd(failure: DialFailure | undefined): void {
    const now = this.place.now();
    if (this.phase !== "connect") this.take(this.reader.end(failure === undefined), now);
    else if (this.isStarting) this.early = failure;
    else if (failure !== undefined) this.endUnconnected(failure, now);
  }

  private hasFailed(): boolean {
    return this.early !== undefined;
  }

  private tellEarly(): void {
    if (this.early !== undefined) this.endUnconnected(this.early, this.place.now());
    this.early = undefined;
  }

  private endUnconnected({ reason, detail }: DialFailure, now: Instant): void {
    this.end(fail(reason, detail, { connect: between(this.began, now) }), now);
  }

  private enter(phase: Phase, now: Instant): void {
    this.times[this.phase] = between(this.at, now);
    this.at = now;
    this.phase = phase;
  }

  private take(verdict: Result<Answer, Failure>, now: Instant): void {
    const last = this.phase;
    this.enter(last, now);
    if (!verdict.ok) {
      const { connect, "first-byte": firstByte, body } = this.times;
      const phases = { connect, "first-byte": firstByte, ...(last === "body" ? { body } : {}) };
      this.end(fail(verdict.error.reason, verdict.error.detail, phases), now);
    } else this.end(this.judged(verdict.value), now);
  }

  private judged(answer: Answer): CheckResult {
    const { wish, times, good } = this;
    if (wish.body !== undefined) return judge(answer, wish, { ...times });
    const { status, reasonPhrase } = answer;
    if (good?.status === status && good.reasonPhrase === reasonPhrase) return good.result;
    const result = judge(answer, wish, times);
    if (result.ok) this.good = { status, reasonPhrase, result };
    return result.ok ? result : { ...result, phases: { ...times } };
  }

  private end(result: CheckResult, now: Instant): void {
    const { settle } = this;
    this.settle = undefined;
    settle?.(result, now);
  }
}
