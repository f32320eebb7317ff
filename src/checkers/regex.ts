// Looks for a regular expression in what a server sent, within a limit of time: a pattern can take exponential time
// on an unlucky text, and all other checks would wait for it. Time in which this process did not run, because the machine
// is busy or was asleep, is not the pattern's. Whoever searches several texts for one verdict has one budget for all.

import { Script, createContext } from "node:vm";

export const REGEX_LIMIT_MS = 50;

const NOTHING: readonly string[] = [];
const sandbox = createContext({ pattern: "", flags: "", texts: NOTHING });
// All texts in one go: to enter the context costs more than an easy pattern.
const search = new Script(`{
  const sought = new RegExp(pattern, flags);
  let end = -1;
  for (const text of texts) {
    const found = sought.exec(text);
    if (found === null) continue;
    end = found.index + found[0].length;
    break;
  }
  end;
}`);

/** What is left for searching, in milliseconds of processor time. */
export type RegexBudget = { left: number };
export const regexBudget = (left = REGEX_LIMIT_MS): RegexBudget => ({ left });

/** Where the first match ends, -1 without one; undefined: it took too long. */
export const matchEnd = (
  pattern: string,
  flags: string,
  text: string,
  budget?: RegexBudget,
): number | undefined => endIn(pattern, flags, [text], budget);

/** Whether one of the texts matches; undefined: it took too long. */
export function anyMatches(
  pattern: string,
  flags: string,
  texts: readonly string[],
  budget?: RegexBudget,
): boolean | undefined {
  const end = endIn(pattern, flags, texts, budget);
  return end === undefined ? undefined : end >= 0;
}

function endIn(
  pattern: string,
  flags: string,
  texts: readonly string[],
  budget = regexBudget(),
): number | undefined {
  Object.assign(sandbox, { pattern, flags, texts });
  try {
    for (let mine = Math.min(REGEX_LIMIT_MS, budget.left); mine > 0;) {
      const before = process.cpuUsage();
      const end = searchFor(mine);
      const { user, system } = process.cpuUsage(before);
      const spent = (user + system) / 1000;
      // A search that came to no end has spent something, so that this does, wherever the time has gone.
      const counted = end === undefined ? Math.max(REGEX_LIMIT_MS / 10, spent) : spent;
      budget.left -= counted;
      mine -= counted;
      if (end !== undefined) return end;
    }
    return undefined;
  } finally {
    Object.assign(sandbox, { texts: NOTHING });
  }
}

function searchFor(timeout: number): number | undefined {
  try {
    return search.runInContext(sandbox, { timeout: Math.ceil(timeout) }) as number;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
    throw error;
  }
}

/** What keeps it from being one, for people. */
export function regexProblem(pattern: string, flags: string): string | undefined {
  if (pattern === "" || pattern.length > 1024) return "needs a regular expression of 1 to 1024 characters";
  try {
    new RegExp(pattern, flags);
    return undefined;
  } catch (error) {
    return `has a bad regular expression: ${(error as Error).message.replace(/^Invalid regular expression: /, "")}`;
  }
}
