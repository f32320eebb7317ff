// Succeeds when the real server answers a ping: an ICMP or ICMPv6 echo request. Says that the machine is there, and
// nothing of its services.

import { between, formatDuration, milliseconds } from "../core/units.js";
import { defineChecker, fail, ok } from "./checker.js";
import { routeOf, routeOptions } from "./connect.js";

export const ping = defineChecker({
  name: "ping",
  summary: "Sends an ICMP echo request, and succeeds when the reply comes.",
  options: (v) => v.section(routeOptions(v)),
  async check(context) {
    const route = routeOf(context);
    const began = context.now();
    const answered = await context.echo.ping(route, context.cancel);
    const took = between(began, context.now());
    const phases = { answer: took };
    if (answered.ok) return ok(`reply from ${route.address}`, phases);
    if (!context.cancel.cancelled) return fail(answered.error.reason, answered.error.detail, phases);
    const waited = formatDuration(milliseconds(Math.round(took)));
    return fail("no-reply", `no reply from ${route.address} in ${waited}`, phases);
  },
});
