// What a measurement gives, and how it is printed: one row with keepalived's figure, vipd's, and their ratio.

import type { Kind } from "./pair.js";

export type Figures = Partial<Record<Kind, number>>;

export type Row = {
  readonly what: string;
  readonly unit: string;
  readonly figures: Figures;
  readonly target: string;
  /** Whether vipd's figure, beside keepalived's, is what was aimed for. */
  readonly reached: (vipd: number, keepalived: number | undefined) => boolean;
  /** More about the figures: rounds, spread. */
  readonly remark?: string;
};

export type Measurement = {
  readonly name: string;
  readonly summary: string;
  /** `figures`: for a measurement of many, the only ones that are wanted; empty: all. */
  measure(kinds: readonly Kind[], say: (line: string) => void, figures: readonly string[]): Promise<Row[]>;
};

export function atMost(factor: number): Row["reached"] {
  return (vipd, keepalived) => keepalived === undefined || vipd <= keepalived * factor;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

const show = (value: number | undefined, unit: string): string =>
  value === undefined
    ? "-"
    : `${Number.isInteger(value) ? value : value.toFixed(value < 10 ? 2 : 1)} ${unit}`.trimEnd();

export function printRow(row: Row): void {
  const { keepalived, vipd } = row.figures;
  const ratio =
    keepalived === undefined || vipd === undefined || keepalived === 0
      ? "-"
      : `${(vipd / keepalived).toFixed(2)} x`;
  const verdict = vipd === undefined ? "" : row.reached(vipd, keepalived) ? "reached" : "MISSED";
  const cells = [
    row.what.padEnd(52),
    show(keepalived, row.unit).padStart(12),
    show(vipd, row.unit).padStart(12),
    ratio.padStart(9),
  ];
  console.log(
    `${cells.join("  ")}   ${row.target.padEnd(16)} ${verdict}${row.remark === undefined ? "" : `  (${row.remark})`}`,
  );
}

export function printHead(): void {
  const cells = ["".padEnd(52), "keepalived".padStart(12), "vipd".padStart(12), "ratio".padStart(9)];
  console.log(`\n${cells.join("  ")}   to reach`);
}
