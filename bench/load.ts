// Every core busy with making and collecting garbage.

import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";

export const GARBAGE = join(import.meta.dirname, "garbage.js");

/** Gives what ends it. */
export function loadEveryCore(): () => void {
  const busy = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, [GARBAGE, "all"], { stdio: "ignore" }),
  );
  return () => {
    for (const child of busy) child.kill("SIGKILL");
  };
}
