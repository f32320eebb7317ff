// The words for what the daemon itself does: its processes, its configuration, its programs and messages, its upgrade.

import { unreachable } from "../core/never.js";
import { count } from "../core/words.js";
import type { OrderEvent } from "./describe-orders.js";
import type { ChecksEvent } from "./describe-checks.js";
import type { VrrpEvent } from "./describe-vrrp.js";
import { NAMED_AT_MOST, type Description } from "./description.js";
import type { ProcessName, VipdEvent } from "./event.js";
import { span } from "./reason.js";

export type DaemonEvent = Exclude<VipdEvent, VrrpEvent | ChecksEvent | OrderEvent>;

const processName: Record<ProcessName, string> = {
  supervisor: "supervisor",
  vrrp: "VRRP process",
  checks: "check process",
};

export function describeDaemon(event: DaemonEvent): Description {
  switch (event.kind) {
    case "process-started": {
      const again = event.restarts === 0 ? "" : `, restart number ${event.restarts}`;
      return {
        level: "info",
        subject: "vipd",
        text: `${processName[event.process]} started (pid ${event.pid}${again})`,
      };
    }
    case "process-exited": {
      const next =
        event.restart_ms === null
          ? ""
          : event.restart_ms === 0
            ? "; starting it again at once"
            : `; starting it again in ${span(event.restart_ms)}`;
      return {
        level: event.restart_ms === null ? "info" : "error",
        subject: "vipd",
        text: `${processName[event.process]} (pid ${event.pid}) ended: ${event.how}${next}`,
      };
    }
    case "config-loaded": {
      const size = `${count(event.instances, "VRRP instance")}, ${count(event.services, "service")}, ${count(event.servers, "real server")}`;
      const shown = event.changes.slice(0, NAMED_AT_MOST).join("; ");
      const more =
        event.changes.length > NAMED_AT_MOST ? `; and ${event.changes.length - NAMED_AT_MOST} more` : "";
      const changes = shown === "" ? "" : `; changed: ${shown}${more}`;
      return {
        level: "notice",
        subject: "config",
        text: `loaded ${event.path} as node ${event.node}: ${size}${changes}`,
      };
    }
    case "config-rejected": {
      // Problems are in the order of the file; a warning among them rejected nothing.
      const first = event.problems.find((line) => !WARNING.test(line)) ?? event.problems[0];
      const why = first === undefined ? "unknown reason" : withoutPath(first, event.path);
      const more =
        event.problems.length > 1 ? ` (and ${event.problems.length - 1} more; run "vipd check")` : "";
      return {
        level: "error",
        subject: "config",
        text: `${event.path} was rejected, nothing changed: ${why}${more}`,
      };
    }
    case "notified": {
      const who = `notify ${event.group ? "group " : ""}${event.subject}`;
      const waited = event.waited_ms < 100 ? "" : `, after waiting for ${span(event.waited_ms)}`;
      return {
        level: event.ok ? "info" : "error",
        subject: who,
        text: `${event.state}: ${event.program}: ${event.result} (took ${span(event.took_ms)}${waited})`,
      };
    }
    case "alerted":
      return { level: event.ok ? "info" : "error", subject: `alerts ${event.target}`, text: event.text };
    case "warning":
      return { level: "warning", subject: event.subject, text: event.text };
    case "note":
      return { level: "notice", subject: event.subject, text: event.text };
    case "upgrading":
      return { level: "notice", subject: "vipd", text: `upgrade: a successor starts, pid ${event.pid}` };
    case "upgrade-failed":
      return {
        level: "error",
        subject: "vipd",
        text: `not upgraded, everything goes on as before: ${event.why.split("\n")[0] ?? ""}`,
      };
    case "upgraded":
      return {
        level: "notice",
        subject: "vipd",
        text: `upgraded: vipd ${event.from} -> ${event.to}, pid ${event.pid} goes on; VRRP paused for ${span(event.pause_ms)}`,
      };
    case "stopping":
      return { level: "notice", subject: "vipd", text: `stopping: ${event.why}` };
    case "stopped":
      return { level: "notice", subject: "vipd", text: "stopped" };
    case "ready":
      return {
        level: "notice",
        subject: "vipd",
        text: `vipd ${event.version} is ready as node ${event.node}`,
      };
    default:
      return unreachable(event);
  }
}

/** As summarizeDiagnostic (config/diagnostic.ts) writes it: "file:line:column: warning: ...". */
const WARNING = /:\d+:\d+: warning: /;

/** "/a.yaml:3:5: error: ..." as "line 3, column 5: error: ..." where the file was named already. */
const withoutPath = (problem: string, path: string): string => {
  if (!problem.startsWith(`${path}:`)) return problem;
  const rest = problem.slice(path.length + 1).trimStart();
  return rest.replace(/^(\d+):(\d+): /, "line $1, column $2: ");
};
