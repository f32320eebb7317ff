// One request by HTTP/2 (RFC 9113) on an open connection, plain with prior knowledge or over TLS by ALPN, and its answer
// up to the limit. What goes over it is made and read in http2-frames.ts and http2-answer.ts.

import type { Socket } from "node:net";

import { err, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { untilCancelled } from "./cancel.js";
import { Http2Reader } from "./http2-answer.js";
import { requestFrames } from "./http2-frames.js";
import { LARGEST_HEADER, type Answer, type Failure, type HttpRequest } from "./http-request.js";

/** The caller ends the connection. */
export function askHttp2(
  socket: Socket,
  scheme: "http" | "https",
  request: HttpRequest,
  cancel: Cancel,
): Promise<Result<Answer, Failure>> {
  const reader = new Http2Reader(request, (bytes) => void socket.write(bytes));
  return untilCancelled<Result<Answer, Failure>>(
    cancel,
    () => {
      socket.destroy();
      return err({ reason: "read-timeout", detail: reader.waitingFor });
    },
    (settle) => {
      socket.on("data", (bytes: Buffer) => {
        const verdict = reader.push(bytes);
        if (verdict === undefined) return;
        socket.removeAllListeners("data");
        settle(verdict);
      });
      for (const event of ["end", "error", "close"] as const)
        socket.on(event, () => {
          settle(reader.end());
        });
      socket.write(requestFrames(scheme, request, LARGEST_HEADER));
    },
  );
}
