// One question and its answer over a socket that is open already: what comes is given to a reader until that has its
// verdict. What is asked, and what the bytes mean, each version of HTTP knows for itself.

import type { Socket } from "node:net";

import { err, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import { untilCancelled } from "./cancel.js";
import type { Answer, Failure } from "./http-request.js";

type Verdict = Result<Answer, Failure>;

export type AnswerBytes = {
  /** Undefined while it wants more. */
  push(bytes: Buffer): Verdict | undefined;
  /** Nothing more comes. `clean`: the peer said so, and the connection was not broken off. */
  end(clean: boolean): Verdict;
  /** For people: what it lacks. */
  readonly waitingFor: string;
};

/** The caller ends the connection. */
export function converse(
  socket: Socket,
  question: Uint8Array,
  reader: AnswerBytes,
  cancel: Cancel,
): Promise<Verdict> {
  return untilCancelled<Verdict>(
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
          settle(reader.end(event === "end"));
        });
      socket.write(question);
    },
  );
}
