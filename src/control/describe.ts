// The words for people: one line for each event, readable without knowing vipd, with the figures that led to
// the decision. Knows nothing of where the line goes.

import { unreachable } from "../core/never.js";
import { count } from "../core/words.js";
import type { LogLevel } from "../config/model.js";
import type { CheckSubject, ProcessName, VipdEvent } from "./event.js";
import { describeOrder, type OrderEvent } from "./describe-orders.js";
import { again, describeReason, describeSum, describeWeighing, span } from "./reason.js";

export type Description = {
  readonly level: LogLevel;
  /** What the line is about: "vrrp web", "service http". */
  readonly subject: string;
  readonly text: string;
};

/** How many single changes a line about a batch names before it only counts them. */
const NAMED_AT_MOST = 6;

const processName: Record<ProcessName, string> = {
  supervisor: "supervisor",
  vrrp: "VRRP process",
  checks: "check process",
};

export function describe(event: VipdEvent): Description {
  switch (event.kind) {
    case "vrrp-transition":
    case "vrrp-priority":
    case "vrrp-rejected":
    case "vrrp-second-master":
    case "vrrp-taken-over":
    case "vrrp-address-conflict":
    case "vrrp-address-restored":
    case "vrrp-stale-address-removed":
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

type VrrpEvent = Extract<VipdEvent, { kind: `vrrp-${string}` | "realtime" }>;
type ChecksEvent = Extract<
  VipdEvent,
  {
    kind:
      | "check-changed"
      | "check-failed-once"
      | "check-held"
      | "check-warning"
      | "server-changed"
      | "server-weighed"
      | "quorum-changed"
      | "mass-failure"
      | "server-drained"
      | "script-output"
      | "table-applied"
      | "table-failed"
      | "sync-daemon";
  }
>;
type DaemonEvent = Exclude<VipdEvent, VrrpEvent | ChecksEvent | OrderEvent>;

function describeVrrp(event: VrrpEvent): Description {
  switch (event.kind) {
    case "vrrp-transition":
      return describeTransition(event);
    case "vrrp-priority":
      return {
        level: "notice",
        subject: `vrrp ${event.instance}`,
        text: `priority ${event.from} -> ${event.to} (${event.state.toUpperCase()}): ${describeSum(event.sum, event.to)}`,
      };
    case "vrrp-rejected": {
      const subject = event.instance === undefined ? `vrrp ${event.interface}` : `vrrp ${event.instance}`;
      const first = `advert from ${event.sender} on ${event.interface} ignored: ${event.detail}`;
      const repeated = again(event);
      return { level: "warning", subject, text: repeated === undefined ? first : `${first} (${repeated})` };
    }
    case "vrrp-second-master":
      return {
        level: "warning",
        subject: `vrrp ${event.instance}`,
        text:
          `${event.sender} says it is master too, with priority ${event.sender_priority}; ours is ${event.own_priority}, ` +
          `so the addresses were announced again${inBrackets(again(event))}`,
      };
    case "vrrp-taken-over":
      return {
        level: "info",
        subject: `vrrp ${event.instance}`,
        text: `goes on as ${event.state.toUpperCase()} in a new process, after ${span(event.pause_ms)}`,
      };
    case "vrrp-address-conflict":
      return {
        level: "error",
        subject: `vrrp ${event.instance}`,
        text: describeConflict(event),
      };
    case "vrrp-address-restored":
      return {
        level: "warning",
        subject: `vrrp ${event.instance}`,
        text: `${event.address} was no longer on ${event.interface}: deleted by somebody else, or with the first address of its subnet; put back${inBrackets(again(event))}`,
      };
    case "vrrp-stale-address-removed":
      return {
        level: "warning",
        subject: `vrrp ${event.instance}`,
        text: `${event.address} was still on ${event.interface} from an earlier run; removed`,
      };
    case "vrrp-note":
      return { level: event.level ?? "info", subject: `vrrp ${event.instance}`, text: event.text };
    case "realtime":
      return {
        level: event.granted ? "info" : "warning",
        subject: "vrrp",
        text: event.granted
          ? `real-time scheduling is on: ${event.detail}`
          : `no real-time scheduling: ${event.detail}; adverts may be late when the machine is busy`,
      };
    default:
      return unreachable(event);
  }
}

const inBrackets = (text: string | undefined): string => (text === undefined ? "" : ` (${text})`);

/** A summary speaks of what was: it may be over. */
function describeConflict(event: Extract<VipdEvent, { kind: "vrrp-address-conflict" }>): string {
  const { address, interface: on, mac } = event;
  const repeated = again(event);
  return repeated === undefined
    ? `${address} is in use by another host on ${on}: ${mac} answers for it`
    : `${address} was in use by another host on ${on}: ${mac} answered for it ${repeated}`;
}

function describeTransition(event: Extract<VipdEvent, { kind: "vrrp-transition" }>): Description {
  const sum = event.sum === undefined ? "" : ` (priority ${describeSum(event.sum, event.priority)})`;
  const done = event.done.length === 0 ? "" : `; ${event.done.join(", ")}`;
  const late =
    event.lateness_ms !== undefined && event.lateness_ms >= 5
      ? ` (decided ${span(event.lateness_ms)} late)`
      : "";
  return {
    level:
      event.to === "fault"
        ? "error"
        : event.reason.kind === "resume-too-late" || event.reason.kind === "stalled"
          ? "warning"
          : "notice",
    subject: `vrrp ${event.instance}`,
    text: `${event.from.toUpperCase()} -> ${event.to.toUpperCase()}: ${describeReason(event.reason)}${sum}${done}${late}`,
  };
}

function describeChecks(event: ChecksEvent): Description {
  switch (event.kind) {
    case "check-changed": {
      const what = event.detail === "" ? event.reason : event.detail;
      const times = event.in_a_row > 1 ? `, ${event.in_a_row} times in a row` : "";
      return {
        // What a failing check leads to is said by the server's own line; the first good result is no news.
        level: event.up ? (event.first ? "debug" : "notice") : "warning",
        subject: checkSubject(event),
        text: `${event.check} ${event.up ? "succeeds" : "fails"}: ${what} (took ${timesText(event)}${times})`,
      };
    }
    case "check-failed-once": {
      const what = event.detail === "" ? event.reason : event.detail;
      // Of a check that is down already, only a new reason is told.
      const text =
        event.in_a_row > event.needed
          ? `${event.check} fails otherwise now: ${what} (took ${timesText(event)}, ${event.in_a_row} failures in a row)`
          : `${event.check} failed: ${what} (took ${timesText(event)}, ${event.in_a_row} of ${event.needed} in a row)`;
      return { level: "info", subject: checkSubject(event), text };
    }
    case "check-warning":
      return { level: "warning", subject: checkSubject(event), text: `${event.check}: ${event.text}` };
    case "check-held":
      return { level: "info", subject: checkSubject(event), text: `${event.check} waits: ${event.why}` };
    case "server-changed": {
      const left = `${event.alive} of ${event.total} servers up`;
      return {
        level: event.up ? "notice" : event.alive === 0 ? "error" : "warning",
        subject: `service ${event.service}`,
        text: `${event.server} ${event.up ? `UP (weight ${event.weight})` : "DOWN"}: ${event.cause}; ${left}`,
      };
    }
    case "server-weighed":
      return {
        level: "notice",
        subject: `service ${event.service}`,
        text: `${event.server} weight ${event.from} -> ${event.to}: ${describeWeighing(event.weighing)}`,
      };
    case "quorum-changed":
      return describeQuorum(event);
    case "mass-failure":
      return describeMassFailure(event);
    case "server-drained":
      return {
        level: "notice",
        subject: `service ${event.service}`,
        text:
          event.how === "empty"
            ? `${event.server} is drained: no connection was left after ${span(event.after_ms)}; out of the table`
            : `${event.server} is out of the table: the deadline of its drain has come after ${span(event.after_ms)}; ${count(event.connections, "connection")} ${event.connections === 1 ? "ends" : "end"}`,
      };
    case "script-output":
      return {
        level: "info",
        subject: checkSubject(event),
        text: `script said: ${event.text}`,
      };
    case "table-applied":
      return describeTable(event);
    case "table-failed": {
      const retry = event.retry_ms > 0 ? `; next try in ${span(event.retry_ms)}` : "";
      return {
        level: "error",
        subject: "ipvs",
        text: `${event.command}: ${event.error} (${event.why})${retry}`,
      };
    }
    case "sync-daemon": {
      const what = `${event.role} daemon on ${event.interface}, id ${event.id}`;
      const failed = event.error !== undefined;
      return {
        level: failed ? "error" : "notice",
        subject: "sync",
        text: failed ? `${what}: ${event.error}` : `${what}: ${event.running ? "running" : "stopped"}`,
      };
    }
    default:
      return unreachable(event);
  }
}

/** "3 ms: connect 1 ms, tls 2 ms"; a single part is the whole. */
function timesText({
  took_ms: took,
  phases_ms: phases = {},
}: {
  readonly took_ms: number;
  readonly phases_ms?: Readonly<Record<string, number>>;
}): string {
  const parts = Object.entries(phases);
  if (parts.length < 2) return span(took);
  return `${span(took)}: ${parts.map(([name, ms]) => `${name} ${span(ms)}`).join(", ")}`;
}

const checkSubject = (event: CheckSubject): string =>
  "track" in event ? `track ${event.track}` : `check ${event.service} ${event.server}`;

function describeQuorum(event: Extract<VipdEvent, { kind: "quorum-changed" }>): Description {
  const { up, weight, total_weight, quorum, hysteresis, serving, total, sorry } = event;
  const spread = hysteresis === 0 ? "" : `, hysteresis ${hysteresis}`;
  const sum = `weight ${weight} of ${total_weight}, quorum ${quorum}${spread}; ${serving} of ${total} servers serve`;
  const servers =
    sorry.length === 0 ? "" : `; sorry server ${sorry.join(", ")} ${up ? "not needed" : "serves"}`;
  const stops = event.why === "stop";
  return {
    level: up ? (event.first ? "info" : "notice") : stops ? "notice" : "error",
    subject: `service ${event.service}`,
    text: stops ? "quorum LOST: vipd stops" : `quorum ${up ? "UP" : "LOST"}: ${sum}${servers}`,
  };
}

function describeMassFailure(event: Extract<VipdEvent, { kind: "mass-failure" }>): Description {
  const { service, over, total, down, together, reaction, held } = event;
  const what = service === null ? "machines of real servers" : "servers";
  const kept =
    reaction === null
      ? ""
      : reaction === "hold"
        ? `; ${count(held, "server")} that failed last held in the table`
        : "; going on without them";
  return {
    level: over ? "notice" : "error",
    subject: service === null ? "services" : `service ${service}`,
    text: over
      ? `mass failure over: ${down} of ${total} ${what} down`
      : `mass failure: ${together} of ${total} ${what} failed together: is the network of this director at fault?${kept}`,
  };
}

const whyTable: Record<Extract<VipdEvent, { kind: "table-applied" }>["why"], string> = {
  start: "at the start",
  health: "after health checks",
  policy: "after a change of weights or presence",
  reload: "after the reload",
  repair: "to undo a change made by somebody else",
  retry: "that had failed before",
  stop: "at the stop",
};

function describeTable(event: Extract<VipdEvent, { kind: "table-applied" }>): Description {
  const named = event.details.slice(0, NAMED_AT_MOST).join(", ");
  const unnamed = event.changes - Math.min(event.details.length, NAMED_AT_MOST);
  const rest = named === "" ? "" : `: ${named}${unnamed > 0 ? `, and ${unnamed} more` : ""}`;
  const changes = event.changes === 0 ? "nothing to change" : count(event.changes, "change");
  return {
    level:
      event.why === "repair"
        ? "warning"
        : event.why === "health" || event.why === "policy"
          ? "info"
          : "notice",
    subject: "ipvs",
    text: `kernel table: ${changes} ${whyTable[event.why]} in ${span(event.took_ms)}${rest}`,
  };
}

function describeDaemon(event: DaemonEvent): Description {
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
