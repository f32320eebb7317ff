// Where a check stands in a file that was read without an error: its own server's, or its service's.

import type { Locator, Path, Span } from "./diagnostic.js";
import { valueAt } from "./problems.js";
import { readYaml } from "./yaml.js";

/** Which check of a resolved configuration: the `check`th of the `server`th server of a service, both from 0. */
export type CheckOfServer = {
  readonly service: string;
  readonly server: number;
  readonly check: number;
  readonly type: string;
};
export type CheckPlace = { readonly path: Path; readonly span: Span };

/** Finds the value of a check's options, or what is nearest to it. */
export function checkLocator(text: string): (of: CheckOfServer) => CheckPlace {
  const read = readYaml(text);
  const [value, locate]: [unknown, Locator] =
    "tree" in read ? [read.tree.value, read.tree.locate] : [undefined, () => ({ offset: 0, length: 1 })];
  return ({ service, server, check, type }) => {
    const own: Path = ["services", service, "servers", server, "check"];
    const at: Path = valueAt(value, own) === undefined ? ["services", service, "check"] : own;
    const path = [...at, ...(Array.isArray(valueAt(value, at)) ? [check] : []), type];
    return { path, span: locate(path, "value") };
  };
}
