// What is told of the table: batches that were applied, in a bounded number of words, and failures, each once until
// everything has gone well in between.

import type { VipdEvent } from "../control/event.js";
import type { Milliseconds } from "../core/units.js";
import { describeCommand, describeGroup, groupCommands, type Command } from "../ipvs/command.js";
import type { Connections } from "../ipvs/impact.js";
import { keysOf, type Grouped } from "../ipvs/group.js";
import { serviceId, type ServiceId } from "../ipvs/model.js";
import { serversOf, type Takeover } from "../ipvs/takeover.js";
import type { Recorded } from "./ipvs-ownership.js";

export type Why = Extract<VipdEvent, { readonly kind: "table-applied" }>["why"];
/** The first refusal of a service's commands. */
export type Failure = {
  readonly command: Command;
  readonly error: string;
  /** The table was not as the command assumed. */
  readonly outOfStep: boolean;
  /** Perhaps it was carried out all the same. */
  readonly isUnknown: boolean;
};

/** Commands that are described in one event; of the others the number is told. */
const MOST_DETAILS = 20;
/** Failures of one batch that are told one by one; the same for takeovers. */
const MOST_FAILURES = 5;
const MOST_TAKEOVERS = 5;
/** Services of one line that are named. */
const MOST_NAMED = 4;

export class TableReporter {
  private readonly report: (event: VipdEvent) => void;
  private readonly told = new Set<string>();
  /** Of services with several keys: the first one of each. */
  private readonly firsts = new Map<ServiceId, ServiceId>();

  constructor(report: (event: VipdEvent) => void) {
    this.report = report;
  }

  /** Which services have several keys, and are told of once. `known`: those that may still have to be spoken of. */
  together(services: readonly Grouped[], known: ReadonlySet<ServiceId>): void {
    for (const id of this.firsts.keys()) if (!known.has(id)) this.firsts.delete(id);
    for (const one of services) {
      if (one.group === undefined) continue;
      const first = serviceId(one.service.key);
      for (const key of keysOf(one)) this.firsts.set(serviceId(key), first);
    }
  }

  /** `cut`: what the servers had that are gone now. */
  applied(why: Why, commands: readonly Command[], took_ms: Milliseconds, cut?: Connections): void {
    const details = detailsOf(commands, this.firsts);
    this.report({
      kind: "table-applied",
      why,
      changes: commands.length,
      took_ms,
      details,
      ...(cut && { cut }),
    });
  }

  failures(why: Why, failures: readonly Failure[], retry_ms: Milliseconds): void {
    for (const { command, error } of failures.slice(0, MOST_FAILURES))
      this.failure(why, describeCommand(command), error, retry_ms);
    const others = failures.length - MOST_FAILURES;
    if (others > 0) this.failure(why, "change other services", `${others} more were refused`, retry_ms);
  }

  /** `retry_ms` 0: it is not tried again. */
  failure(why: Why, command: string, error: string, retry_ms: number): void {
    if (this.isNew(error)) this.report({ kind: "table-failed", why, command, error, retry_ms });
  }

  takeovers(found: readonly Takeover[]): void {
    for (const one of found.slice(0, MOST_TAKEOVERS))
      this.warning(
        `${one.service} was there before, with ${serversOf(one)}, and is not on record as made by vipd; taken over: it is vipd's from now on`,
      );
    const others = found.length - MOST_TAKEOVERS;
    if (others > 0) this.warning(`${others} more services were there before; taken over`);
  }

  /** `others`: services in the kernel that the configuration does not name. */
  lostRecord(lost: NonNullable<Recorded["lost"]>, others: readonly ServiceId[]): void {
    // Before the first run there is no record, and that is no news unless there are services to wonder about.
    if (lost === "missing" && others.length === 0) return;
    const why = lost === "missing" ? "there is no record of what an earlier run of vipd made" : lost.why;
    const means = "services and sync daemons that an earlier run left behind are not recognised and stay";
    this.warning(
      `${why}: ${means}${others.length === 0 ? "" : `; not in the configuration: ${few(others)}`}`,
    );
  }

  /** `services`: those that stay, as far as they are known. */
  removalFailed(services: readonly ServiceId[], why: string): void {
    this.failure("stop", `remove our services${services.length === 0 ? "" : ` ${few(services)}`}`, why, 0);
  }

  warning(text: string): void {
    if (this.isNew(text)) this.report({ kind: "warning", subject: "ipvs", text });
  }

  /** Everything is well again: the next failure is news. */
  allWell(): void {
    this.told.clear();
  }

  private isNew(text: string): boolean {
    if (this.told.has(text)) return false;
    this.told.add(text);
    return true;
  }
}

const few = (names: readonly string[]): string =>
  names.slice(0, MOST_NAMED).join(", ") +
  (names.length > MOST_NAMED ? `, and ${names.length - MOST_NAMED} more` : "");

function detailsOf(commands: readonly Command[], firsts: ReadonlyMap<ServiceId, ServiceId>): string[] {
  if (firsts.size === 0 && commands.length > MOST_DETAILS)
    return [...commands.slice(0, MOST_DETAILS).map(describeCommand), more(commands.length - MOST_DETAILS)];
  const groups = groupCommands(commands, firsts);
  const details = groups.slice(0, MOST_DETAILS).map(describeGroup);
  return groups.length > MOST_DETAILS ? [...details, more(groups.length - MOST_DETAILS)] : details;
}
const more = (others: number): string => `and ${others} more`;
