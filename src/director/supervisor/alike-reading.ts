// A reading of a file of very many services that are alike (config/alike.ts), about which there is nothing to say: what
// quick-reading.ts gives and what is made of it, without a thousand services in between.

import { findAlike } from "../../config/alike.js";
import { packAlike } from "../../control/packed-alike.js";
import type { PreparedTable } from "../../ipvs/prepared.js";
import { prepareAlike } from "../prepare-alike.js";
import type { ConfigHead } from "./config-source.js";
import { readQuickly } from "./quick-reading.js";
import { hasProbes } from "./unrunnable.js";

export type AlikeReading = {
  readonly head: ConfigHead;
  /** As packed-services.ts packs them. */
  readonly lines: readonly string[];
  readonly servers: number;
  readonly starts: readonly number[];
  readonly probes: boolean;
  readonly readsMore: boolean;
  readonly prepare: () => PreparedTable;
};

/** Undefined: it is to be read as a whole. `alone`: as in quick-reading.ts. */
export async function alikeReading(
  text: string,
  node: string | undefined,
  alone = false,
): Promise<AlikeReading | undefined> {
  const alike = findAlike(text);
  if (alike === undefined) return undefined;
  const { reduced, services, starts } = alike;
  const known = await readQuickly(reduced, text, node, alone);
  if (known === undefined || known.read.warnings.length > 0) return undefined;
  const { read, readsMore } = known;
  const { services: kinds, ...head } = read.config;
  const packed = packAlike(kinds, services, read.virtual);
  if (packed === undefined) return undefined;
  return {
    head,
    lines: packed.lines,
    servers: packed.servers,
    starts,
    probes: hasProbes(read.config),
    readsMore,
    prepare: () => prepareAlike(kinds, services, packed.ids, head.ipvs.massFailure),
  };
}
