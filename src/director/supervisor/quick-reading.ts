// A reading of a configuration about which there is nothing to say but warnings, on this machine either (quick-load.ts).
// Loads no zod, and js-yaml only to say where in the file a warning belongs.

import { hostname } from "node:os";
import { checkerSpecs } from "../../checkers/registry.js";
import type { Problem } from "../../config/diagnostic.js";
import { quickRead } from "../../config/quick-load.js";
import type { Identity } from "../../config/resolve.js";
import { err } from "../../core/result.js";
import * as values from "../../config/values.js";
import { readSecretFile } from "../../linux/secret-file.js";
import type { Reading } from "./reading.js";
import { schedulesFor } from "./schedules.js";
import { findUnrunnable, hasProbes } from "./unrunnable.js";

/** `unplaced`: warnings that are no diagnostics yet. */
export type QuickReading = Reading & { readonly unplaced?: readonly Problem[] };

/** The same list each time, so that what is made of it is made once. */
const CHECKERS = checkerSpecs(values);

/** Undefined: it is for config-reader.ts. `placesLater`: what the places of warnings need is not loaded for them. */
export async function quickReading(
  path: string,
  text: string,
  node: string | undefined,
  placesLater = false,
): Promise<QuickReading | undefined> {
  const known = await readQuickly(text, text, node);
  if (known === undefined) return undefined;
  const { read, readsMore } = known;
  const { config, warnings, starts } = read;
  const unplaced = placesLater && warnings.length > 0;
  const { placeIn } = warnings.length === 0 || unplaced ? {} : await import("../../config/place.js");
  const diagnostics = placeIn?.(path, text, warnings) ?? [];
  return {
    path,
    text,
    configs: [config],
    diagnostics,
    warnings: [],
    readsMore,
    ...(starts === undefined ? {} : { starts }),
    ...(unplaced ? { unplaced: warnings } : {}),
  };
}

/**
 * `whole`: the file that `text` is, or was made of. Undefined: not by this way, or something in it cannot run here.
 * `alone`: nothing else on a disk is looked at, and what needs that is not read.
 */
export async function readQuickly(text: string, whole: string, node: string | undefined, alone = false) {
  let readsMore = false;
  const read = quickRead({
    text,
    checkers: CHECKERS,
    identity: identityOf(node),
    readSecret: (file) => {
      readsMore = true;
      return alone ? NOT_ALONE : readSecretFile(file);
    },
    readSchedule: await schedulesFor(whole),
  });
  if (read === undefined || (alone ? hasProbes(read.config) : findUnrunnable(read.config).length > 0))
    return undefined;
  return { read, readsMore };
}

const NOT_ALONE = err("is not read here");

/** Whose configuration it is: the node's that was named, or this machine's. */
export const identityOf = (node: string | undefined): Identity =>
  node === undefined ? { kind: "hostname", name: hostname() } : { kind: "node", name: node };
