// A reading of a file of very many services that are alike (config/alike.ts), about which there is nothing to say: what
// quick-reading.ts gives and what is made of it, without a thousand services in between.

import { findAlike } from "../../config/alike.js";
import { quickRead } from "../../config/quick-load.js";
import { packAlike } from "../../control/packed-alike.js";
import type { PreparedTable } from "../../ipvs/prepared.js";
import { readSecretFile } from "../../linux/secret-file.js";
import { prepareAlike } from "../prepare-alike.js";
import type { ConfigHead } from "./config-source.js";
import { CHECKERS, identityOf } from "./quick-reading.js";
import { schedulesFor } from "./schedules.js";
import { findUnrunnable, hasProbes } from "./unrunnable.js";

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

/** Undefined: it is to be read as a whole. */
export async function alikeReading(
  text: string,
  node: string | undefined,
): Promise<AlikeReading | undefined> {
  const alike = findAlike(text);
  if (alike === undefined) return undefined;
  const { reduced, services, starts } = alike;
  let readsMore = false;
  const read = quickRead({
    text: reduced,
    checkers: CHECKERS,
    identity: identityOf(node),
    readSecret: (file) => {
      readsMore = true;
      return readSecretFile(file);
    },
    readSchedule: await schedulesFor(text),
  });
  if (read === undefined || read.warnings.length > 0 || findUnrunnable(read.config).length > 0)
    return undefined;
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
