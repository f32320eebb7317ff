// Whether an answer by HTTP is as it is wanted: its status, and what is in its body.

import { fail, ok, type CheckResult, type Phases } from "./checker.js";
import { bodyProblem, type BodyWish } from "./http-body.js";
import type { Answer, Method } from "./http-request.js";

export type StatusRange = { readonly from: number; readonly to: number };
export type PageWish = {
  readonly method: Method;
  readonly path: string;
  readonly wanted: readonly StatusRange[];
  readonly body: BodyWish | undefined;
  readonly maxBody: number;
};

export const inSet = (status: number, set: readonly StatusRange[]): boolean =>
  set.some((range) => status >= range.from && status <= range.to);

const setText = (set: readonly StatusRange[]): string =>
  set.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(", ");

/** What an answer means. `maxBody`: how much of its body was read. */
export function judge(
  answer: Answer,
  { method, path, wanted, body, maxBody }: PageWish,
  phases: Phases,
): CheckResult {
  const seen = `${method} ${path}: ${answer.status} ${answer.reasonPhrase}`.trimEnd();
  if (!inSet(answer.status, wanted)) return fail("bad-status", `${seen}, wanted ${setText(wanted)}`, phases);
  if (body === undefined) return ok(seen, phases);
  const found = bodyProblem(body, answer.body);
  if (found === undefined) return ok(seen, phases);
  const { coding } = answer;
  const problem = coding === undefined ? found : `${found}; the server sent it as ${coding}`;
  return answer.cut
    ? fail(
        "too-large",
        `${seen}: the body is longer than max-body (${maxBody} bytes); of these: ${problem}`,
        phases,
      )
    : fail("body-mismatch", `${seen}: ${problem}`, phases);
}
