// What health checks cost, and how soon they find out, beside keepalived and, where it is small enough, ldirectord.
// Needs IPVS, so the measuring itself (checks-inside.ts) runs in the test VM, for all of them in one boot.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { CheckFigure } from "./checks-inside.js";
import type { Figures, Measurement, Row } from "./row.js";
import { atMost } from "./row.js";

/** The guest's clock counts instructions on one core: what else runs on this machine changes no figure. */
const COUNTED = "--count-instructions";

async function figuresOf(
  directors: readonly string[],
  only: readonly string[],
  say: (line: string) => void,
): Promise<Map<string, number>> {
  const figures = new Map<string, number>();
  const inside = join(import.meta.dirname, "checks-inside.js");
  const vm = ["tools/vm.mjs", "--timeout", "7200", COUNTED, "--", process.execPath, inside];
  const child = spawn(process.execPath, [...vm, directors.join(","), ...only], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    say(`checks: ${line}`);
    if (!line.startsWith("{")) return;
    const { director, figure, value } = JSON.parse(line) as CheckFigure;
    figures.set(`${director} ${figure}`, value);
  });
  const status = await new Promise((resolve) => child.on("close", resolve));
  if (status !== 0) {
    process.exitCode = 1;
    say(`checks: the measuring ended with ${String(status)}`);
  }
  return figures;
}

export const checks: Measurement = {
  name: "checks",
  summary: "CPU of TCP and HTTP checks, and how soon servers that fail are out of the kernel's table",
  async measure(kinds, say, only) {
    say(`checks: ${kinds.join(", ")}, ldirectord in the test VM`);
    const all = await figuresOf([...kinds, "ldirectord"], only, say);
    const of = (figure: string): Figures =>
      Object.fromEntries(
        kinds.flatMap((kind) => {
          const value = all.get(`${kind} ${figure}`);
          return value === undefined ? [] : [[kind, value]];
        }),
      );
    const load = (what: string, figure: string, factor: number): Row => {
      const ldirectord = all.get(`ldirectord ${figure}`);
      return {
        what: `CPU, ${what} every 5 s (VM)`,
        unit: "%",
        figures: of(figure),
        target: `<= ${factor.toFixed(1)} x`,
        reached: atMost(factor),
        ...(ldirectord === undefined ? {} : { remark: `ldirectord ${ldirectord.toFixed(1)} %` }),
      };
    };
    const alone = of("hung-well").vipd;
    const rows: Row[] = [
      load("10 x 10 TCP checks", "tcp10", 1),
      load("10 x 10 HTTP checks", "http10", 1.2),
      load("100 x 10 TCP checks", "tcp100", 1),
      load("100 x 10 HTTP checks", "http100", 1.2),
      load("1,000 x 10 TCP checks", "tcp1000", 1),
      {
        what: "latest begin of those 10,000 checks, at most (VM)",
        unit: "s",
        figures: of("tcp1000 late"),
        target: "< 5 s",
        reached: (vipd) => vipd < 5,
      },
      {
        what: "1,000 of 2,000 servers unreachable: last one out (VM)",
        unit: "s",
        figures: of("unreachable"),
        target: "<= 1.0 x",
        reached: atMost(1),
      },
      {
        what: "1,000 servers, some begin to hang: out, mean (VM)",
        unit: "s",
        figures: of("hung-well"),
        target: "<= 1.1 x",
        reached: atMost(1.1),
      },
      {
        what: "the same while 500 others hang too (VM)",
        unit: "s",
        figures: of("hung-hung"),
        target: "does not grow",
        // The mean of ten moments of chance in an interval of 5 s.
        reached: (vipd) => alone === undefined || vipd <= alone + 1.5,
      },
    ];
    return only.length === 0 ? rows : rows.filter(({ figures }) => Object.keys(figures).length > 0);
  },
};
