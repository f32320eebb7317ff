// The program `vipd`: the command line's entry. What a command needs is loaded when it is run, so that the
// daemon does not carry the config reader and `vipd status` starts at once.

import { runCommandLine } from "./cli/command-line.js";

// A reader that has seen enough ("vipd events --follow | head") is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

void runCommandLine(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
}).then((code) => {
  process.exitCode = code;
});
