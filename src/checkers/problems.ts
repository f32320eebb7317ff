// What would make checks fail at every run and can be found without running them: a script that is missing, a
// user that does not exist. For `vipd check`, and for a warning when a configuration is taken.

import type { ServiceConfig } from "../config/model.js";
import type { Runner } from "../ports/runner.js";
import { findChecker } from "./registry.js";

export type CheckProblem = {
  readonly service: string;
  readonly check: string;
  /** For people, with the remedy. */
  readonly text: string;
};

/** Each problem once for a service, however many of its servers have it. */
export function checkProblems(services: readonly ServiceConfig[], runner: Runner): CheckProblem[] {
  const problems: CheckProblem[] = [];
  // The same options need looking at once: a probe asks the file system.
  const seen = new Map<string, string | undefined>();
  for (const service of services) {
    const said = new Set<string>();
    for (const { checks } of service.servers) {
      for (const { type, options } of checks) {
        const problem = findChecker(type)?.problem;
        if (problem === undefined) continue;
        const key = JSON.stringify([type, options]);
        if (!seen.has(key)) seen.set(key, problem({ options: options as never, runner }));
        const text = seen.get(key);
        if (text === undefined || said.has(text)) continue;
        said.add(text);
        problems.push({ service: service.name, check: type, text });
      }
    }
  }
  return problems;
}
