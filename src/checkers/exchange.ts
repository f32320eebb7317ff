// One question to one server by UDP, for every checker that asks so: sends a datagram, and shows each one that comes
// back to whoever judges, until a verdict, an error or the deadline.

import { err, ok, type Result } from "../core/result.js";
import { between, formatDuration, milliseconds } from "../core/units.js";
import type { DatagramSocket } from "../ports/datagram.js";
import { untilCancelled } from "./cancel.js";
import { fail, type CheckContext, type CheckResult } from "./checker.js";
import { dialRequest, endpointText, type ConnectOptions } from "./connect.js";

export type Judge = {
  /** What a datagram means; undefined: it is not for us, and waiting goes on. */
  readonly datagram: (bytes: Buffer) => CheckResult | undefined;
  /** What it means that none came; `text` says so for people. */
  readonly silence: (text: string) => CheckResult;
};

export async function exchange(
  context: CheckContext<ConnectOptions>,
  question: Uint8Array,
  judge: Judge,
): Promise<CheckResult> {
  const request = dialRequest(context);
  if (!request.ok) return request.error;
  const began = context.now();
  let socket: DatagramSocket | undefined;
  const outcome = await untilCancelled<Result<CheckResult, "silence">>(
    context.cancel,
    () => err("silence"),
    (settle) => {
      const opened = context.datagrams.open(request.value, {
        onDatagram: (bytes) => {
          context.trace?.bytes("received", bytes);
          const verdict = judge.datagram(Buffer.from(bytes));
          if (verdict !== undefined) settle(ok(verdict));
        },
        onFailure: ({ reason, detail }) => settle(ok(fail(reason, detail))),
      });
      if (opened.ok) socket = opened.value;
      if (opened.ok) context.trace?.bytes("sent", question);
      const sent = opened.ok ? opened.value.send(question) : opened;
      if (!sent.ok) settle(ok(fail(sent.error.reason, sent.error.detail)));
    },
  );
  socket?.close();
  const took = between(began, context.now());
  const waited = formatDuration(milliseconds(Math.round(took)));
  const verdict = outcome.ok
    ? outcome.value
    : judge.silence(`no reply from ${endpointText(request.value)} in ${waited}`);
  return { ...verdict, phases: { answer: took } };
}
