// The kernel's table at size: 1,000 services with 10 real servers each. Needs IPVS, so the measuring itself
// (table-inside.ts) runs in the test VM, for both kinds in one boot.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Kind } from "./pair.js";
import type { Measurement } from "./row.js";
import { atMost } from "./row.js";
import type { TableFigures } from "./table-inside.js";

export const table: Measurement = {
  name: "table",
  summary: "start to complete kernel table with 10,000 real servers, reload of one weight, memory",
  measure(kinds, say) {
    const start: Partial<Record<Kind, number>> = {};
    const reload: Partial<Record<Kind, number>> = {};
    const rss: Partial<Record<Kind, number>> = {};
    const pss: Partial<Record<Kind, number>> = {};
    const inside = join(import.meta.dirname, "table-inside.js");
    say(`table: ${kinds.join(", ")} in the test VM`);
    const vm = ["tools/vm.mjs", "--timeout", "900", "--", process.execPath, inside, ...kinds];
    const { status, stdout } = spawnSync(process.execPath, vm, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    for (const line of stdout.split("\n")) {
      if (!line.startsWith("{")) {
        if (line !== "") say(`table: ${line}`);
        continue;
      }
      const figures = JSON.parse(line) as TableFigures;
      start[figures.kind] = figures.start / 1000;
      reload[figures.kind] = figures.reload / 1000;
      rss[figures.kind] = figures.rss / 1024;
      pss[figures.kind] = figures.pss / 1024;
    }
    if (status !== 0) say(`table: the measuring ended with ${String(status)}`);
    const what = "1,000 services x 10 real servers (VM)";
    return Promise.resolve([
      {
        what: `start to complete table, ${what}`,
        unit: "s",
        figures: start,
        target: "<= 1.0 x",
        reached: atMost(1),
      },
      {
        what: `reload of one weight, ${what}`,
        unit: "s",
        figures: reload,
        target: "<= 0.2 x",
        reached: atMost(0.2),
      },
      {
        what: `resident memory, sum over all processes (RSS), ${what}`,
        unit: "MB",
        figures: rss,
        target: "< 160 MB",
        reached: (vipd) => vipd < 160,
      },
      {
        // proc(5), Pss in smaps_rollup: of pages that several processes share, each has its part.
        what: `the same with shared pages counted once (PSS), ${what}`,
        unit: "MB",
        figures: pss,
        target: "< 160 MB",
        reached: (vipd) => vipd < 160,
      },
    ]);
  },
};
