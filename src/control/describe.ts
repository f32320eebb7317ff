// The words for people: one line for each event, readable without knowing vipd, with the figures that led to
// the decision. Knows nothing of where the line goes. Here is whose words each event needs.

import { unreachable } from "../core/never.js";
import { describeChecks } from "./describe-checks.js";
import { describeDaemon } from "./describe-daemon.js";
import { describeOrder } from "./describe-orders.js";
import { describeVrrp } from "./describe-vrrp.js";
import type { Description } from "./description.js";
import type { VipdEvent } from "./event.js";

export function describe(event: VipdEvent): Description {
  switch (event.kind) {
    case "vrrp-transition":
    case "vrrp-clients":
    case "vrrp-priority":
    case "vrrp-rejected":
    case "vrrp-second-master":
    case "vrrp-taken-over":
    case "vrrp-address-conflict":
    case "vrrp-address-restored":
    case "vrrp-stale-address-removed":
    case "vrrp-second-path":
    case "vrrp-note":
    case "realtime":
      return describeVrrp(event);
    case "check-changed":
    case "check-failed-once":
    case "check-held":
    case "check-warning":
    case "server-changed":
    case "server-weighed":
    case "quorum-changed":
    case "mass-failure":
    case "server-drained":
    case "script-output":
    case "table-applied":
    case "table-failed":
    case "sync-daemon":
      return describeChecks(event);
    case "order-given":
    case "order-ended":
    case "window-changed":
      return describeOrder(event);
    case "process-started":
    case "process-exited":
    case "config-loaded":
    case "config-rejected":
    case "notified":
    case "alerted":
    case "warning":
    case "note":
    case "upgrading":
    case "upgrade-failed":
    case "upgraded":
    case "stopping":
    case "stopped":
    case "ready":
      return describeDaemon(event);
    default:
      return unreachable(event);
  }
}
