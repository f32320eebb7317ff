// What clients lost when this director became master, for `vipd status`: a line at its top for the last takeover, even when
// another is master again, and one for each instance. Pure: status in, text out.

import { describeFound, describeVacancy } from "../control/describe-clients.js";
import type { InstanceStatus, Status } from "../control/ipc.js";
import type { Vacancy } from "../vrrp/reasons.js";
import { ago } from "./ago.js";

/** Instances that changed within this time of the last one changed together with it. */
const TOGETHER_MS = 10_000;

type TakenOver = InstanceStatus & { readonly takeover: NonNullable<InstanceStatus["takeover"]> };

/** Of the instance whose clients were longest without a master; none: no instance here has taken over. */
export function takeoverLines({ vrrp, checks }: Status, now: number): string[] {
  const taken = (vrrp?.instances ?? []).filter((one): one is TakenOver => one.takeover !== undefined);
  const latest = Math.max(...taken.map(({ takeover }) => takeover.at));
  const together = taken.filter(({ takeover }) => takeover.at >= latest - TOGETHER_MS);
  const [worst] = together.toSorted((a, b) => gapOf(b.takeover.vacancy) - gapOf(a.takeover.vacancy));
  if (worst === undefined) return [];
  const which =
    together.length === 1 ? worst.instance : `${worst.instance}, the longest of ${together.length}`;
  return [`took over ${whenText(worst.takeover, now)} (${which}); clients: ${lossText(worst, checks)}`];
}

export function clientLines(instance: InstanceStatus, { checks }: Status, now: number): string[] {
  const { takeover } = instance;
  if (takeover === undefined) return [];
  const when = takeover.until === null ? "" : ` when it took over ${whenText(takeover, now)}`;
  return [`  clients${when}: ${lossText({ ...instance, takeover }, checks)}`];
}

/** "5 h ago", "5 h ago, for 3 min". */
const whenText = ({ at, until }: TakenOver["takeover"], now: number): string =>
  `${ago(now - at)} ago${until === null ? "" : `, for ${ago(until - at)}`}`;

function lossText({ instance, takeover }: TakenOver, checks: Status["checks"]): string {
  // Nobody looks at the table where nothing was lost: what was found is of a takeover before.
  const isOf = takeover.vacancy.kind !== "kept";
  const found = isOf ? checks?.takeovers?.find((one) => one.instance === instance) : undefined;
  const vacancy = describeVacancy(takeover.vacancy);
  return found === undefined ? vacancy : `${vacancy}; ${describeFound(found)}`;
}

/** What is not known may have been longest. */
function gapOf(vacancy: Vacancy): number {
  if (vacancy.kind === "unheard") return Infinity;
  return vacancy.kind === "silent" || vacancy.kind === "resigned" ? vacancy.at_most_ms : 0;
}
