// A reading of a configuration about which there is nothing to say, on this machine either (quick-load.ts). Loads
// neither zod nor js-yaml.

import { hostname } from "node:os";
import { checkerSpecs } from "../../checkers/registry.js";
import { quickLoad } from "../../config/quick-load.js";
import type { Identity } from "../../config/resolve.js";
import * as values from "../../config/values.js";
import { readSecretFile } from "../../linux/secret-file.js";
import type { Reading } from "./config-reader.js";
import { schedulesFor } from "./schedules.js";
import { findUnrunnable } from "./unrunnable.js";

/** Undefined: it is for config-reader.ts. */
export async function quickReading(
  path: string,
  text: string,
  node: string | undefined,
): Promise<Reading | undefined> {
  let readsMore = false;
  const loaded = quickLoad({
    text,
    checkers: checkerSpecs(values),
    identity: identityOf(node),
    readSecret: (file) => {
      readsMore = true;
      return readSecretFile(file);
    },
    readSchedule: await schedulesFor(text),
  });
  if (loaded === undefined || findUnrunnable(loaded.config).length > 0) return undefined;
  const { config, ...rest } = loaded;
  return { path, text, configs: [config], diagnostics: [], warnings: [], readsMore, ...rest };
}

/** Whose configuration it is: the node's that was named, or this machine's. */
export const identityOf = (node: string | undefined): Identity =>
  node === undefined ? { kind: "hostname", name: hostname() } : { kind: "node", name: node };
