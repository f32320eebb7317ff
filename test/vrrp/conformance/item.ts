// One item of the conformance list as a test. tools/conformance.ts reads the calls out of the test files, so the id
// and the sentence are written out there; an id that is none does not compile.

import { test, type TestOptions } from "node:test";
import type { RuleId } from "./rules.js";

/** `how`: what is shown, as it stands in docs/vrrp-conformance.md. */
export function item(
  id: RuleId,
  how: string,
  check: () => void | Promise<void>,
  options: TestOptions = {},
): void {
  void test(`${id} ${how}`, options, check);
}
