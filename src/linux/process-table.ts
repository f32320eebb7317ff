// Looks for processes in /proc. Those that were found before are looked at first: while enough of them live, a
// look costs one file for each; only when one has gone is every process of the host looked at. (The kernel's
// process connector would tell of every fork and exec of a busy host, and exists in the first namespace alone:
// docs/adr/0014.) A zombie has ended.

import { closeSync, openSync, readdirSync, readSync } from "node:fs";

import type { ProcessMatch } from "../config/model.js";
import type { Processes } from "../ports/processes.js";

/** Of a command line so much is looked at. */
const LONGEST = 16_384;

export class ProcessTable implements Processes {
  private readonly folder: string;
  private readonly known = new Map<string, readonly string[]>();
  private readonly buffer = Buffer.alloc(LONGEST);

  constructor(folder = "/proc") {
    this.folder = folder;
  }

  count(match: ProcessMatch, enough: number): number {
    const key = `${match.name} ${match.arguments ?? ""}`;
    const still = (this.known.get(key) ?? []).filter((pid) => this.matches(pid, match));
    const found = still.length >= enough ? still : this.search(match, enough);
    this.known.set(key, found);
    return Math.min(found.length, enough);
  }

  private search(match: ProcessMatch, enough: number): string[] {
    const found: string[] = [];
    for (const entry of readdirSync(this.folder)) {
      if (found.length === enough) break;
      const first = entry.charCodeAt(0);
      if (first >= 0x30 && first <= 0x39 && this.matches(entry, match)) found.push(entry);
    }
    return found;
  }

  private matches(pid: string, match: ProcessMatch): boolean {
    // proc_pid_stat(5): number, name in parentheses (which the name may contain, too), state.
    const stat = this.read(pid, "stat");
    const end = stat.lastIndexOf(")");
    if (end < 0 || stat.slice(stat.indexOf("(") + 1, end) !== match.name) return false;
    const state = stat[end + 2];
    if (state === "Z" || state === "X") return false;
    if (match.arguments === undefined) return true;
    return this.read(pid, "cmdline").replaceAll("\0", " ").includes(match.arguments);
  }

  /** "" of a process that is gone. */
  private read(pid: string, file: "stat" | "cmdline"): string {
    let fd: number | undefined;
    try {
      fd = openSync(`${this.folder}/${pid}/${file}`, "r");
      return this.buffer.toString("utf8", 0, readSync(fd, this.buffer, 0, LONGEST, 0));
    } catch {
      return "";
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}
