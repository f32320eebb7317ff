// Asks a real server for one page by the version of HTTP that is wanted, with TLS or without, and notes how long each
// part of it took. Whether the answer is good is no business of this file.

import type { Socket } from "node:net";

import { err, ok, type Result } from "../core/result.js";
import { between, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import type { DialRequest } from "../ports/dialer.js";
import { fail, type CheckContext, type CheckResult } from "./checker.js";
import { connect, connectFailed, type ConnectOptions } from "./connect.js";
import { askHttp1, askPlainHttp1 } from "./http-1.js";
import { askHttp2 } from "./http-2.js";
import type { Answer, Failure, HttpRequest, HttpVersion } from "./http-request.js";
import { orRefused, startTls, type Secured, type TlsOptions } from "./tls.js";
import { watch } from "./trace.js";

type PageOptions = ConnectOptions & { readonly version: HttpVersion };
type Context = CheckContext<PageOptions>;

/** Times of all pages together. */
export type Clock = {
  readonly phases: Record<string, Milliseconds>;
  at: Instant;
  /** Whether the header of the page's answer has come. */
  hasAnswer: boolean;
};

/** How the answer came about, or what there is to say where there is none. */
type Asked = Result<{ readonly answer: Answer; readonly warning?: string | undefined }, CheckResult>;

export function askPage(
  context: Context,
  to: DialRequest,
  request: HttpRequest,
  tls: TlsOptions | undefined,
  clock: Clock,
): Promise<Asked> {
  const { version } = context.options;
  return tls === undefined && version !== "2"
    ? askPlainly(context, to, version, request, clock)
    : askByStream(context, request, tls, clock);
}

/** As nearly all checks ask: without TLS, by HTTP/1. */
async function askPlainly(
  context: Context,
  to: DialRequest,
  version: "1.0" | "1.1",
  request: HttpRequest,
  clock: Clock,
): Promise<Asked> {
  const began = clock.at;
  const outcome = await askPlainHttp1(context.dialer, to, version, request, context, () => {
    mark(clock, "connect", context);
  });
  if (outcome.kind === "not-connected") {
    mark(clock, "connect", context);
    return err({ ...connectFailed(outcome.failure, began, context), phases: clock.phases });
  }
  return answered(outcome.answer, clock, context);
}

function answered(
  answer: Result<Answer, Failure>,
  clock: Clock,
  context: Context,
): Result<{ readonly answer: Answer }, CheckResult> {
  mark(clock, clock.hasAnswer ? "body" : "first-byte", context);
  if (answer.ok) return ok({ answer: answer.value });
  return err(fail(answer.error.reason, answer.error.detail, clock.phases));
}

async function askByStream(
  context: Context,
  request: HttpRequest,
  tls: TlsOptions | undefined,
  clock: Clock,
): Promise<Asked> {
  const { options, cancel, trace } = context;
  const { version } = options;
  const opened = await connect(context);
  mark(clock, "connect", context);
  if (!opened.ok) return err({ ...opened.error, phases: clock.phases });
  const secured: Result<Secured | undefined, CheckResult> =
    tls === undefined ? ok(undefined) : await secure(opened.value.socket, tls, clock, context);
  if (!secured.ok) return secured;
  const plain: Socket = secured.value?.socket ?? opened.value.socket;
  const socket = watch(plain, version === "2" ? undefined : trace);
  const answer =
    version === "2"
      ? await askHttp2(
          socket,
          tls === undefined ? "http" : "https",
          // Whoever watches sees the body, too.
          { ...request, keepBody: request.keepBody || trace !== undefined },
          cancel,
        )
      : await askHttp1(socket, version, request, cancel);
  socket.destroy();
  if (version === "2") noteHttp2(context, request, answer);
  const asked = answered(answer, clock, context);
  return asked.ok
    ? ok({ ...asked.value, warning: secured.value?.warning })
    : err(orRefused(asked.error, secured.value));
}

async function secure(
  socket: Socket,
  tls: TlsOptions,
  clock: Clock,
  context: Context,
): Promise<Result<Secured, CheckResult>> {
  const { options, target } = context;
  const isHttp2 = options.version === "2";
  const secured = await startTls(
    socket,
    tls,
    options.address ?? target.address,
    [isHttp2 ? "h2" : "http/1.1"],
    context,
  );
  mark(clock, "tls", context);
  if (!secured.ok) return err(fail(secured.error.reason, secured.error.detail, clock.phases));
  if (isHttp2 && secured.value.socket.alpnProtocol !== "h2") {
    secured.value.socket.destroy();
    return err(fail("bad-reply", "the server does not choose HTTP/2 in the TLS handshake", clock.phases));
  }
  return secured;
}

export function mark(clock: Clock, phase: string, context: CheckContext<unknown>): void {
  const now = context.now();
  clock.phases[phase] = milliseconds((clock.phases[phase] ?? 0) + between(clock.at, now));
  clock.at = now;
}

/** Its frames are binary: what was meant is told in words. */
function noteHttp2(
  { trace }: CheckContext<unknown>,
  { method, path, headers }: HttpRequest,
  answer: Result<Answer, unknown>,
): void {
  trace?.bytes("sent", `${method} ${path} HTTP/2\r\n`);
  for (const [name, value] of Object.entries(headers)) trace?.bytes("sent", `${name}: ${value}\r\n`);
  if (answer.ok) {
    trace?.bytes("received", `HTTP/2 ${answer.value.status}\r\n`);
    trace?.bytes("received", answer.value.body);
  }
}
