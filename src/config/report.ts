// How the semantic checks say what they found: at a path of the file, with the rule's name. Collects instead
// of stopping, because a person wants all the problems at once.

import { Breakage } from "./breakage.js";
import { pathText, type Path, type Problem } from "./diagnostic.js";

/**
 * Whoever says that something is not there asks first whether what was looked through could be read: `isBroken` of the
 * values, `lacksNames` of the keys of a mapping. All else is seen to by whatever-is-meant.ts.
 */
export type Report = Pick<Breakage, "isBroken" | "lacksNames"> & {
  readonly error: (path: Path, code: string, message: string, hint?: string) => void;
  readonly warning: (path: Path, code: string, message: string, hint?: string) => void;
};

/** A Report that keeps what it is told in `problems`. */
export function collect(problems: Problem[], breakage = new Breakage()): Report {
  const add =
    (severity: Problem["severity"]) =>
    (path: Path, code: string, message: string, hint?: string): void => {
      problems.push({
        severity,
        path,
        at: "value",
        code,
        message: `${pathText(path)}: ${message}`,
        ...(hint === undefined ? {} : { hint }),
      });
    };
  return {
    error: add("error"),
    warning: add("warning"),
    isBroken: (pattern) => breakage.isBroken(pattern),
    lacksNames: (mapping) => breakage.lacksNames(mapping),
  };
}
