// The words for what checks find out, and what follows from it for servers, services and the kernel's table.

import { unreachable } from "../core/never.js";
import { count } from "../core/words.js";
import { describeConnections } from "./describe-clients.js";
import { NAMED_AT_MOST, type Description } from "./description.js";
import type { CheckSubject, VipdEvent } from "./event.js";
import { describeWeighing, span } from "./reason.js";

export type ChecksEvent = Extract<
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

export function describeChecks(event: ChecksEvent): Description {
  switch (event.kind) {
    case "check-changed": {
      const what = outcome(event);
      const times = event.in_a_row > 1 ? `, ${event.in_a_row} times in a row` : "";
      return {
        // What a failing check leads to is said by the server's own line; the first good result is no news.
        level: event.up ? (event.first ? "debug" : "notice") : "warning",
        subject: checkSubject(event),
        text: `${event.check} ${event.up ? "succeeds" : "fails"}: ${what} (took ${timesText(event)}${times})`,
      };
    }
    case "check-failed-once": {
      const what = outcome(event);
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
        // What the kernel answered to a command begins with the command.
        text: `${event.error.startsWith(event.command) ? "" : `${event.command}: `}${event.error} (${event.why})${retry}`,
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

/** "bad-status: GET /: 503": the reason is of a closed list, so that a program can look for it; "ok" says nothing. */
function outcome({ reason, detail }: { readonly reason: string; readonly detail: string }): string {
  if (detail === "") return reason;
  return reason === "ok" ? detail : `${reason}: ${detail}`;
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
  const cut = event.cut === undefined ? "" : `; what was taken out had ${describeConnections(event.cut)}`;
  return {
    level:
      event.why === "repair"
        ? "warning"
        : event.why === "health" || event.why === "policy"
          ? "info"
          : "notice",
    subject: "ipvs",
    text: `kernel table: ${changes} ${whyTable[event.why]} in ${span(event.took_ms)}${rest}${cut}`,
  };
}
