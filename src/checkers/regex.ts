// Looks for a regular expression in what a server sent, within a limit of time: a pattern can take exponential time
// on an unlucky text, and all other checks would wait for it. Time in which this process did not run, because the machine
// is busy or was asleep, is not the pattern's.

import { Script, createContext } from "node:vm";

export const REGEX_LIMIT_MS = 50;

const sandbox = createContext({ pattern: "", flags: "", text: "" });
const search = new Script(
  "{ const found = new RegExp(pattern, flags).exec(text); found === null ? -1 : found.index + found[0].length; }",
);

/** Where the first match ends, -1 without one; undefined: it took too long. */
export function matchEnd(pattern: string, flags: string, text: string): number | undefined {
  Object.assign(sandbox, { pattern, flags, text });
  try {
    for (let left = REGEX_LIMIT_MS; left > 0;) {
      const before = process.cpuUsage();
      const end = searchFor(left);
      if (end !== undefined) return end;
      const { user, system } = process.cpuUsage(before);
      // At least something, so that it comes to an end wherever the time has gone.
      left -= Math.max(REGEX_LIMIT_MS / 10, (user + system) / 1000);
    }
    return undefined;
  } finally {
    Object.assign(sandbox, { text: "" });
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
