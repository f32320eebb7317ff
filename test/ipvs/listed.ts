// A table as `vipd ipvs --nosort` would list it, without figures that only a kernel has.

import { listingText, PLAIN } from "../../src/ipvs/listing-text.js";
import type { ListingEntry } from "../../src/ipvs/listing.js";
import type { ListedTable } from "../../src/ipvs/model.js";
import { statisticsOf } from "../../src/ipvs/statistics.js";

const NOTHING = statisticsOf(undefined);

/** The lines, without the spaces that some end in. */
export function tableText(table: ListedTable): readonly string[] {
  const entries = Array.from(table.values(), ({ service, servers }): ListingEntry => ({
    service,
    statistics: NOTHING,
    servers: Array.from(servers.values(), (server) => ({ server, persistent: 0, statistics: NOTHING })),
  }));
  return listingText(entries, PLAIN).map((line) => line.trimEnd());
}
