// From `ipvs.timeouts` and `ipvs.sysctl` to the kernel's settings by name, as the texts of /proc/sys.

import { toSeconds, type Milliseconds } from "../core/units.js";
import { TIMEOUT, type Settings } from "../ipvs/settings.js";
import type { IpvsConfig } from "./model.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import type { FileConfig } from "./schema.js";

export function kernelOf(
  { timeouts = {}, sysctl = {}, modules = [] }: FileConfig["ipvs"],
  services: FileConfig["services"],
  report: Report,
): Pick<IpvsConfig, "settings" | "modules"> {
  const settings: Record<string, string> = {};
  const put = (section: "timeouts" | "sysctl", key: string, name: string, value: unknown): void => {
    const text = textOf(value);
    if (text === undefined)
      report.error(
        ["ipvs", section, key] satisfies Path,
        "whole-seconds",
        "the kernel counts it in whole seconds",
      );
    else settings[name] = text;
  };
  for (const [key, value] of Object.entries(timeouts))
    if (value !== undefined) put("timeouts", key, TIMEOUT + key, value);
  for (const [key, value] of Object.entries(sysctl))
    if (value !== undefined)
      put("sysctl", key, key.replaceAll("-", "_"), DURATIONS.has(key) ? value : counted(value));
  const ports = sysctl["sync-ports"] ?? 1;
  if ((ports & (ports - 1)) !== 0)
    report.error(
      ["ipvs", "sysctl", "sync-ports"],
      "sync-ports",
      `the kernel takes powers of two, and ${ports} is none`,
      "It is one of 1, 2, 4, 8, 16, 32 and 64.",
    );
  const { "sync-threshold": threshold, "sync-retries": retries, "sync-refresh-period": refresh } = sysctl;
  if (threshold !== undefined && threshold.first >= threshold.every)
    report.error(
      ["ipvs", "sysctl", "sync-threshold"],
      "sync-threshold",
      `the kernel wants \`first\` below \`every\`, and ${threshold.first} is not below ${threshold.every}`,
    );
  if (retries !== undefined && retries > 0 && (refresh ?? 0) === 0)
    report.warning(
      ["ipvs", "sysctl", "sync-retries"],
      "no-effect",
      "has no effect without `sync-refresh-period`",
    );
  // The engine is of no use without its module.
  const engines = Object.values(services ?? {}).some(({ engine }) => engine === "sip")
    ? ["ip_vs_pe_sip"]
    : [];
  const needed = [...new Set([...modules, ...engines])];
  const sorted: Settings = Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...(Object.keys(sorted).length === 0 ? {} : { settings: sorted }),
    ...(needed.length === 0 ? {} : { modules: needed }),
  };
}

const DURATIONS = new Set(["sync-refresh-period"]);

/** What is no duration, as its text. */
const counted = (value: unknown): string | undefined =>
  typeof value === "boolean"
    ? value
      ? "1"
      : "0"
    : typeof value === "object" && value !== null
      ? Object.values(value).join(" ")
      : String(value);

/** A duration in whole seconds; undefined: it has a fraction. */
function textOf(value: unknown): string | undefined {
  if (typeof value !== "number") return value as string;
  return value % 1000 === 0 ? String(toSeconds(value as Milliseconds)) : undefined;
}
