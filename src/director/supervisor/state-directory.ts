// The state directory: what must outlive a reboot, which clears the runtime directory. Nothing in it is needed for
// a start; where it cannot be written the runtime directory takes its place, and that is said.

import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";
import { DEFAULT_RUNTIME_DIRECTORY, makeDirectory } from "./runtime-directory.js";

export const DEFAULT_STATE_DIRECTORY = "/var/lib/vipd";

export type StateDirectory = {
  readonly path: string;
  /** Why it is not the one that was asked for, for people. */
  readonly problem?: string;
};

/**
 * Makes it where it is missing; for root's eyes. `wanted`: as given by --state-dir. A vipd with a runtime directory of
 * its own is not the only one on the machine, and must not share what the other one keeps.
 */
export function openStateDirectory(wanted: string | undefined, runtimeDirectory: string): StateDirectory {
  if (wanted === undefined && runtimeDirectory !== DEFAULT_RUNTIME_DIRECTORY)
    return { path: runtimeDirectory };
  const path = resolve(wanted ?? DEFAULT_STATE_DIRECTORY);
  try {
    makeDirectory(path, 0o700);
    if (!statSync(path).isDirectory()) throw new Error("not a directory");
    accessSync(path, constants.W_OK | constants.X_OK);
    return { path };
  } catch (error) {
    return {
      path: runtimeDirectory,
      problem:
        `state directory ${path} is not usable: ${(error as Error).message}. What operators order is kept in ` +
        `${runtimeDirectory} instead, and is lost with a reboot. Give another with --state-dir`,
    };
  }
}
