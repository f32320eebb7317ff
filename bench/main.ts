// `make bench`: every figure beside keepalived's from the same run, on the same machine, with the same load on it.
//   usage: node build/bench/main.js [NAME...] [--with KIND]... [--figure NAME]...
// --figure: of the measurement "checks" only these, by their names in checks-inside.ts.

import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { bundle } from "./bundle.js";
import { checks } from "./checks.js";
import { cpu } from "./cpu.js";
import { failover } from "./failover.js";
import { falseTakeover } from "./false-takeover.js";
import { fast } from "./fast.js";
import { hostile } from "./hostile.js";
import { massTakeover } from "./mass-takeover.js";
import { KINDS } from "./pair.js";
import { printHead, printRow } from "./row.js";
import type { Row } from "./row.js";
import { table } from "./table.js";
import { wakeUps } from "./wake-ups.js";
import { wide } from "./wide.js";

const MEASUREMENTS = [
  failover,
  falseTakeover,
  cpu,
  wide,
  fast,
  hostile,
  massTakeover,
  wakeUps,
  table,
  checks,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    with: { type: "string", multiple: true, default: [...KINDS] },
    figure: { type: "string", multiple: true, default: [] },
  },
});
const unknown = positionals.filter((name) => !MEASUREMENTS.some((measurement) => measurement.name === name));
if (unknown.length > 0) {
  const known = MEASUREMENTS.map(({ name, summary }) => `  ${name.padEnd(16)}${summary}`);
  console.error(`bench: no measurement ${unknown.join(", ")}; there are\n${known.join("\n")}`);
  process.exit(2);
}

bundle();
const kinds = KINDS.filter((kind) => values.with.includes(kind));
// It says its version on its standard error.
const version = execFileSync("sh", ["-c", "keepalived --version 2>&1"], { encoding: "utf8" });
console.error(
  `bench: keepalived ${/v[\d.]+/.exec(version)?.[0] ?? "of an unknown version"}, node ${process.version}`,
);

const rows: Row[] = [];
for (const measurement of MEASUREMENTS) {
  if (positionals.length > 0 && !positionals.includes(measurement.name)) continue;
  try {
    const say = (line: string): boolean => process.stderr.write(`${line}\n`);
    rows.push(...(await measurement.measure(kinds, say, values.figure)));
  } catch (error) {
    process.stderr.write(
      `bench: ${measurement.name} FAILED: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 1;
  }
}
printHead();
for (const row of rows) printRow(row);
