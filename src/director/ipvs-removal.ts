// Takes what is ours out of the kernel: at a stop, or instead of a director that has ended without one. Goes by what
// is remembered or on record, and says what stays and why.

import { messageOf } from "../core/thrown.js";
import { between } from "../core/units.js";
import { commandKey, describeCommand, type Command } from "../ipvs/command.js";
import { serviceId } from "../ipvs/model.js";
import type { DataPlane } from "../ports/data-plane.js";
import { AppliedTable } from "./ipvs-applied.js";
import { OwnedThings } from "./ipvs-owned.js";
import type { IpvsDirectorPorts } from "./ipvs-ports.js";
import { TableReporter } from "./ipvs-report.js";
import { SyncKeeper } from "./ipvs-sync.js";
import type { TableParts } from "./ipvs-writer.js";
import { SettingsKeeper } from "./settings-keeper.js";

export type RemovalParts = Pick<TableParts, "timers" | "tell" | "wanted" | "applied" | "owned"> & {
  readonly sync: SyncKeeper;
};

/** Gives whether all of it is gone. What stays is ours still. */
export function removeAll(plane: DataPlane, parts: RemovalParts): boolean {
  const { timers, tell, owned } = parts;
  try {
    const sync = parts.sync.stopAll(plane, owned.sync);
    const commands = removals(parts);
    const began = timers.now();
    const results = plane.apply(commands);
    const done = commands.filter((_, i) => {
      const result = results[i];
      return result?.ok && !result.unchanged;
    });
    tell.applied("stop", done, between(began, timers.now()));
    const refused = commands.filter((_, i) => results[i]?.ok === false);
    for (const [i, result] of results.entries())
      if (!result.ok) tell.failure("stop", describeCommand(commands[i] as Command), result.error, 0);
    owned.keep({ services: new Set(refused.map((command) => serviceId(commandKey(command)))), sync });
    return refused.length + sync.size === 0;
  } catch (error) {
    return stays(parts, messageOf(error));
  }
}

/**
 * Instead of a director that has ended without a "stop": removes what is on record as ours. Gives whether all of it
 * is gone; what stays is told.
 */
export function removeRecorded(ports: IpvsDirectorPorts, runtimeDirectory: string): boolean {
  const wanted: TableParts["wanted"] = { table: new Map() };
  const parts = {
    timers: ports.timers,
    tell: new TableReporter(ports.report),
    wanted,
    applied: new AppliedTable(wanted),
    owned: new OwnedThings(),
    sync: new SyncKeeper(ports.report),
  };
  const { applied, owned } = parts;
  owned.open(ports.openOwnership(runtimeDirectory));
  const lost = owned.load()?.lost;
  if (lost !== undefined) return stays(parts, lost === "missing" ? "there is no record of them" : lost.why);
  const opened = ports.openPlane();
  if (!opened.ok) return stays(parts, opened.error);
  const plane = opened.value;
  try {
    applied.learn(plane, new Set(), owned.services);
  } catch (error) {
    plane.close();
    return stays(parts, messageOf(error));
  }
  const isDone = removeAll(plane, parts);
  new SettingsKeeper(ports.openSettings, ports.report).restore(runtimeDirectory);
  plane.close();
  return isDone;
}

function stays({ tell, owned }: Pick<RemovalParts, "tell" | "owned">, why: string): false {
  tell.removalFailed([...owned.services], why);
  return false;
}

/**
 * By what we remember alone: to remove what is gone already does no harm, and to read thousands of servers back
 * first takes far longer than to remove their services.
 *
 * What is added first goes last. The kernel keeps what was removed for two minutes, the newest first, and looks through
 * all of that for each server that is added (ip_vs_trash_get_dest): after a removal in this order a start finds each
 * at once, and else only after thousands. Within a service the kernel itself removes what was added first last.
 */
function removals({
  owned,
  applied,
  wanted,
}: Pick<RemovalParts, "applied" | "wanted"> & {
  readonly owned: Pick<OwnedThings, "services">;
}): readonly Command[] {
  const commands: Command[] = [];
  // The next start adds in the order of the table; what is not in that any more, nobody adds.
  const inOrder = [...wanted.table.keys()].filter((id) => owned.services.has(id));
  const others = [...owned.services].filter((id) => !wanted.table.has(id));
  for (const id of [...inOrder, ...others].reverse()) {
    const entry = applied.entries.get(id) ?? wanted.table.get(id);
    if (entry === undefined) continue;
    const { service, servers } = entry;
    commands.push({ kind: "remove-service", key: service.key, servers: servers.size });
  }
  return commands;
}
