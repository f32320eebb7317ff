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

/** Finds a value, that of a check's options for example, or what is nearest to it. */
export function placeFinder(text: string): (of: CheckOfServer | Path) => CheckPlace {
  const read = readYaml(text);
  const value = read.tree?.value;
  const locate: Locator = read.tree?.locate ?? (() => ({ offset: 0, length: 1 }));
  const found = (path: Path): CheckPlace => ({ path, span: locate(path, "value") });
  return (of) => {
    if (!("service" in of)) return found(of);
    const { service, server, check, type } = of;
    const own: Path = ["services", service, "servers", server, "check"];
    const at: Path = valueAt(value, own) === undefined ? ["services", service, "check"] : own;
    return found([...at, ...(Array.isArray(valueAt(value, at)) ? [check] : []), type]);
  };
}
