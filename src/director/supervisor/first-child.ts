// The first checks process of `vipd run`: begun before the rest of the program is loaded, because the kernel's table
// waits for both, and both take about as long. Whoever starts one next takes it. Bundled, the rest of the program is
// another file (tools/bundle.mjs), with modules of its own, so that it lies where all of them find it.

import { forkChild, type Forked } from "./forked.js";

const PLACE = Symbol.for("vipd.first-child");
type Place = { [PLACE]?: Forked | undefined };
const place = globalThis as Place;

export function startFirstChild(): void {
  place[PLACE] = forkChild("checks");
}

/** Undefined: it was never started, or is taken. */
export function takeFirstChild(): Forked | undefined {
  const first = place[PLACE];
  place[PLACE] = undefined;
  return first;
}

/** There will be no daemon: it has nothing to do, and nothing to put in order. */
export function endFirstChild(): void {
  takeFirstChild()?.child.kill("SIGKILL");
}
