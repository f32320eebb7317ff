// One request by HTTP/2 on an open connection (RFC 9113), plain with prior knowledge or over TLS by ALPN, and its
// answer up to the limit.

import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";

import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { untilCancelled } from "./cancel.js";
import {
  closedEarly,
  ENDED_BEFORE,
  LARGEST_HEADER,
  NO_ANSWER,
  stillComing,
  type Answer,
  type Failure,
  type HttpRequest,
} from "./http-request.js";

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
  { method, path, headers, maxBody, isGood, onAnswer }: HttpRequest,
  settle: (answer: Result<Answer, Failure>) => void,
  waitFor: (what: string) => void,
): void {
  const { host = "", ...others } = headers;
  const stream = session.request({ ":method": method, ":path": path, ":authority": host, ...others });
  const chunks: Buffer[] = [];
  let length = 0;
  let status = 0;
  let announced: string | undefined;
  const answer = (cut: boolean): Answer => ({
    status,
    reasonPhrase: "",
    body: Buffer.concat(chunks).subarray(0, maxBody),
    cut,
  });
  stream.on("error", (error: NodeJS.ErrnoException) => {
    settle(err(status === 0 ? sessionFailure(error) : closedEarly(length, announced)));
  });
  stream.on("response", (received: IncomingHttpHeaders & { readonly ":status"?: number }) => {
    onAnswer();
    status = received[":status"] ?? 0;
    announced = received["content-length"];
    if (!isGood(status)) settle(ok(answer(false)));
    else waitFor(stillComing(status, 0, announced));
  });
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
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
  if (code.startsWith("ERR_HTTP2")) return { reason: "bad-reply", detail: `not HTTP/2: ${message}` };
  return { reason: "closed-early", detail: message };
}
