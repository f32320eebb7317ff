// Holds a dialogue with a server, step by step: sends, and waits for what must come. For every protocol of text, or of
// bytes, that has no checker of its own. TLS from the start, or in the middle of the dialogue (STARTTLS).

import type { Socket } from "node:net";

import type { ValueTypes } from "../config/values.js";
import { err, ok as okResult, type Result } from "../core/result.js";
import { between, milliseconds, type Milliseconds } from "../core/units.js";
import { ByteReader, type ByteFailure } from "./byte-reader.js";
import { defineChecker, fail, type CheckContext, type CheckResult } from "./checker.js";
import { connect, connectOptions, type ConnectOptions } from "./connect.js";
import {
  excerpt,
  pattern,
  patternEnd,
  patternProblem,
  patternText,
  tooSlow,
  type Pattern,
} from "./pattern.js";
import { payload, payloadBytes, type Payload } from "./payload.js";
import {
  HALF_A_PAIR,
  hasKeyPair,
  ISSUERS_UNUSED,
  orRefused,
  readsFiles,
  speaksTlsIfMeant,
  startTls,
  tlsOptions,
  tlsProblem,
  usesIssuers,
  type Secured,
  type TlsOptions,
} from "./tls.js";
import { regexBudget } from "./regex.js";
import { watch } from "./trace.js";

/** Of processor time, for the regular expressions of a whole dialogue: each is tried anew with each piece that comes. */
const ALL_SEARCHES_MS = 500;

type Step = {
  readonly send?: Payload | undefined;
  readonly "send-line"?: string | undefined;
  readonly expect?: Pattern | undefined;
  readonly "expect-line"?: Pattern | undefined;
  readonly "start-tls"?: boolean | undefined;
};
type ExpectOptions = ConnectOptions &
  TlsOptions & {
    readonly tls: boolean;
    readonly steps: readonly Step[];
    readonly "max-reply": number;
  };

const step = (v: ValueTypes) =>
  v
    .section({
      send: payload(v).optional().describe("Sends this, as it is written."),
      "send-line": v.text({ max: 4096 }).optional().describe("Sends this line, with CR LF at its end."),
      expect: pattern(v)
        .optional()
        .describe("Waits until this has come since the last step that waited, wherever it stands."),
      "expect-line": pattern(v)
        .optional()
        .describe("Waits for the next line, in which this must be; any other line fails the check at once."),
      "start-tls": v.flag().optional().describe("`true`: the connection goes on with TLS from here."),
    })
    .refine((written) => Object.values(written).filter((value) => value !== undefined).length === 1, {
      error: "must do exactly one thing\nWrite one of: send, send-line, expect, expect-line, start-tls.",
    });

export const expect = defineChecker({
  name: "expect",
  summary: "Connects, sends and waits as it is told to, and succeeds when everything came.",
  options: (v) =>
    v
      .section({
        steps: v
          .list(step(v), { min: 1, max: 50 })
          .describe("What is done, in this order: each with one of the keys below."),
        tls: v.flag().prefault(false).describe("Whether the connection begins with TLS."),
        "max-reply": v
          .integer({ min: 1, max: 1_048_576, what: "The limit of a reply" })
          .prefault(65_536)
          .describe("Bytes that may come before a step has found what it waits for."),
        ...tlsOptions(v),
        ...connectOptions(v),
      })
      .refine(
        ({ tls, steps }) => steps.filter((one) => one["start-tls"] === true).length + (tls ? 1 : 0) <= 1,
        { path: ["steps"], error: "starts TLS twice\nLeave out `tls`, or all but one `start-tls`." },
      )
      .refine(hasKeyPair, HALF_A_PAIR)
      .refine(usesIssuers, ISSUERS_UNUSED)
      .refine(
        (options) =>
          speaksTlsIfMeant(options.tls || options.steps.some((one) => one["start-tls"] === true), options),
        {
          error:
            "has options of TLS, and speaks none\nAdd `tls: true` or a step `start-tls: true`, or leave them out.",
        },
      ),
  mayHaveProblem: (options) => readsFiles(options),
  problem: (context) => tlsProblem(context),
  check: (context) => converse(context),
});

async function converse(context: CheckContext<ExpectOptions>): Promise<CheckResult> {
  const { options, now } = context;
  const phases: Record<string, Milliseconds> = {};
  const began = now();
  const opened = await connect(context);
  if (!opened.ok) return opened.error;
  const connectedAt = now();
  phases["connect"] = between(began, connectedAt);
  const dialogue = new Dialogue(opened.value.socket, context);
  const secured = options.tls ? await dialogue.startTls() : okResult(null);
  const verdict = secured.ok ? await dialogue.run(options.steps) : secured.error;
  dialogue.end(verdict.ok);
  const { tls } = dialogue;
  if (tls !== undefined) phases["tls"] = tls;
  phases["answer"] = milliseconds(between(connectedAt, now()) - (tls ?? 0));
  return { ...verdict, phases };
}

class Dialogue {
  private socket: Socket;
  private reader: ByteReader;
  private last = "";
  /** How long it took to begin TLS. */
  tls: Milliseconds | undefined;
  private secured: Secured | undefined;
  private readonly context: CheckContext<ExpectOptions>;
  private readonly budget = regexBudget(ALL_SEARCHES_MS);

  constructor(socket: Socket, context: CheckContext<ExpectOptions>) {
    this.context = context;
    this.socket = watch(socket, context.options.tls ? undefined : context.trace);
    socket.on("error", () => undefined);
    this.reader = new ByteReader(socket, context.options["max-reply"]);
  }

  async run(steps: readonly Step[]): Promise<CheckResult> {
    for (const [i, one] of steps.entries()) {
      const failed = await this.step(one);
      if (failed === undefined) continue;
      const { reason, detail } = orRefused(failed, this.secured) as typeof failed;
      return fail(reason, `step ${i + 1}: ${detail}`);
    }
    const done = steps.length === 1 ? "1 step" : `${steps.length} steps`;
    const detail = this.last === "" ? done : `${done}, the last reply: ${this.last}`;
    return { ok: true, detail, phases: {}, warning: this.secured?.warning };
  }

  /** What is underway to the server still leaves when all went well. */
  end(isWell: boolean): void {
    if (isWell) this.socket.destroySoon();
    else this.socket.destroy();
  }

  async startTls(): Promise<Result<null, CheckResult & { readonly ok: false }>> {
    // Whoever sits between could have put words in the server's mouth, which would count as said under TLS.
    if (this.reader.pending.length > 0)
      return err(
        failed("bad-reply", `the server goes on talking where TLS begins: ${excerpt(this.reader.pending)}`),
      );
    this.reader.release();
    const { options, target } = this.context;
    const peer = options.address ?? target.address;
    const began = this.context.now();
    const secured = await startTls(this.socket, options, peer, [], this.context);
    this.tls = between(began, this.context.now());
    if (!secured.ok) return err(failed(secured.error.reason, secured.error.detail));
    this.socket = watch(secured.value.socket, this.context.trace);
    this.secured = secured.value;
    this.reader = new ByteReader(this.socket, options["max-reply"]);
    return okResult(null);
  }

  private async step(one: Step): Promise<(CheckResult & { readonly ok: false }) | undefined> {
    if (one.send !== undefined) this.socket.write(payloadBytes(one.send));
    if (one["send-line"] !== undefined) this.socket.write(`${one["send-line"]}\r\n`);
    if (one.expect !== undefined) return this.waitFor(one.expect);
    if (one["expect-line"] !== undefined) return this.waitForLine(one["expect-line"]);
    if (one["start-tls"] !== true) return undefined;
    const secured = await this.startTls();
    return secured.ok ? undefined : secured.error;
  }

  private async waitFor(wanted: Pattern): Promise<(CheckResult & { readonly ok: false }) | undefined> {
    const found = await this.reader.find((bytes) => {
      const end = patternEnd(wanted, bytes, this.budget);
      return end === undefined ? "slow" : end < 0 ? undefined : end;
    }, this.context.cancel);
    if (!found.ok) return this.missing(found.error, `${patternText(wanted)} did not come`);
    if (found.value === "slow") return failed("wrong-reply", tooSlow(wanted, this.reader.pending));
    this.last = excerpt(this.reader.pending.subarray(0, found.value));
    this.reader.take(found.value);
    return undefined;
  }

  private async waitForLine(wanted: Pattern): Promise<(CheckResult & { readonly ok: false }) | undefined> {
    const found = await this.reader.find((bytes) => {
      const end = bytes.indexOf(0x0a);
      return end < 0 ? undefined : end + 1;
    }, this.context.cancel);
    if (!found.ok) return this.missing(found.error, "no line came");
    const length = found.value;
    const { pending } = this.reader;
    const line = pending.subarray(0, length > 1 && pending[length - 2] === 0x0d ? length - 2 : length - 1);
    this.reader.take(length);
    this.last = excerpt(line);
    const problem = patternProblem(wanted, line, "the line");
    return problem === undefined ? undefined : failed("wrong-reply", problem);
  }

  private missing(failure: ByteFailure, what: string): CheckResult & { readonly ok: false } {
    const { pending } = this.reader;
    const seen = pending.length === 0 ? "" : `; there were ${excerpt(pending)}`;
    switch (failure) {
      case "read-timeout":
        return failed(failure, `${what} in time${seen}`);
      case "closed-early":
        return failed(failure, `${what} before the connection ended${seen}`);
      case "too-large":
        return failed(failure, `${what} in ${pending.length} bytes${seen}`);
    }
  }
}

const failed = (...args: Parameters<typeof fail>): CheckResult & { readonly ok: false } =>
  fail(...args) as CheckResult & { readonly ok: false };
