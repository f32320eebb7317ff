// A configuration about which there is nothing to say, read without zod and without a parser of all of YAML. Gives up
// at whatever is wrong or worth a warning: load.ts then reads the file, and has the words and the places.

import type { Problem } from "./diagnostic.js";
import type { Loaded, LoadRequest } from "./load.js";
import { readPlainYaml } from "./plain-yaml.js";
import { quickReader, WRONG } from "./quick.js";
import { collect } from "./report.js";
import { findNode, resolveConfig } from "./resolve.js";
import { fileSchema, type WrittenFile } from "./schema.js";

/** What `loadConfig` gives when it gives no diagnostic; undefined: it may give some. */
export function quickLoad({
  text,
  checkers,
  identity,
  ...readers
}: Omit<LoadRequest, "path">): (Pick<Required<Loaded>, "config"> & Pick<Loaded, "starts">) | undefined {
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
  return starts?.length === config.services.length + 1 ? { config, starts } : { config };
}
