// Carries commands out: tells of what was done and what was refused, believes what went well, and takes services that
// are gone off the record of what is ours. Decides nothing: which commands, and when, is its callers' to say.

import { messageOf } from "../core/thrown.js";
import { between } from "../core/units.js";
import { commandKey, type Command } from "../ipvs/command.js";
import { serviceId, type ServiceId } from "../ipvs/model.js";
import type { ApplyResult, DataPlane } from "../ports/data-plane.js";
import type { Timers } from "../ports/timers.js";
import type { AppliedTable } from "./ipvs-applied.js";
import type { TableCondition } from "./ipvs-condition.js";
import type { Leavers } from "./ipvs-leavers.js";
import type { OwnedThings } from "./ipvs-owned.js";
import type { Failure, TableReporter, Why } from "./ipvs-report.js";
import type { WantedTable } from "./ipvs-wanted.js";

/** What the keepers of one table share. */
export type TableParts = {
  readonly timers: Timers;
  readonly tell: TableReporter;
  readonly wanted: Pick<WantedTable, "table">;
  readonly applied: AppliedTable;
  readonly owned: OwnedThings;
  readonly condition: TableCondition;
  readonly leavers: Leavers;
};

export class TableWriter {
  private readonly parts: TableParts;

  constructor(parts: TableParts) {
    this.parts = parts;
  }

  /** Applies commands that make `ids` as they are wanted. Gives whether the table was not as it was believed. */
  carryOut(plane: DataPlane, why: Why, commands: readonly Command[], ids: readonly ServiceId[]): boolean {
    const { timers, tell, wanted, applied, condition, leavers } = this.parts;
    const cut = leavers.note(plane, why, commands);
    const began = timers.now();
    const results = applyAll(plane, commands);
    const took = between(began, timers.now());
    const failures = failuresOf(commands, results);
    // What a look has found was no assumption: another look would not help.
    const isAfterLook = why === "repair" || why === "retry";
    for (const id of ids) {
      applied.dirty.delete(id);
      const failure = failures.get(id);
      if (failure === undefined) applied.believe(id);
      else if (!failure.outOfStep || failure.isUnknown || isAfterLook) applied.refused.add(id);
    }
    const done = commands.filter((_, i) => results[i]?.ok);
    if (done.length > 0 || why === "start" || why === "reload") tell.applied(why, done, took, cut);
    const told = [...failures.values()].filter(({ outOfStep }) => !outOfStep || isAfterLook);
    tell.failures(why, told, condition.wait);
    if (condition.isInOrder) tell.allWell();
    // Mostly servers come and go in services that stay, and nothing is to be looked for among thousands of them.
    if (why !== "health" || !ids.every((id) => wanted.table.has(id))) this.disown();
    return told.length < failures.size;
  }

  /** Services that are gone are no longer ours. */
  private disown(): void {
    const { wanted, applied, owned, tell } = this.parts;
    const services = new Set<ServiceId>();
    for (const id of owned.services) if (wanted.table.has(id) || applied.entries.has(id)) services.add(id);
    if (services.size === owned.services.size) return;
    try {
      owned.keep({ services });
    } catch (error) {
      tell.warning(messageOf(error));
    }
  }
}

/** Once a service was refused, what is said of its servers follows from that. */
function failuresOf(
  commands: readonly Command[],
  results: readonly ApplyResult[],
): ReadonlyMap<ServiceId, Failure> {
  const failures = new Map<ServiceId, Failure>();
  for (const [i, result] of results.entries()) {
    if (result.ok) continue;
    const command = commands[i] as Command;
    const id = serviceId(commandKey(command));
    const { error, outOfStep, isUnknown = false } = result;
    if (!failures.has(id)) failures.set(id, { command, error, outOfStep, isUnknown });
  }
  return failures;
}

/** A data plane that fails as a whole has done nobody knows what. */
function applyAll(plane: DataPlane, commands: readonly Command[]): readonly ApplyResult[] {
  try {
    return plane.apply(commands);
  } catch (error) {
    return commands.map(() => ({ ok: false, outOfStep: true, isUnknown: true, error: messageOf(error) }));
  }
}
