// How many descriptors this process may have open. Node raises its own soft limit to the hard one at start.

import { readFileSync } from "node:fs";

/** What is assumed where /proc does not say: the usual soft limit. */
const USUAL = 1024;

export function openFilesLimit(): number {
  let text: string;
  try {
    text = readFileSync("/proc/self/limits", "utf8");
  } catch {
    return USUAL;
  }
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  if (soft === "unlimited") return Number.MAX_SAFE_INTEGER;
  return soft === undefined ? USUAL : Number(soft);
}
