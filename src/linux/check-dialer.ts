// The connections of checks, made by our own connect: with mark, interface and source. The deadline is the
// caller's cancellation, not a timer of the connect: the caller knows when this process was late itself.

import type { Socket } from "node:net";

import { err, ok, type Result } from "../core/result.js";
import { formatDuration, milliseconds } from "../core/units.js";
import type { Cancel } from "../ports/cancel.js";
import type { Dialer, DialFailure, DialRequest } from "../ports/dialer.js";
import { dial, dialAndClose, type DialTarget } from "./dial.js";

export const checkDialer: Dialer<Socket> = {
  dial: (request, cancel) => cancellable(request, cancel, dial),
  async probe(request, cancel) {
    const opened = await cancellable(request, cancel, dialAndClose);
    return opened.ok ? ok(null) : opened;
  },
};

/** Far beyond any cancellation, so that the connect's own timer never speaks first. */
const BACKSTOP = milliseconds(5000);

async function cancellable<T>(
  request: DialRequest,
  cancel: Cancel,
  open: (target: DialTarget) => Promise<Result<T, DialFailure>>,
): Promise<Result<T, DialFailure>> {
  const controller = new AbortController();
  const forget = cancel.onCancel(() => {
    controller.abort();
  });
  const timeout = milliseconds(request.timeout + BACKSTOP);
  const opened = await open({ ...request, timeout, cancel: controller.signal });
  forget();
  if (opened.ok || !controller.signal.aborted) return opened;
  return err({ reason: "connect-timeout", detail: `no answer to the connect in ${formatDuration(request.timeout)}` });
}
