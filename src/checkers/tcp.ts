// Succeeds when a TCP connection to the real server opens. Says nothing of what listens there.

import { between } from "../core/units.js";
import { fail, defineChecker, ok } from "./checker.js";
import { connectOptions, dialRequest, endpointText } from "./connect.js";

export const tcp = defineChecker({
  name: "tcp",
  summary: "Connects by TCP, and succeeds when the connection opens.",
  options: (v) => v.section(connectOptions(v)),
  async check(context) {
    const request = dialRequest(context);
    if (!request.ok) return request.error;
    const began = context.now();
    const opened = await context.dialer.probe(request.value, context.cancel);
    const phases = { connect: between(began, context.now()) };
    return opened.ok
      ? ok(`connected to ${endpointText(request.value)}`, phases)
      : fail(opened.error.reason, opened.error.detail, phases);
  },
});
