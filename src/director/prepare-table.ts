// The table that a start from nothing makes: an empty kernel, nothing known of any server, nothing ordered of one. It is
// worked out by the same rules as at the start itself, which works it out again and compares (ipvs-director.ts): what is
// kept can save time, and cannot make a table that the rules would not.

import type { MassFailure, ServiceConfig } from "../config/model.js";
import { instant } from "../core/units.js";
import type { Command } from "../ipvs/command.js";
import { diffService } from "../ipvs/diff.js";
import { prepareBatches, type PreparedTable } from "../ipvs/prepared.js";
import { WantedTable } from "./ipvs-wanted.js";

export function prepareTable(
  services: readonly ServiceConfig[],
  massFailure: MassFailure | undefined,
): PreparedTable {
  const nothing = (): undefined => undefined;
  const wanted = new WantedTable({
    now: () => instant(0),
    tell: nothing,
    tellMassFailure: nothing,
    overrideOf: nothing,
  });
  const ids = [...wanted.configure(services, new Map(), massFailure)];
  const commands: Command[] = [];
  for (const id of ids) diffService(undefined, wanted.table.get(id), commands);
  return { ids, batches: prepareBatches(commands) };
}
