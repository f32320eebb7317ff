// What came of checks that were run by hand, for people and for programs.

import type { CheckResult } from "../checkers/checker.js";
import type { TraceLine } from "../checkers/trace.js";
import type { CheckConfig } from "../config/model.js";
import { formatDuration, milliseconds, type Milliseconds } from "../core/units.js";
import type { ServerId } from "../ipvs/model.js";

export type CheckedServer = {
  readonly service: string;
  readonly server: ServerId;
  readonly up: boolean;
  readonly checks: readonly {
    readonly check: CheckConfig;
    readonly result: CheckResult;
    readonly took: Milliseconds;
    readonly trace: readonly TraceLine[];
  }[];
};

const SIGNS: Readonly<Record<TraceLine["kind"], string>> = { sent: ">", received: "<", note: "#" };
export const span = (ms: number): string => formatDuration(milliseconds(ms < 10 ? ms : Math.round(ms)));

export function checkedText({ service, server, up, checks }: CheckedServer): string {
  const lines = [
    `${service}/${server}: ${up ? "UP" : "DOWN"}${checks.length === 0 ? ", without a check" : ""}`,
  ];
  for (const { check, result, took, trace } of checks) {
    lines.push(`  ${check.type}: ${verdictText(result)}`);
    lines.push(`    ${timesText(result, took)}; timeout ${formatDuration(check.timing.timeout)}`);
    if (result.ok && result.warning !== undefined) lines.push(`    warning: ${result.warning}`);
    lines.push(...outputLines(result, "    "));
    for (const { kind, text } of trace) lines.push(`    ${SIGNS[kind]} ${text}`.trimEnd());
  }
  return `${lines.join("\n")}\n`;
}

/** What a program wrote. */
export const outputLines = ({ output = "" }: CheckResult, indent: string): string[] =>
  output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => `${indent}| ${line}`);

const verdictText = (result: CheckResult): string =>
  result.ok ? `succeeds: ${result.detail}` : `fails: ${result.reason}: ${result.detail}`;

function timesText({ phases }: CheckResult, took: Milliseconds): string {
  const parts = Object.entries(phases);
  const times = parts.map(([name, ms]) => `${name} ${span(ms)}`).join(", ");
  return `took ${span(took)}${parts.length < 2 ? "" : `: ${times}`}`;
}

/** The names are those of the events. */
export const checkedJson = (config: string, node: string, servers: readonly CheckedServer[]): string =>
  JSON.stringify(
    {
      config,
      node,
      servers: servers.map(({ checks, ...server }) => ({
        ...server,
        checks: checks.map(({ check, result, took, trace }) => ({
          check: check.type,
          up: result.ok,
          reason: result.ok ? "ok" : result.reason,
          detail: result.detail,
          took_ms: rounded(took),
          phases_ms: Object.fromEntries(
            Object.entries(result.phases).map(([name, ms]) => [name, rounded(ms)]),
          ),
          ...(result.ok && result.warning !== undefined ? { warning: result.warning } : {}),
          ...(result.ok && result.load !== undefined ? { load: result.load } : {}),
          ...(result.output === undefined ? {} : { output: result.output }),
          ...(trace.length === 0 ? {} : { trace }),
        })),
      })),
    },
    null,
    2,
  );

export const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
