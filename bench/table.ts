// The kernel's table at size: 1,000 services with 10 real servers each. Needs IPVS, so the measuring itself
// (table-inside.ts) runs in the test VM, for both kinds in one boot.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Figures, Measurement, Row } from "./row.js";
import { atMost } from "./row.js";
import type { TableFigures } from "./table-inside.js";

export const table: Measurement = {
  name: "table",
  summary: "start to complete kernel table with 10,000 real servers, reload of one weight, memory",
  measure(kinds, say) {
    const byKind = new Map<string, TableFigures>();
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
      // A later line of a kind has all of the earlier one, and more.
      const figures = JSON.parse(line) as TableFigures;
      byKind.set(figures.kind, figures);
    }
    const all = [...byKind.values()];
    if (status !== 0) {
      process.exitCode = 1;
      say(`table: the measuring ended with ${String(status)}`);
    }
    const what = "1,000 services x 10 real servers (VM)";
    const of = (figure: (figures: TableFigures) => number | undefined, factor: number): Figures =>
      Object.fromEntries(
        all.flatMap((figures) => {
          const value = figure(figures);
          return value === undefined ? [] : [[figures.kind, value * factor]];
        }),
      );
    const start = of((figures) => figures.start, 1e-3);
    const reload = of((figures) => figures.reload, 1e-3);
    const seconds = (name: string, figures: Figures, factor: number): Row => ({
      what: `${name}, ${what}`,
      unit: "s",
      figures,
      target: `<= ${factor.toFixed(1)} x`,
      reached: atMost(factor),
    });
    /** vipd's other figure, or none, beside keepalived's only one. */
    const beside = ({ keepalived }: Figures, { vipd }: Figures): Figures => ({
      ...(keepalived === undefined ? {} : { keepalived }),
      ...(vipd === undefined ? {} : { vipd }),
    });
    const megabytes = (name: string, figures: Figures): Row => ({
      what: `${name}, ${what}`,
      unit: "MB",
      figures,
      target: "< 160 MB",
      reached: (vipd) => vipd < 160,
    });
    // proc(5), Pss in smaps_rollup: of pages that several processes share, each has its part.
    return Promise.resolve([
      seconds("start to complete table with a new file", start, 0.5),
      seconds(
        "the same with a file that was read before",
        beside(
          start,
          of((f) => f.knownStart, 1e-3),
        ),
        0.5,
      ),
      seconds("reload of one weight within a minute of the start or a reload", reload, 0.1),
      seconds(
        "the same later",
        beside(
          reload,
          of((f) => f.coldReload, 1e-3),
        ),
        0.1,
      ),
      megabytes(
        "resident memory, sum over all processes (RSS)",
        of((f) => f.memory?.rss, 1 / 1024),
      ),
      megabytes(
        "the same with shared pages counted once (PSS)",
        of((f) => f.memory?.pss, 1 / 1024),
      ),
      megabytes(
        "RSS in the minute after a reading",
        of((f) => f.memoryWithReader?.rss, 1 / 1024),
      ),
      megabytes(
        "PSS in the minute after a reading",
        of((f) => f.memoryWithReader?.pss, 1 / 1024),
      ),
    ]);
  },
};
