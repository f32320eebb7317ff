// What makes a check the same check: of a server after a new configuration, and as a run that several servers share.

import type { Checker } from "../checkers/checker.js";
import { findChecker } from "../checkers/registry.js";
import type { CheckConfig, ServerConfig, ServiceConfig } from "../config/model.js";
import { runKey } from "./check-runs.js";
import { targetOf } from "./check-target.js";
import { OptionNumbers } from "./option-numbers.js";

export class CheckKeys {
  private readonly optionNumbers = new OptionNumbers();

  /** `taken`: keys of the same server's checks before this one. */
  ofServer(check: CheckConfig, taken: readonly { readonly key: string }[]): string {
    const needs = check.needs === undefined ? "" : ` ${JSON.stringify(check.needs)}`;
    const key = `${check.type} ${this.optionNumbers.of(check)}${needs}`;
    let unique = key;
    for (let nth = 2; taken.some((record) => record.key === unique); nth++) unique = `${key} ${nth}`;
    return unique;
  }

  ofRun(service: ServiceConfig, server: ServerConfig, check: CheckConfig): string {
    return runKey(checkerOf(check), check, this.optionNumbers.of(check), targetOf(service, server));
  }

  forgetUnused(inUse: () => Iterable<CheckConfig>): void {
    this.optionNumbers.forgetUnused(inUse);
  }
}

export function checkerOf({ type }: CheckConfig): Checker {
  const checker = findChecker(type);
  if (checker === undefined) throw new Error(`there is no checker "${type}"`);
  return checker;
}
