// `vipd ipvs --restore`: adds what a saved table says to the kernel's. A file with a mistake changes nothing; what the
// kernel refuses, because it is there already for example, is said line by line, and the other lines count.

import { readFileSync } from "node:fs";
import { count } from "../core/words.js";
import { serviceId } from "../ipvs/model.js";
import { parseSaved, type LineProblem, type SavedLine } from "../ipvs/saved-parse.js";
import { ask } from "./client.js";
import { EXIT, type ExitCode, type Output } from "./command.js";

const STANDARD_INPUT = 0;

export async function restoreTable(
  file: string,
  runtimeDirectory: string,
  output: Output,
): Promise<ExitCode> {
  let text: string;
  try {
    text = readFileSync(file === "-" ? STANDARD_INPUT : file, "utf8");
  } catch (error) {
    output.err(`vipd ipvs: ${file}: ${(error as Error).message}\n`);
    return EXIT.failed;
  }
  const name = file === "-" ? "standard input" : file;
  const say = ({ line, text: words }: LineProblem): void =>
    void output.err(`${name}:${line}: error: ${words}\n`);
  const { namesIn } = await import("../linux/saved-names.js");
  const { lines, problems } = parseSaved(text, await namesIn(text));
  if (problems.length > 0) {
    for (const problem of problems) say(problem);
    output.err(`vipd ipvs: ${count(problems.length, "line")} cannot be read: nothing was added\n`);
    return EXIT.failed;
  }
  const { addToKernel } = await import("../linux/ipvs-restore.js");
  const result = addToKernel(lines.map(({ addition }) => addition));
  if (!result.ok) {
    output.err(`vipd ipvs: ${result.error}\n`);
    return EXIT.failed;
  }
  const refused = lines.flatMap(({ line }, i) => {
    const words = result.value[i] ?? null;
    return words === null ? [] : [{ line, text: words }];
  });
  for (const problem of refused) say(problem);
  await warnOfDaemon(lines, runtimeDirectory, output);
  if (refused.length === 0) return EXIT.ok;
  output.err(`vipd ipvs: ${lines.length - refused.length} of ${count(lines.length, "line")} added\n`);
  return EXIT.failed;
}

/** Services that are named one by one. */
const MOST_NAMED = 4;

/** Who has a vipd running should not wonder that it puts its own services in order again. */
async function warnOfDaemon(
  lines: readonly SavedLine[],
  runtimeDirectory: string,
  output: Output,
): Promise<void> {
  const running: { pid: number | null } = { pid: null };
  // That nobody answers is the common case, and no news.
  const quiet = { out: () => undefined, err: () => undefined };
  await ask(runtimeDirectory, { request: "status" }, quiet, (reply) => {
    if (reply.reply === "status") running.pid = reply.status.pid;
  });
  if (running.pid === null) return;
  const { ownershipFile } = await import("../director/ipvs-ownership.js");
  const { services } = ownershipFile(runtimeDirectory).load().owned;
  const named = new Set(
    lines.map(({ addition }) => serviceId(addition.kind === "service" ? addition.service.key : addition.key)),
  );
  const owned = [...named].filter((id) => services.has(id));
  const more = owned.length > MOST_NAMED ? ` and ${owned.length - MOST_NAMED} more` : "";
  output.err(
    owned.length === 0
      ? `warning: vipd runs here (pid ${running.pid}); it leaves services alone that its configuration does not name\n`
      : `warning: vipd runs here (pid ${running.pid}) and owns ${owned.slice(0, MOST_NAMED).join(", ")}${more}: ` +
          "it takes out again what its configuration does not say\n",
  );
}
