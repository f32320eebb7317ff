// Whether the kernel has a module, in itself or loaded, and loading one.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";

/** Loading one takes milliseconds. */
const MODPROBE_MS = 10_000;

/** `lists`: where the running kernel's modules and their lists are. */
export const hasModule = (name: string, lists = `/lib/modules/${release()}`): boolean =>
  existsSync(`/sys/module/${name}`) || isBuiltIn(name, lists);

/** The kernel's own parts are in /sys only when they have parameters. */
function isBuiltIn(name: string, lists: string): boolean {
  try {
    const builtIn = readFileSync(`${lists}/modules.builtin`, "utf8");
    return builtIn.split("\n").some((path) => path.endsWith(`/${name}.ko`));
  } catch {
    return false;
  }
}

/** Gives why not, and the remedy. */
export function loadModule(name: string): string | undefined {
  const { status, stderr, error } = spawnSync("modprobe", [name], {
    encoding: "utf8",
    timeout: MODPROBE_MS,
  });
  if (status === 0) return undefined;
  const why = (error?.message ?? stderr.trim()) || `modprobe ended with ${status ?? "a signal"}`;
  return `the kernel module ${name} could not be loaded: ${why}; as root: modprobe ${name}`;
}
