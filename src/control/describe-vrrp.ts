// The words for what happens to VRRP instances: who is master and why, what other routers do, what became of addresses.

import { unreachable } from "../core/never.js";
import type { Description } from "./description.js";
import type { VipdEvent } from "./event.js";
import { describeFound, describeVacancy } from "./describe-clients.js";
import { again, describeReason, describeSum, span } from "./reason.js";

export type VrrpEvent = Extract<VipdEvent, { kind: `vrrp-${string}` | "realtime" }>;

export function describeVrrp(event: VrrpEvent): Description {
  switch (event.kind) {
    case "vrrp-transition":
      return describeTransition(event);
    case "vrrp-clients":
      return {
        level: "notice",
        subject: `vrrp ${event.instance}`,
        text: `clients: ${describeVacancy(event.vacancy)}; ${describeFound(event)}`,
      };
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
    case "vrrp-second-path":
      return { ...describeSecondPath(event), subject: `vrrp ${event.instance}` };
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

function describeSecondPath({
  interface: first,
  second,
  what,
  sender,
  detail,
}: Extract<VipdEvent, { kind: "vrrp-second-path" }>): Omit<Description, "subject"> {
  switch (what) {
    case "alone":
      return {
        level: "warning",
        text: `hears the master on the second path alone: ${sender} on ${second}, and nothing on ${first}; stays backup`,
      };
    case "both":
      return { level: "notice", text: `hears the master on ${first} again: ${sender}` };
    case "unusable":
      return {
        level: "warning",
        text: `no second path: ${detail}; adverts are sent and heard on ${first} alone`,
      };
    case "usable":
      return { level: "notice", text: `the second path is there again: ${second}` };
    default:
      return unreachable(what);
  }
}

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
  const clients =
    event.vacancy === undefined || event.vacancy.kind === "kept"
      ? ""
      : `; clients: ${describeVacancy(event.vacancy)}`;
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
    text: `${event.from.toUpperCase()} -> ${event.to.toUpperCase()}: ${describeReason(event.reason)}${sum}${done}${clients}${late}`,
  };
}
