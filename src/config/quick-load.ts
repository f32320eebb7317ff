// A configuration about which there is nothing to say, read without zod and without a parser of all of YAML. Gives up
// at whatever is wrong or worth a warning: load.ts then reads the file, and has the words and the places.

import type { IpAddress } from "../core/address.js";
import type { CheckerSpec } from "./checker-spec.js";
import type { Problem } from "./diagnostic.js";
import type { Loaded, LoadRequest } from "./load.js";
import { readPlainYaml } from "./plain-yaml.js";
import { quickReader, WRONG, type QuickReader } from "./quick.js";
import { collect } from "./report.js";
import { findNode, resolveConfig } from "./resolve.js";
import { virtualAddresses } from "./resolve-services.js";
import { fileSchema, type WrittenFile } from "./schema.js";

export type QuicklyLoaded = Pick<Required<Loaded>, "config"> & Pick<Loaded, "starts">;
export type QuicklyRead = QuicklyLoaded & {
  /** The addresses of all instances. */
  readonly virtual: ReadonlySet<IpAddress>;
  /** Nothing worse. Where they stand is to be found out (place.ts). */
  readonly warnings: readonly Problem[];
};

/** What `loadConfig` gives when it gives no diagnostic; undefined: it may give some. */
export function quickLoad(request: Omit<LoadRequest, "path">): QuicklyLoaded | undefined {
  const read = quickRead(request);
  if (read === undefined || read.warnings.length > 0) return undefined;
  const { config, starts } = read;
  return starts === undefined ? { config } : { config, starts };
}

/** The same, also of a file of which there are warnings. */
export function quickRead({
  text,
  checkers,
  identity,
  ...others
}: Omit<LoadRequest, "path">): QuicklyRead | undefined {
  const tree = readPlainYaml(text);
  if (tree === undefined) return undefined;
  const file = readerFor(checkers)(tree.value);
  if (file === WRONG) return undefined;
  const written = file as WrittenFile;
  const problems: Problem[] = [];
  const report = collect(problems);
  const node = findNode(Object.keys(written.nodes), identity, report);
  if (node === undefined) return undefined;
  const config = resolveConfig(written, node, checkers, others, report);
  if (problems.some(({ severity }) => severity === "error")) return undefined;
  const read = { config, virtual: virtualAddresses(written), warnings: problems };
  const starts = tree.entriesOf("services");
  return starts?.length === config.services.length + 1 ? { ...read, starts } : read;
}

/** Made once for a list of checkers; with the list it goes. */
const readers = new WeakMap<readonly CheckerSpec[], QuickReader>();

function readerFor(checkers: readonly CheckerSpec[]): QuickReader {
  let reader = readers.get(checkers);
  if (reader === undefined) readers.set(checkers, (reader = quickReader(fileSchema(checkers))));
  return reader;
}
