// A configuration about which there is nothing to say, read without zod and without a parser of all of YAML. Gives up
// at whatever is wrong or worth a warning: load.ts then reads the file, and has the words and the places.

import type { IpAddress } from "../core/address.js";
import type { Problem } from "./diagnostic.js";
import type { Loaded, LoadRequest } from "./load.js";
import { readPlainYaml } from "./plain-yaml.js";
import { quickReader, WRONG } from "./quick.js";
import { collect } from "./report.js";
import { findNode, resolveConfig } from "./resolve.js";
import { virtualAddresses } from "./resolve-services.js";
import { fileSchema, type WrittenFile } from "./schema.js";

export type QuicklyLoaded = Pick<Required<Loaded>, "config"> & Pick<Loaded, "starts">;
/** `virtual`: the addresses of all instances. */
export type QuicklyRead = QuicklyLoaded & { readonly virtual: ReadonlySet<IpAddress> };

/** What `loadConfig` gives when it gives no diagnostic; undefined: it may give some. */
export function quickLoad(request: Omit<LoadRequest, "path">): QuicklyLoaded | undefined {
  const read = quickRead(request);
  if (read === undefined) return undefined;
  const { virtual: _, ...loaded } = read;
  return loaded;
}

/** The same, with more of what stands in the file. */
export function quickRead({
  text,
  checkers,
  identity,
  ...readers
}: Omit<LoadRequest, "path">): QuicklyRead | undefined {
  const tree = readPlainYaml(text);
  if (tree === undefined) return undefined;
  const file = quickReader(fileSchema(checkers))(tree.value);
  if (file === WRONG) return undefined;
  const written = file as WrittenFile;
  const problems: Problem[] = [];
  const report = collect(problems);
  const node = findNode(Object.keys(written.nodes), identity, report);
  if (node === undefined) return undefined;
  const config = resolveConfig(written, node, checkers, readers, report);
  if (problems.length > 0) return undefined;
  const starts = tree.entriesOf("services");
  const virtual = virtualAddresses(written);
  return starts?.length === config.services.length + 1 ? { config, virtual, starts } : { config, virtual };
}
