// One request by HTTP/2 on an open connection (RFC 9113), plain with prior knowledge or over TLS by ALPN, and its
// answer up to the limit.

import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";

import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { BodyBytes } from "./body-bytes.js";
import { untilCancelled } from "./cancel.js";
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

const MOST_INFORMATIONAL = 100;

/** Ends the connection. */
export async function askHttp2(
  socket: Socket,
  scheme: "http" | "https",
  request: HttpRequest,
  cancel: Cancel,
): Promise<Result<Answer, Failure>> {
  // Megabytes that only those load who check by HTTP/2.
  const { connect } = await import("node:http2");
  let waitingFor = NO_ANSWER;
  let session: ClientHttp2Session | undefined;
  const answer = await untilCancelled<Result<Answer, Failure>>(
    cancel,
    () => err({ reason: "read-timeout", detail: waitingFor }),
    (settle) => {
      session = connect(`${scheme}://${request.headers["host"] ?? "localhost"}`, {
        createConnection: () => socket,
        settings: { enablePush: false, maxHeaderListSize: LARGEST_HEADER },
      });
      session.on("error", (error: NodeJS.ErrnoException) => settle(err(sessionFailure(error))));
      session.on("close", () => settle(err(ENDED_BEFORE)));
      ask(session, request, settle, (what) => (waitingFor = what));
    },
  );
  session?.destroy();
  socket.destroy();
  return answer;
}

function ask(
  session: ClientHttp2Session,
  { method, path, headers, maxBody, keepBody, isGood, onAnswer }: HttpRequest,
  settle: (answer: Result<Answer, Failure>) => void,
  waitFor: (what: string) => void,
): void {
  const { host = "", ...others } = headers;
  const stream = session.request({ ":method": method, ":path": path, ":authority": host, ...others });
  const kept = new BodyBytes();
  let coding: string | undefined;
  let informational = 0;
  let length = 0;
  let status = 0;
  let announced: string | undefined;
  const answer = (cut: boolean): Answer => ({
    status,
    reasonPhrase: "",
    body: kept.all,
    coding,
    cut,
  });
  stream.on("error", (error: NodeJS.ErrnoException) => {
    settle(err(status === 0 ? sessionFailure(error) : closedEarly(length, announced)));
  });
  // Answers before the answer, of which there may be some.
  stream.on("headers", () => {
    if (++informational > MOST_INFORMATIONAL)
      settle(err({ reason: "too-large", detail: `more than ${MOST_INFORMATIONAL} informational answers` }));
  });
  stream.on("response", (received: IncomingHttpHeaders & { readonly ":status"?: number }) => {
    onAnswer();
    status = received[":status"] ?? 0;
    announced = received["content-length"];
    coding = codingOf(received["content-encoding"]);
    if (!isGood(status)) settle(ok(answer(false)));
    else waitFor(stillComing(status, 0, announced));
  });
  stream.on("data", (chunk: Buffer) => {
    if (keepBody && length < maxBody) kept.add(chunk.subarray(0, maxBody - length));
    length += chunk.length;
    waitFor(stillComing(status, length, announced));
    if (length > maxBody) settle(ok(answer(true)));
  });
  // Of a stream that is reset "end" comes, too.
  stream.on("close", () => {
    const isWhole =
      stream.rstCode === 0 && (announced === undefined || method === "HEAD" || Number(announced) === length);
    settle(
      status === 0
        ? err({ reason: "closed-early", detail: "the answer ended before its header" })
        : isWhole
          ? ok(answer(false))
          : err(closedEarly(length, announced)),
    );
  });
  stream.end();
}

function sessionFailure(error: NodeJS.ErrnoException): Failure {
  const { code = "", message } = error;
  if (code === "ECONNRESET" || code === "EPIPE") return ENDED_BEFORE;
  const refusal = /error code NGHTTP2_(\w+)/.exec(message)?.[1];
  if (code === "ERR_HTTP2_STREAM_ERROR" && refusal !== undefined)
    return { reason: "bad-reply", detail: `the server refuses the request: ${refusal}` };
  if (code.startsWith("ERR_HTTP2")) return { reason: "bad-reply", detail: `not HTTP/2: ${message}` };
  return { reason: "closed-early", detail: message };
}
