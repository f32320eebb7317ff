// One request by HTTP/1.1 or 1.0 on an open connection, and its answer up to the limit.

import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";

import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { untilCancelled } from "./cancel.js";
import {
  closedEarly,
  LARGEST_HEADER,
  NO_ANSWER,
  stillComing,
  type Answer,
  type Failure,
  type HttpRequest,
} from "./http-request.js";

/** The caller ends the connection. */
export function askHttp1(
  socket: Socket,
  version: "1.0" | "1.1",
  { method, path, headers, maxBody, isGood, onAnswer }: HttpRequest,
  cancel: Cancel,
): Promise<Result<Answer, Failure>> {
  let waitingFor = NO_ANSWER;
  return untilCancelled<Result<Answer, Failure>>(
    cancel,
    () => {
      socket.destroy();
      return err({ reason: "read-timeout", detail: waitingFor });
    },
    (settle) => {
      if (version === "1.0") speakOldHttp(socket);
      const request = httpRequest({
        createConnection: () => socket,
        method,
        path,
        setHost: false,
        headers: { ...headers, connection: "close" },
        maxHeaderSize: LARGEST_HEADER,
      });
      request.on("error", (error) => {
        settle(err(requestFailure(error)));
      });
      request.on("upgrade", (response: IncomingMessage) => {
        onAnswer();
        settle(ok(answerOf(response, [], false)));
      });
      request.on("response", (response) => {
        onAnswer();
        response.on("error", () => undefined);
        const status = response.statusCode ?? 0;
        if (!isGood(status)) {
          settle(ok(answerOf(response, [], false)));
          return;
        }
        const chunks: Buffer[] = [];
        let length = 0;
        const announced = response.headers["content-length"];
        waitingFor = stillComing(status, 0, announced);
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          length += chunk.length;
          waitingFor = stillComing(status, length, announced);
          if (length > maxBody) settle(ok(answerOf(response, chunks, true, maxBody)));
        });
        response.on("end", () => {
          settle(ok(answerOf(response, chunks, false)));
        });
        response.on("close", () => {
          // After "end" this changes nothing any more.
          settle(err(closedEarly(length, announced)));
        });
      });
      request.end();
    },
  );
}

/** node:http writes no other version than 1.1; a request without a body is one write. */
function speakOldHttp(socket: Socket): void {
  const write = socket.write.bind(socket) as (...args: readonly unknown[]) => boolean;
  socket.write = (data: unknown, ...rest: readonly unknown[]): boolean => {
    socket.write = write;
    const text = typeof data === "string" ? data : Buffer.from(data as Uint8Array).toString("latin1");
    return write(text.replace(" HTTP/1.1\r\n", " HTTP/1.0\r\n"), ...rest);
  };
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

function requestFailure(error: NodeJS.ErrnoException): Failure {
  if (error.code === "HPE_HEADER_OVERFLOW")
    return { reason: "too-large", detail: `the header is longer than ${LARGEST_HEADER} bytes` };
  if (error.code?.startsWith("HPE_") === true)
    return { reason: "bad-reply", detail: `not HTTP: ${error.message}` };
  if (error.code === "ECONNRESET")
    return { reason: "closed-early", detail: "the connection ended before the answer" };
  return { reason: "closed-early", detail: error.message };
}
