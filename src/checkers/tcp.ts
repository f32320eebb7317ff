// Succeeds when a TCP connection to the real server opens. Says nothing of what listens there.

import { between } from "../core/units.js";
import { defineChecker, ok } from "./checker.js";
import { connectFailed, connectOptions, dialRequest, endpointText } from "./connect.js";

export const tcp = defineChecker({
  name: "tcp",
  summary: "Connects by TCP, and succeeds when the connection opens.",
  options: (v) => v.section(connectOptions(v)),
  async check(context) {
    const request = dialRequest(context);
    if (!request.ok) return request.error;
    const began = context.now();
    const opened = await context.dialer.probe(request.value, context.cancel);
    if (!opened.ok) return connectFailed(opened.error, began, context);
    return ok(`connected to ${endpointText(request.value)}`, { connect: between(began, context.now()) });
  },
});
