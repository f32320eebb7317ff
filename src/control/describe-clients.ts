// The words for what clients lost at a takeover: how long they had no master, and what the new one knew of their
// connections. Said as far as it is known and no further. Used by the log and by `vipd status`.

import { count } from "../core/words.js";
import type { Connections } from "../ipvs/impact.js";
import { unreachable } from "../core/never.js";
import type { FoundAtTakeover } from "./event.js";
import type { Vacancy } from "../vrrp/reasons.js";
import { span } from "./reason.js";

/** Rounded up: it is a bound. */
const upTo = (ms: number): string => span(Math.ceil(ms));

export function describeVacancy(vacancy: Vacancy): string {
  switch (vacancy.kind) {
    case "silent":
      return `no master for at most ${upTo(vacancy.at_most_ms)}`;
    case "resigned":
      return `no master for at most ${upTo(vacancy.at_most_ms)}, since ${vacancy.master} resigned`;
    case "preempted":
      return `no pause known: ${vacancy.master} was heard as master ${upTo(vacancy.at_most_ms)} before`;
    case "unheard":
      return vacancy.listened_ms === 0
        ? "not known how long there was no master: this director had not listened"
        : `not known how long there was no master: none was heard in ${span(vacancy.listened_ms)}`;
    case "kept":
      return "the addresses were here all the time";
    default:
      return unreachable(vacancy);
  }
}

export function describeFound({ connections, sync }: FoundAtTakeover): string {
  const heard =
    sync === true
      ? "the sync daemon runs"
      : `${sync === null ? "no sync daemon is configured" : "THE SYNC DAEMON DID NOT RUN"}, so that connections through another master were not known here`;
  if (connections === null) return `not known how many connections the kernel's table had; ${heard}`;
  return `${describeConnections(connections)} in the kernel's table; ${heard}`;
}

/** "1204 connections (1200 active)". Inactive ones are being opened or closed, or are of UDP. */
export function describeConnections({ active, inactive }: Connections): string {
  const all = active + inactive;
  if (all === 0) return "no connection";
  return `${count(all, "connection")}${inactive === 0 ? "" : ` (${active} active)`}`;
}
