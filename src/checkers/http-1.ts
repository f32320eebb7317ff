// One request by HTTP/1.1 or 1.0, and its answer up to the limit: on a connection of its own as bytes, and on one that
// is open already, with TLS on it, as a stream. What the answer means is read by http-answer.ts for both.

import type { Socket } from "node:net";

import { err, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import type { Dialer, DialFailure, DialRequest } from "../ports/dialer.js";
import { untilCancelled } from "./cancel.js";
import { AnswerReader } from "./http-answer.js";
import { converse } from "./http-conversation.js";
import type { Answer, Failure, HttpRequest } from "./http-request.js";
import type { Trace } from "./trace.js";

/** What a check over plain HTTP comes to: an answer, or what failed, before the connection was open or later. */
export type Outcome =
  | { readonly kind: "not-connected"; readonly failure: DialFailure }
  | { readonly kind: "asked"; readonly answer: Result<Answer, Failure> };

/** `onOpen` is told when the connection is open. */
export function askPlainHttp1(
  dialer: Dialer<Socket>,
  to: DialRequest,
  version: "1.0" | "1.1",
  request: HttpRequest,
  { cancel, trace }: { readonly cancel: Cancel; readonly trace?: Trace | undefined },
  onOpen: () => void,
): Promise<Outcome> {
  const reader = new AnswerReader(request);
  let isOpen = false;
  let close: () => void = () => undefined;
  return untilCancelled<Outcome>(
    cancel,
    () => {
      close();
      return isOpen
        ? asked(err({ reason: "read-timeout", detail: reader.waitingFor }))
        : { kind: "not-connected", failure: { reason: "connect-timeout", detail: "cancelled" } };
    },
    (settle) => {
      close = dialer.converse(to, {
        onOpen: () => {
          isOpen = true;
          onOpen();
          const bytes = requestBytes(version, request);
          trace?.bytes("sent", bytes);
          return bytes;
        },
        onBytes: (bytes) => {
          trace?.bytes("received", bytes);
          const verdict = reader.push(bytes);
          if (verdict !== undefined) settle(asked(verdict));
          return verdict === undefined;
        },
        onEnd: (failure) => {
          settle(
            isOpen || failure === undefined
              ? asked(reader.end(failure === undefined))
              : { kind: "not-connected", failure },
          );
        },
      });
    },
  );
}

const asked = (answer: Result<Answer, Failure>): Outcome => ({ kind: "asked", answer });

/** The caller ends the connection. */
export const askHttp1 = (
  socket: Socket,
  version: "1.0" | "1.1",
  request: HttpRequest,
  cancel: Cancel,
): Promise<Result<Answer, Failure>> =>
  converse(socket, requestBytes(version, request), new AnswerReader(request), cancel);

export function requestBytes(
  version: "1.0" | "1.1",
  { method, path, headers }: Pick<HttpRequest, "method" | "path" | "headers">,
): Buffer {
  let text = `${method} ${path} HTTP/${version}\r\n`;
  for (const name in headers) text += `${name}: ${headers[name] ?? ""}\r\n`;
  return Buffer.from(`${text}connection: close\r\n\r\n`, "latin1");
}
