// One request by HTTP/2 (RFC 9113) on an open connection, plain with prior knowledge or over TLS by ALPN, and its answer
// up to the limit. What goes over it is made and read in http2-frames.ts and http2-answer.ts.

import type { Socket } from "node:net";

import type { Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { converse } from "./http-conversation.js";
import { Http2Reader } from "./http2-answer.js";
import { requestFrames } from "./http2-frames.js";
import { LARGEST_HEADER, type Answer, type Failure, type HttpRequest } from "./http-request.js";

/** The caller ends the connection. */
export const askHttp2 = (
  socket: Socket,
  scheme: "http" | "https",
  request: HttpRequest,
  cancel: Cancel,
): Promise<Result<Answer, Failure>> =>
  converse(
    socket,
    requestFrames(scheme, request, LARGEST_HEADER),
    new Http2Reader(request, (bytes) => void socket.write(bytes)),
    cancel,
  );
