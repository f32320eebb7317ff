// Small records of the runtime directory that a successor reads: written whole or not at all, and of this boot alone.

import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** Under another name first: whoever reads sees the old record or the new one, never half of one. For root's eyes. */
export function replaceRecord(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Undefined where there is none. Throws when it cannot be read. */
export function readRecord(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Differs from boot to boot; empty where the kernel does not tell. */
export const bootId = (): string => readRecord("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
