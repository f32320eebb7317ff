// Makes garbage, so that a process spends its time collecting it: half of the time when loaded into a program with
// --import, all of it when started as a program of its own with "all".

import { GARBAGE_AFTER_MS } from "./garbage-timing.js";

const alone = process.argv[2] === "all";
const share = alone ? 1 : 0.5;
const PERIOD_MS = 20;
const kept: object[][] = [];

function litter(): void {
  const until = performance.now() + PERIOD_MS * share;
  while (performance.now() < until) {
    // Some live for a while, so that the old generation has work too.
    kept.push(Array.from({ length: 500 }, (_, i) => ({ i, text: `garbage ${i}` })));
    if (kept.length > 200) kept.splice(0, 100);
  }
}

const start = (): void => void setInterval(litter, PERIOD_MS);
// Unreferenced: a short-lived program that is loaded with this must still end.
if (alone) start();
else setTimeout(start, GARBAGE_AFTER_MS).unref();
