// The words for why a VRRP instance changed its state, with the figures that let a person check it. Used by
// the log line of a transition and by `vipd status`.

import { unreachable } from "../core/never.js";
import { formatDuration, milliseconds } from "../core/units.js";
import type { Weighing } from "../services/weight.js";
import type { Repeats } from "./event.js";
import type { PrioritySum, RejectedAdverts, TransitionReason } from "../vrrp/reasons.js";

/** A number of milliseconds as text, to the millisecond (below 10 ms: to the hundredth). */
export const span = (ms: number): string => formatDuration(milliseconds(ms < 1000 ? ms : Math.round(ms)));

/** "150 base - 60 script haproxy = 90". `effective`: 1..254, or 255 without terms. */
export function describeSum({ base, terms }: PrioritySum, effective: number): string {
  const parts = terms.map(({ label, amount }) => `${amount < 0 ? "-" : "+"} ${Math.abs(amount)} ${label}`);
  const sum = terms.reduce((total, { amount }) => total + amount, base);
  const limit = sum === effective ? "" : `, ${sum < effective ? "at least" : "at most"} ${effective}`;
  return terms.length === 0 ? String(base) : `${base} base ${parts.join(" ")} = ${sum}${limit}`;
}

/** "5 configured x 40 % agent = 2; drained by root -> 0" */
export function describeWeighing({ configured, terms, effective }: Weighing): string {
  let text = `${configured} configured`;
  for (const term of terms)
    text +=
      term.kind === "percent"
        ? ` x ${Number(term.percent.toFixed(1))} % ${term.label}`
        : `; ${term.label} -> ${term.weight}`;
  return terms.at(-1)?.kind === "percent" ? `${text} = ${effective}` : text;
}

/** "7 more times in 1 min"; undefined for what is said for the first time. */
export function again({ count, span_ms }: Repeats): string | undefined {
  if (span_ms === undefined) return undefined;
  return `${count === 1 ? "once more" : `${count} more times`} in ${span(Math.round(span_ms / 1000) * 1000)}`;
}

const butRejected = (rejected: readonly RejectedAdverts[] | undefined): string =>
  rejected === undefined ? "" : `; but ${rejected.map(describeRejected).join(", and ")}`;

/** "12 adverts from 192.168.1.3 were ignored: TTL 64, not 255". */
export const describeRejected = ({ sender, count, detail }: RejectedAdverts): string =>
  `${count === 1 ? "an advert" : `${count} adverts`} from ${sender} ${count === 1 ? "was" : "were"} ignored: ${detail}`;

export function describeReason(reason: TransitionReason): string {
  switch (reason.kind) {
    case "startup":
      return "start";
    case "owner-startup":
      return "start as the owner of the addresses (priority 255)";
    case "master-silent":
      return `no advert from ${reason.master} (priority ${reason.master_priority}) for ${span(reason.silence_ms)}${butRejected(reason.rejected)}`;
    case "no-master-heard":
      return reason.rejected === undefined
        ? `no advert from anybody for ${span(reason.waited_ms)}`
        : `no advert that counts for ${span(reason.waited_ms)}${butRejected(reason.rejected)}`;
    case "master-resigned":
      return `${reason.master} resigned (priority 0), and nobody else took over within ${span(reason.waited_ms)}`;
    case "preempted-lower":
      return `preempted ${reason.master}, whose priority ${reason.master_priority} is lower than our ${reason.own_priority}`;
    case "higher-priority":
      return `${reason.master} is master with priority ${reason.master_priority}, ours is ${reason.own_priority}`;
    case "equal-priority-higher-address":
      return `${reason.master} is master with our own priority ${reason.priority}, and its address is higher than our ${reason.own}`;
    case "incumbent-held":
      return `${reason.master} was master before us and there is no preemption: it stays with priority ${reason.master_priority}, ours is ${reason.own_priority}`;
    case "stalled":
      return `this process was stopped and sent nothing for ${span(reason.silent_ms)}; another may be master since ${span(reason.limit_ms)} of that`;
    case "group-master":
      return `${reason.member} of group ${reason.group} became master`;
    case "group-backup":
      return `${reason.member} of group ${reason.group} has another master`;
    case "group-fault":
      return `${reason.member} of group ${reason.group} is in fault`;
    case "group-recovered":
      return `no member of group ${reason.group} is in fault any more`;
    case "resumed":
      return `${awayOf(reason)}, too short for the peer to notice`;
    case "resume-too-late":
      return `${awayOf(reason)}, more than the ${span(reason.limit_ms)} after which the peer may have taken over${reason.kept === true ? ": listening for another master first" : ""}`;
    case "interface-down":
      return `interface ${reason.interface} is down`;
    case "interface-missing":
      return `there is no interface ${reason.interface} (has it another name on this node? interface: { NODE: NAME, … })`;
    case "interface-up":
      return `interface ${reason.interface} is up`;
    case "no-source-address":
      return describeNoSource(reason);
    case "no-multicast":
      return `interface ${reason.interface} has no multicast, by which adverts are sent`;
    case "cannot-join":
      return `cannot hear adverts on ${reason.interface}: ${reason.error}`;
    case "no-virtual-link":
      return `no link with the virtual MAC address on ${reason.interface}: ${reason.error}`;
    case "cannot-refuse":
      return `cannot keep packets out that are sent to its addresses (accept: false, nf_tables): ${reason.error}`;
    case "track-failed":
      return `${reason.track} is down`;
    case "track-recovered":
      return `${reason.track} is up again`;
    case "interface-usable":
      return describeUsable(reason);
    case "action-failed":
      return `could not ${reason.action}: ${reason.error}`;
    case "retry":
      return `trying again ${span(reason.waited_ms)} after it failed to ${reason.action}`;
    case "shutdown":
      return reason.keeps === true ? "vipd is stopping, and its addresses stay here" : "vipd is stopping";
    case "deleted":
      return "no longer in the configuration";
    case "reconfigured":
      return `configuration changed: ${reason.what}`;
    default:
      return unreachable(reason);
  }
}

function describeUsable(reason: Extract<TransitionReason, { kind: "interface-usable" }>): string {
  const { interface: on, after, wanted } = reason;
  switch (after) {
    case "no-source-address":
      return wanted === undefined ? `${on} has an address again` : `source-address ${wanted} is there`;
    case "no-multicast":
      return `${on} has multicast now`;
    case "cannot-join":
      return `adverts can be heard on ${on} again`;
    case "no-virtual-link":
      return `the link with the virtual MAC address is on ${on} now`;
    case "cannot-refuse":
      return "packets to its addresses can be kept out now";
    default:
      return unreachable(after);
  }
}

function describeNoSource({
  interface: on,
  family,
  wanted,
}: Extract<TransitionReason, { kind: "no-source-address" }>): string {
  if (family === "ipv6")
    return wanted === undefined
      ? `interface ${on} has no link-local IPv6 address to send adverts from`
      : `source-address ${wanted} is no link-local address of ${on} that can be sent from`;
  return wanted === undefined
    ? `interface ${on} has no address to send adverts from`
    : `source-address ${wanted} is not on ${on}, nor on another interface of this host`;
}

const awayOf = ({ pause_ms, kept }: { readonly pause_ms: number; readonly kept?: true }): string =>
  kept === true
    ? `vipd was away for ${span(pause_ms)} and had left the addresses here`
    : `the VRRP process was away for ${span(pause_ms)}`;
