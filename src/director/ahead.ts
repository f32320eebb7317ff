// A table that is sent before the services are looked at: what must not stand against it, and what is put on record before.
// Two processes do it: the supervisor with what was kept of the last configuration (supervisor/first-table.ts), and the
// checks process where that could not.

import type { IpvsConfig } from "../config/model.js";
import type { ServiceId, SyncConfig } from "../ipvs/model.js";
import type { OwnedThings } from "./ipvs-owned.js";
import type { Recorded } from "./ipvs-ownership.js";

/** Settings and modules are the kernel's before any service is. */
export const comesFirst = ({ settings = {}, modules = [] }: IpvsConfig): boolean =>
  Object.keys(settings).length > 0 || modules.length > 0;

/** The services of the table are ours from here on. Gives what was on record. Throws where it cannot be kept. */
export function putDown(
  owned: OwnedThings,
  ids: readonly ServiceId[],
  sync: SyncConfig | null,
): Recorded | undefined {
  const recorded = owned.load();
  owned.add(new Set(ids), sync?.roles ?? []);
  return recorded;
}
