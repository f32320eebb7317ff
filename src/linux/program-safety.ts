// Who could change a program that is to be run as root: each part of the way to it is looked at, links followed
// as the kernel follows them. Whoever may write to a folder on the way can put another program in its place.

import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";

/** path_resolution(7): more links than this on one way are a circle. */
const MOST_LINKS = 40;

/** The part that somebody other than root may change, and how to mend it; undefined: there is none. */
export function changeableByOthers(path: string): string | undefined {
  let folder = "/";
  let isSticky = false;
  let links = 0;
  const names = ["", ...namesIn(path)];
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const here = name === ".." ? dirname(folder) : join(folder, name);
    const part = lstatSync(here);
    if (part.isSymbolicLink()) {
      // Of a sticky folder's links each owner may put another in place of his own.
      if (isSticky && part.uid !== 0) return foreign(here, part, "-h ");
      if (++links > MOST_LINKS) return `${here} leads in a circle`;
      const target = readlinkSync(here);
      names.unshift(...namesIn(target));
      if (target.startsWith("/")) {
        folder = "/";
        isSticky = false;
      }
      continue;
    }
    const problem = problemOf(here, part);
    if (problem !== undefined) return problem;
    isSticky = part.isDirectory() && (part.mode & 0o1000) !== 0;
    folder = here;
  }
  return undefined;
}

const namesIn = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

function problemOf(path: string, part: Stats): string | undefined {
  if (part.uid !== 0) return foreign(path, part, "");
  // Others may add to a sticky folder, but not replace what is there.
  if (part.isDirectory() && (part.mode & 0o1000) !== 0) return undefined;
  const byAll = (part.mode & 0o002) !== 0;
  const byGroup = (part.mode & 0o020) !== 0 && part.gid !== 0;
  if (!byAll && !byGroup) return undefined;
  const who = byAll ? "others" : `others, the group ${part.gid},`;
  return `${who} may write to ${path}: chmod go-w ${path}`;
}

const foreign = (path: string, part: Stats, flag: string): string =>
  `${path} belongs to user ${part.uid}: chown ${flag}root ${path}`;
