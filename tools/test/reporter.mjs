// A node:test reporter for many layers: silent about what passed, loud about what failed or was skipped, and a last
// line that tools/test.mjs adds up. Refuses to know layers.

import { relative } from "node:path";
import { inspect } from "node:util";

export const TOTAL = /^@total (\d+) (\d+) (\d+)(.*)$/;

const place = (data) =>
  data.file === undefined
    ? ""
    : ` (${relative(process.cwd(), data.file)}${data.line ? `:${data.line}` : ""})`;

function reason(error) {
  const cause = error?.cause ?? error;
  const text =
    cause instanceof Error || typeof cause?.stack === "string"
      ? (cause.stack ?? cause.message)
      : typeof cause === "string"
        ? cause
        : // Across processes an error may have lost its prototype, and with it what makes a text of it.
          inspect(cause);
  return text
    .split("\n")
    .filter((line) => !line.includes("node:internal"))
    .map((line) => `      ${line}`)
    .join("\n");
}

export default async function* report(source) {
  const count = { pass: 0, fail: 0, skip: 0 };
  const failedIn = new Set();
  for await (const { type, data } of source) {
    if (type === "test:stdout" || type === "test:stderr") yield data.message;
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A suite counts only for what is in it, and so does a test that failed because one inside it did.
    if (data.details?.type === "suite" || data.details?.error?.failureType === "subtestsFailed") continue;
    if (data.skip !== undefined && data.skip !== false) {
      count.skip++;
      yield `  skipped: ${data.name}: ${typeof data.skip === "string" ? data.skip : "no reason given"}\n`;
    } else if (type === "test:pass") count.pass++;
    else {
      count.fail++;
      if (data.file !== undefined) failedIn.add(relative(process.cwd(), data.file));
      yield `  FAILED: ${data.name}${place(data)}\n${reason(data.details.error)}\n`;
    }
  }
  yield `@total ${count.pass} ${count.fail} ${count.skip} ${[...failedIn].join(" ")}\n`;
}
