// Services that are wanted, are in the kernel already, and were not made by vipd: somebody else's, or our own whose
// record was lost. They are taken over as they are, which nobody should have to find out by himself.

import { count } from "../core/words.js";
import type { ListedEntry, ServerId, ServiceId } from "./model.js";

export type Takeover = { readonly service: ServiceId; readonly servers: readonly ServerId[] };

/** Real servers that are named one by one. */
const MOST_NAMED = 4;

/** `owned`: those on record as made by vipd. */
export function takeovers(
  actual: Iterable<readonly [ServiceId, ListedEntry]>,
  wanted: { has(id: ServiceId): boolean },
  owned: ReadonlySet<ServiceId>,
): readonly Takeover[] {
  const found: Takeover[] = [];
  for (const [service, { servers }] of actual)
    if (wanted.has(service) && !owned.has(service)) found.push({ service, servers: [...servers.keys()] });
  return found;
}

/** "2 real servers (192.168.1.4:80, 192.168.1.5:80)" */
export function serversOf({ servers }: Takeover): string {
  const named = servers.slice(0, MOST_NAMED).join(", ");
  const more = servers.length > MOST_NAMED ? `, and ${servers.length - MOST_NAMED} more` : "";
  const list = servers.length === 0 ? "" : ` (${named}${more})`;
  return `${count(servers.length, "real server")}${list}`;
}
