// The program `vipd`: the command line's entry. What a command needs is loaded when it is run, so that the
// daemon does not carry the config reader and `vipd status` starts at once. Of the daemon the processes that the kernel's
// table waits for are started before anything is loaded at all.

import { DEFAULT_CONFIG, EXIT } from "./cli/command.js";
import { programVersion } from "./cli/version.js";
import { endFirstChild, startFirstChild } from "./director/supervisor/first-child.js";
import { endFirstReader, looksNew, startFirstReader } from "./director/supervisor/first-reader.js";
import { firstTable } from "./director/supervisor/first-table-place.js";
import { savingProgram } from "./director/supervisor/programs.js";
import { DEFAULT_RUNTIME_DIRECTORY } from "./director/supervisor/runtime-directory.js";
import { readStartWords } from "./director/supervisor/start-words.js";
import { DEFAULT_STATE_DIRECTORY } from "./director/supervisor/state-directory.js";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough ("vipd events --follow | head") is no error; a full disk is one, but no bug.
  if (error.code === "EPIPE") process.exit();
  process.stderr.write(`vipd: the output cannot be written: ${error.message}\n`);
  process.exit(EXIT.failed);
});
// There is no place left to say that this failed; the exit code still tells the outcome.
process.stderr.on("error", () => undefined);

const words = process.argv.slice(2);
const isDaemon = words[0] === "run" && !words.includes("--help") && !words.includes("-h");
void (isDaemon ? begin() : Promise.resolve())
  .then(() => import("./cli/command-line.js"))
  .then(({ runCommandLine }) =>
    runCommandLine(words, {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
    }),
  )
  .catch((error: unknown) => {
    // An installation that does not fit together is no bug.
    if (!(error instanceof Error && "code" in error && error.code === "VIPD_ADDON")) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT.failed;
  })
  .finally(() => {
    firstTable()?.takeBack();
    endFirstReader();
    endFirstChild();
  })
  .then((code) => {
    process.exitCode = code;
  });

/** What the kernel's table waits for: at best it is there before anything else is. */
async function begin(): Promise<void> {
  const isNew = looksNew(words, { config: DEFAULT_CONFIG, state: DEFAULT_STATE_DIRECTORY });
  const defaults = { config: DEFAULT_CONFIG, runtimeDirectory: DEFAULT_RUNTIME_DIRECTORY };
  const start = {
    words: readStartWords(words, defaults),
    program: savingProgram(programVersion()),
    isNew,
  };
  const isKnown = await import("./director/supervisor/first-table.js").then(
    ({ sendFirstTable }) => sendFirstTable(start),
    // What is not installed is told of below.
    () => false,
  );
  if (isNew && !isKnown) startFirstReader();
  startFirstChild();
}
