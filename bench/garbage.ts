// Makes garbage, so that a process spends its time collecting it: half of the time when loaded into a program with
// --import, all of it when started as a program of its own with "all".

const share = process.argv[2] === "all" ? 1 : 0.5;
const PERIOD_MS = 20;
const kept: object[][] = [];

setInterval(() => {
  const until = performance.now() + PERIOD_MS * share;
  while (performance.now() < until) {
    // Some live for a while, so that the old generation has work too.
    kept.push(Array.from({ length: 500 }, (_, i) => ({ i, text: `garbage ${i}` })));
    if (kept.length > 200) kept.splice(0, 100);
  }
}, PERIOD_MS);
