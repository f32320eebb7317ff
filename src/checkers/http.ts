// Asks the real server for one page over HTTP/1.1, plain or with TLS, and judges the status and the body.
// Redirects are not followed: where one leads is not the real server's health. One connection a check,
// because a kept one would say nothing of whether new ones are taken.

import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";

import type { ValueTypes } from "../config/values.js";
import type { IpAddress } from "../core/address.js";
import { err, ok as okResult, type Result } from "../core/result.js";
import { between, type Instant, type Milliseconds } from "../core/units.js";
import type { Cancel } from "../ports/cancel.js";
import { untilCancelled } from "./cancel.js";
import {
  defineChecker,
  fail,
  ok,
  type CheckContext,
  type CheckResult,
  type FailReason,
  type Phases,
} from "./checker.js";
import { connect, connectOptions, type ConnectOptions } from "./connect.js";
import { bodyProblem, bodyWish, type BodyWish } from "./http-body.js";
import { startTls, tlsOptions, type TlsOptions } from "./tls.js";

type StatusRange = { readonly from: number; readonly to: number };
type HttpOptions = ConnectOptions & {
  readonly method: "GET" | "HEAD";
  readonly path: string;
  readonly host?: string | undefined;
  readonly status: readonly StatusRange[];
  readonly body?: BodyWish | undefined;
  readonly "max-body": number;
};

const httpOptions = (v: ValueTypes) => ({
  method: v.choice(["GET", "HEAD"]).prefault("GET").describe("The request's method."),
  path: v
    .text({ max: 2048, pattern: /^\/[\x21-\x7e]*$/, what: "A path" })
    .prefault("/")
    .describe("What is asked for, with the query if there is one; spaces and other letters as %XX."),
  host: v
    .text({ max: 255, pattern: /^[A-Za-z0-9._:[\]-]+$/, what: "A host" })
    .optional()
    .describe("The Host header; default: the real server's address and port."),
  status: v
    .statusSet()
    .prefault("2xx")
    .describe("The status codes that are good. Redirects are not followed: name them if they are good."),
  body: bodyWish(v).optional().describe("What must be in the body, or its digest."),
  "max-body": v
    .integer({ min: 0, max: 16_777_216, what: "The limit of the body" })
    .prefault(262_144)
    .describe("Bytes of the body that are read. `body` can look at no more."),
  ...connectOptions(v),
});

const hasBody = ({ method, body }: Pick<HttpOptions, "method" | "body">): boolean =>
  method === "GET" || body === undefined;
const HEAD_WITH_BODY = {
  path: ["body"],
  error: "cannot be looked for in the answer to HEAD, which has no body\nLeave out `method`, or `body`.",
};

export const http = defineChecker({
  name: "http",
  summary: "Asks for a page by HTTP, and succeeds when status and body are as wanted.",
  options: (v) => v.section(httpOptions(v)).refine(hasBody, HEAD_WITH_BODY),
  check: (context) => checkHttp(context, undefined),
});

export const https = defineChecker({
  name: "https",
  summary: "As `http`, with TLS.",
  options: (v) => v.section({ ...httpOptions(v), ...tlsOptions(v) }).refine(hasBody, HEAD_WITH_BODY),
  check: (context) => checkHttp(context, context.options),
});

async function checkHttp(
  context: CheckContext<HttpOptions>,
  tls: TlsOptions | undefined,
): Promise<CheckResult> {
  const began = context.now();
  const phases: Record<string, Milliseconds> = {};
  const opened = await connect(context);
  if (!opened.ok) return opened.error;
  const connectedAt = mark(phases, "connect", began, context);
  let socket: Socket = opened.value.socket;
  if (tls !== undefined) {
    const secured = await startTls(
      socket,
      tls,
      context.options.address ?? context.target.address,
      context.cancel,
    );
    mark(phases, "tls", connectedAt, context);
    if (!secured.ok) return fail(secured.error.reason, secured.error.detail, phases);
    socket = secured.value;
  }
  const askedAt = context.now();
  const { address, port } = opened.value.request;
  const host = context.options.host ?? hostHeader(address, port, tls === undefined ? 80 : 443);
  const answer = await ask(socket, host, context.options, context.cancel);
  socket.destroy();
  mark(phases, "answer", askedAt, context);
  if (!answer.ok) return fail(answer.error.reason, answer.error.detail, phases);
  return judge(answer.value, context.options, phases);
}

function mark(
  phases: Record<string, Milliseconds>,
  name: string,
  since: Instant,
  context: CheckContext<unknown>,
): Instant {
  const now = context.now();
  phases[name] = between(since, now);
  return now;
}

function hostHeader(address: IpAddress, port: number, usual: number): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return port === usual ? host : `${host}:${port}`;
}

type Answer = {
  readonly status: number;
  readonly reasonPhrase: string;
  readonly body: Buffer;
  /** Whether there was more than `max-body`. */
  readonly cut: boolean;
};
type Failure = { readonly reason: FailReason; readonly detail: string };

const inSet = (status: number, set: readonly StatusRange[]): boolean =>
  set.some((range) => status >= range.from && status <= range.to);

const setText = (set: readonly StatusRange[]): string =>
  set.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(", ");

function judge(answer: Answer, options: HttpOptions, phases: Phases): CheckResult {
  const seen = `${options.method} ${options.path}: ${answer.status} ${answer.reasonPhrase}`.trimEnd();
  if (!inSet(answer.status, options.status))
    return fail("bad-status", `${seen}, wanted ${setText(options.status)}`, phases);
  if (options.body !== undefined) {
    const problem = bodyProblem(options.body, answer.body);
    if (problem !== undefined) {
      return answer.cut
        ? fail(
            "too-large",
            `${seen}: the body is longer than max-body (${options["max-body"]} bytes); of these: ${problem}`,
            phases,
          )
        : fail("body-mismatch", `${seen}: ${problem}`, phases);
    }
  }
  return ok(seen, phases);
}

/** Sends the request and reads status and body, up to the limit. The caller ends the connection. */
function ask(
  socket: Socket,
  host: string,
  options: HttpOptions,
  cancel: Cancel,
): Promise<Result<Answer, Failure>> {
  let waitingFor = "no answer to the request in time";
  return untilCancelled<Result<Answer, Failure>>(
    cancel,
    () => {
      socket.destroy();
      return err({ reason: "read-timeout", detail: waitingFor });
    },
    (settle) => {
      const request = httpRequest({
        createConnection: () => socket,
        method: options.method,
        path: options.path,
        setHost: false,
        headers: { host, "user-agent": "vipd-check", accept: "*/*", connection: "close" },
        maxHeaderSize: 16_384,
      });
      request.on("error", (error) => {
        settle(err(requestFailure(error)));
      });
      request.on("upgrade", (response: IncomingMessage) => {
        settle(okResult(answerOf(response, [], false)));
      });
      request.on("response", (response) => {
        response.on("error", () => undefined);
        const status = response.statusCode ?? 0;
        // A wrong status is a verdict by itself: its body does not matter.
        if (!inSet(status, options.status)) {
          settle(okResult(answerOf(response, [], false)));
          return;
        }
        const chunks: Buffer[] = [];
        let length = 0;
        const progress = (): string =>
          `${status} came, but not all of the body in time: ${length}${ofLength(response)} bytes`;
        waitingFor = progress();
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          length += chunk.length;
          waitingFor = progress();
          if (length > options["max-body"])
            settle(okResult(answerOf(response, chunks, true, options["max-body"])));
        });
        response.on("end", () => {
          settle(okResult(answerOf(response, chunks, false)));
        });
        response.on("close", () => {
          // After "end" this changes nothing any more.
          settle(
            err({
              reason: "closed-early",
              detail: `the connection ended after ${length}${ofLength(response)} bytes of the body`,
            }),
          );
        });
      });
      request.end();
    },
  );
}

function answerOf(
  response: IncomingMessage,
  chunks: readonly Buffer[],
  cut: boolean,
  limit?: number,
): Answer {
  const body = Buffer.concat(chunks);
  return {
    status: response.statusCode ?? 0,
    reasonPhrase: (response.statusMessage ?? "").slice(0, 60),
    body: limit === undefined ? body : body.subarray(0, limit),
    cut,
  };
}

function ofLength(response: IncomingMessage): string {
  const length = response.headers["content-length"];
  return length === undefined ? "" : ` of ${length}`;
}

function requestFailure(error: NodeJS.ErrnoException): Failure {
  if (error.code === "HPE_HEADER_OVERFLOW")
    return { reason: "too-large", detail: "the header is longer than 16384 bytes" };
  if (error.code?.startsWith("HPE_") === true)
    return { reason: "bad-reply", detail: `not HTTP: ${error.message}` };
  if (error.code === "ECONNRESET")
    return { reason: "closed-early", detail: "the connection ended before the answer" };
  return { reason: "closed-early", detail: error.message };
}
