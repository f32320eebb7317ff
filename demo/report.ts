// The table at the end of the drill, and the verdict. Pure text from figures; measures nothing.

import type { Milliseconds } from "../src/core/units.js";
import type { ClientReport } from "./client.js";
import type { DirectorKind, Failover, Return } from "./scene.js";

export type Results = {
  readonly kind: DirectorKind;
  /** What the protocol prescribes, in ms. */
  readonly masterDown: number;
  readonly failover: Failover;
  readonly before: ClientReport;
  readonly after: ClientReport;
  readonly left: Milliseconds;
  readonly entered: Milliseconds;
  readonly back: Return;
};

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const s = (value: number): string => `${(value / 1000).toFixed(1)} s`;

/** Prints the report; gives whether all that must hold held. */
export function printReport(results: Results): boolean {
  const { failover, before, after, back } = results;
  const detection = failover.firstAdvertAt - failover.lastAdvertAt;
  const rows: readonly (readonly [string, string, string])[] = [
    [
      "detection",
      ms(detection),
      `last advert of lb1 to first of lb2; the protocol prescribes ${ms(results.masterDown)}`,
    ],
    ["kill to gratuitous ARP", ms(failover.firstArpAt - failover.killedAt), "the first one another host saw"],
    ["client-visible gap", ms(after.requestGap), "longest time without an answer to a short request"],
    [
      "long-lived silence",
      ms(after.echoGap),
      "longest of any connection that lived on (TCP retransmits ever later)",
    ],
    ["connections alive", `${after.alive} of ${before.alive}`, "after the takeover"],
    ["failed requests", String(back.client.failed), `of ${back.client.requests}, in the whole drill`],
    ["real server left", s(results.left), "from its wrong page to its end in the kernel's table"],
    ["real server back", s(results.entered), "from its right page to its return to the table"],
    ["lb1 master again", s(back.masterAt - back.startedAt), "from its start, preempt delay included"],
    ["connections alive", `${back.client.alive} of ${before.alive}`, "after lb1's return"],
  ];
  console.log(`\nReport (${results.kind})`);
  for (const [name, figure, remark] of rows)
    console.log(`  ${name.padEnd(24)}${figure.padStart(12)}   ${remark}`);
  const problems: string[] = [];
  if (after.alive < before.alive)
    problems.push(`${before.alive - after.alive} connections did not survive the takeover`);
  if (back.client.requests < 100) problems.push("the client got hardly a request through");
  for (const problem of problems) console.log(`  FAILED: ${problem}`);
  if (problems.length === 0) console.log("  The drill succeeded.");
  return problems.length === 0;
}
