// What is wrong in a file beside what cannot be read. The parts that cannot be read are mended in many ways, and the
// whole is looked at each time: a problem that is there whatever they were meant to be is told, and none that one way
// of mending does away with. So no problem follows from another one, and none waits until another is mended.

import type { Breakage } from "./breakage.js";
import { pathId, type Path, type Problem } from "./diagnostic.js";
import type { Mender } from "./mend.js";
import { collect, type Report } from "./report.js";

/** A file is looked at so often that all its values together are looked at no more than this. */
const MOST_VALUES = 300_000;
const FEWEST_WAYS = 12;

/** `size`: how many values the file has, more or less. */
export function problemsBesides(
  mender: Mender,
  breakage: Breakage,
  size: number,
  inspect: (tree: unknown, report: Report) => void,
): readonly Problem[] {
  const most = Math.max(FEWEST_WAYS, Math.floor(MOST_VALUES / size));
  const ways = Math.min(mender.ways, most);
  let told: ReadonlyMap<string, Problem> | undefined;
  for (let way = 0; way < ways; way++) {
    const mended = mender.mend(way);
    if (mended === undefined) continue;
    const found: Problem[] = [...mended.hidden];
    inspect(mended.tree, collect(found, breakage));
    const here = new Map(
      found
        .filter(({ path }) => !breakage.contains(path))
        .map((problem) => [`${pathId(problem.path)} ${problem.code} ${problem.message}`, problem]),
    );
    told = told === undefined ? here : inBoth(told, here);
    if (told.size === 0) return [];
  }
  const left = [...(told ?? new Map<string, Problem>()).values()];
  return ways === mender.ways ? left : left.filter(({ path }) => !isNear(path, breakage));
}

/** A remedy that is another one here and there is none. */
function inBoth(
  told: ReadonlyMap<string, Problem>,
  here: ReadonlyMap<string, Problem>,
): ReadonlyMap<string, Problem> {
  const both = new Map<string, Problem>();
  for (const [id, problem] of told) {
    const other = here.get(id);
    if (other === undefined) continue;
    const { hint, ...rest } = problem;
    both.set(id, hint === undefined || hint === other.hint ? problem : rest);
  }
  return both;
}

/** Whether the path leads to an entry of the file that lacks a part, and so may depend on what was not tried. */
const isNear = (path: Path, { lost }: Breakage): boolean =>
  lost.some((one) => one.path.length === 0 || pathId(one.path.slice(0, 2)) === pathId(path.slice(0, 2)));
