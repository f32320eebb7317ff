// From `check` as it is written (a word, a mapping, a list) to the checks of a real server, timing filled
// in. Knows of a checker only its name and whether it has a `port` option.

import type { IpAddress } from "../core/address.js";
import { milliseconds, seconds, type Milliseconds } from "../core/units.js";
import { leaveReader } from "./check-leaves.js";
import type { CheckerSpec } from "./checker-spec.js";
import type { Path } from "./diagnostic.js";
import { writeDuration } from "./duration.js";
import type { CheckConfig, CheckTiming } from "./model.js";
import { keysAt } from "./problems.js";
import { quickReader, WRONG } from "./quick.js";
import type { Report } from "./report.js";
import type { NeedReader, WrittenNeed } from "./resolve-needs.js";
import type { FileCheck, FileConfig } from "./schema.js";

type Endpoint = { readonly address: IpAddress; readonly port: number };

export type CheckReader = {
  (written: FileCheck, path: Path): readonly CheckConfig[];
  /** Reports checks of this server that would have no port to connect to, or no way to it. */
  readonly suit: (checks: readonly CheckConfig[], server: Endpoint, path: Path) => void;
};

type WrittenTiming = {
  readonly every?: Milliseconds | undefined;
  readonly timeout?: Milliseconds | undefined;
  readonly rise?: number | undefined;
  readonly fall?: number | undefined;
  readonly "every-failing"?: Milliseconds | undefined;
  readonly "warm-up"?: Milliseconds | undefined;
  readonly jitter?: number | undefined;
};

export function checkReader(
  file: FileConfig,
  checkers: readonly CheckerSpec[],
  needs: NeedReader,
  report: Report,
): CheckReader {
  const defaults: WrittenTiming = file.defaults?.check ?? {};
  timingOf(defaults, {}, ["defaults", "check"], report);
  const names = checkers.map((checker) => checker.name);
  const options = new Map(checkers.map((checker) => [checker.name, quickReader(checker.options)]));

  const typeOf = (written: unknown): string | undefined =>
    typeof written === "string"
      ? written
      : names.find((name) => (written as Readonly<Record<string, unknown>>)[name] !== undefined);

  /** `types`: of all checks of the list, in which this one stands at `place`. */
  const one = (written: unknown, types: readonly string[], place: number, path: Path): CheckConfig[] => {
    if (written === "none") return [];
    if (typeof written === "string") {
      // Checkers with an option that must be given say so here.
      const read = options.get(written)?.({}) ?? WRONG;
      if (read === WRONG) {
        report.error(
          path,
          "options-missing",
          `"${written}" needs options`,
          `Write a mapping: { ${written}: { … } }.`,
        );
        return [];
      }
      return [{ type: written, options: read, timing: timingOf({}, defaults, path, report) }];
    }
    const mapping = written as WrittenTiming & Readonly<Record<string, unknown>>;
    const type = typeOf(written);
    if (type === undefined) return [];
    const check = { type, options: mapping[type], timing: timingOf(mapping, defaults, path, report) };
    const need = mapping["depends-on"] as WrittenNeed | readonly WrittenNeed[] | undefined;
    if (need === undefined) return [check];
    return [{ ...check, needs: needs.read(need, types, place, [...path, "depends-on"]) }];
  };

  const read = (written: FileCheck, path: Path): readonly CheckConfig[] => {
    if (!Array.isArray(written)) return one(written, [typeOf(written) ?? ""], 0, path);
    const entries = written as unknown[];
    const types = entries.map((entry) => typeOf(entry) ?? "");
    return entries.flatMap((entry, i) => one(entry, types, i, [...path, i]));
  };
  const wantsPort = new Set(
    checkers.filter(({ options }) => keysAt(options, []).includes("port")).map(({ name }) => name),
  );
  const leaves = leaveReader(checkers, report);
  const suit = (checks: readonly CheckConfig[], { address, port }: Endpoint, path: Path): void => {
    leaves(checks, address, path);
    if (port !== 0) return;
    for (const check of checks)
      if (wantsPort.has(check.type) && (check.options as { port?: number }).port === undefined)
        report.error(
          path,
          "check-port",
          `the servers have no port of their own, and the ${check.type} check names none`,
          `Write which one tells of their health: { ${check.type}: { port: 80 } }.`,
        );
  };
  return Object.assign(read, { suit });
}

function timingOf(written: WrittenTiming, defaults: WrittenTiming, path: Path, report: Report): CheckTiming {
  const every = written.every ?? defaults.every ?? seconds(5);
  const timeout = written.timeout ?? defaults.timeout;
  const everyFailing = written["every-failing"] ?? defaults["every-failing"];
  const warmUp = written["warm-up"] ?? defaults["warm-up"];
  const jitter = written.jitter ?? defaults.jitter;
  // Only a timeout that somebody wrote is a mistake; the default one gives way. Of the defaults it was told there.
  const isOwn = written.timeout !== undefined || written.every !== undefined;
  if (timeout !== undefined && timeout > every && isOwn)
    report.error(
      written.timeout === undefined ? path : [...path, "timeout"],
      "timeout-too-long",
      `the timeout ${writeDuration(timeout)} is longer than the interval ${writeDuration(every)}`,
      "Checks of one server do not overlap: shorten `timeout`, or lengthen `every`.",
    );
  return {
    every,
    timeout: timeout ?? milliseconds(Math.min(3000, every)),
    rise: written.rise ?? defaults.rise ?? 1,
    fall: written.fall ?? defaults.fall ?? 3,
    ...(everyFailing === undefined || everyFailing === every ? {} : { everyFailing }),
    ...(warmUp === undefined || warmUp === 0 ? {} : { warmUp }),
    ...(jitter === undefined || jitter === 0 ? {} : { jitter: jitter / 100 }),
  };
}
