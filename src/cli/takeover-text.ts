// What clients lost when this director became master, for `vipd status`: a line at its top for the last takeover, and
// one for each instance. Pure: status in, text out.

import { describeFound, describeVacancy } from "../control/describe-clients.js";
import type { InstanceStatus, Status } from "../control/ipc.js";

/** Instances that changed within this time of the last one changed together with it. */
const TOGETHER_MS = 10_000;

/** Of the instance whose clients were longest without a master; none: no instance here has taken over. */
export function takeoverLines(status: Status, ago: (since: number) => string): string[] {
  const taken = (status.vrrp?.instances ?? []).filter(({ vacancy }) => vacancy !== undefined);
  const latest = Math.max(...taken.map(({ since }) => since));
  const together = taken.filter(({ since }) => since >= latest - TOGETHER_MS);
  const [worst] = together.toSorted((a, b) => gapOf(b) - gapOf(a));
  if (worst === undefined) return [];
  const others = together.length - 1;
  const which = others === 0 ? worst.instance : `${worst.instance}, the longest of ${together.length}`;
  return [`took over ${ago(worst.since)} ago (${which}); clients: ${lossText(worst, status)}`];
}

export const clientLines = (instance: InstanceStatus, status: Status): string[] =>
  instance.vacancy === undefined ? [] : [`  clients: ${lossText(instance, status)}`];

function lossText({ instance, vacancy }: InstanceStatus, { checks }: Status): string {
  const found = checks?.takeovers?.find((one) => one.instance === instance);
  return [
    ...(vacancy === undefined ? [] : [describeVacancy(vacancy)]),
    ...(found === undefined ? [] : [describeFound(found)]),
  ].join("; ");
}

/** What is not known may have been longest. */
function gapOf({ vacancy }: InstanceStatus): number {
  if (vacancy?.kind === "unheard") return Infinity;
  return vacancy?.kind === "silent" || vacancy?.kind === "resigned" ? vacancy.at_most_ms : 0;
}
