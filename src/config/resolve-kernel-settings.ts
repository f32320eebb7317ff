// From `ipvs.timeouts` and `ipvs.sysctl` to the kernel's settings by name, as the texts of /proc/sys; and its modules.

import { toSeconds, type Milliseconds } from "../core/units.js";
import { TIMEOUT, type Settings } from "../ipvs/settings.js";
import type { IpvsConfig, ServiceConfig } from "./model.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import { priorityOn } from "./resolve-groups.js";
import type { FileConfig } from "./schema.js";

export function kernelOf(
  file: Pick<FileConfig, "ipvs" | "nodes" | "vrrp" | "sync">,
  services: readonly ServiceConfig[],
  report: Report,
): Pick<IpvsConfig, "settings" | "modules"> {
  const { timeouts = {}, sysctl = {}, modules = [] } = file.ipvs;
  const settings: Record<string, string> = {};
  const put = (
    section: "timeouts" | "sysctl",
    key: string,
    names: readonly string[],
    value: unknown,
  ): void => {
    const text = textOf(value);
    if (text === undefined)
      report.error(
        ["ipvs", section, key] satisfies Path,
        "whole-seconds",
        "the kernel counts it in whole seconds",
      );
    else for (const name of names) settings[name] = text;
  };
  const interfaces = interfacesOf(file);
  for (const [key, value] of Object.entries(timeouts))
    if (value !== undefined) put("timeouts", key, [TIMEOUT + key], value);
  for (const [key, value] of Object.entries(sysctl))
    if (value !== undefined)
      put("sysctl", key, namesOf(key, interfaces), DURATIONS.has(key) ? value : counted(value));
  // The kernel does that itself, and undoes it whatever was there before: on record, it can be put back.
  if (sysctl["ip-forward"] === true) settings["net.ipv4.conf.all.accept_redirects"] = "0";
  const ports = sysctl["sync-ports"] ?? 1;
  if ((ports & (ports - 1)) !== 0)
    report.error(
      ["ipvs", "sysctl", "sync-ports"],
      "sync-ports",
      `the kernel takes powers of two, and ${ports} is none`,
      "It is one of 1, 2, 4, 8, 16, 32 and 64.",
    );
  const { "sync-threshold": threshold, "sync-retries": retries, "sync-refresh-period": refresh } = sysctl;
  if (threshold !== undefined && threshold.every > 0 && threshold.first >= threshold.every)
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
  if (sysctl["backup-only"] === true) checkBackupOnly(file, report);
  if (modules.includes("ip_vs_ftp") && !services.some(mayBeFtp) && !report.isBroken(["services"]))
    report.warning(
      ["ipvs", "modules"],
      "no-effect",
      "ip_vs_ftp has no effect: it rewrites TCP that `nat` translates, and no service is of that kind",
    );
  const needed = [...new Set(modules)];
  const sorted: Settings = Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...(Object.keys(sorted).length === 0 ? {} : { settings: sorted }),
    ...(needed.length === 0 ? {} : { modules: needed }),
  };
}

/** Those that carry virtual addresses, of which one may be another than its instance's. */
const interfacesOf = ({ vrrp = {} }: Pick<FileConfig, "vrrp">): readonly string[] =>
  Object.values(vrrp).flatMap((instance) => [
    instance.interface,
    ...instance.addresses.flatMap((one) => ("length" in one ? [] : (one.interface ?? []))),
  ]);

function checkBackupOnly(
  { nodes, vrrp = {}, sync }: Pick<FileConfig, "nodes" | "vrrp" | "sync">,
  report: Report,
): void {
  const at: Path = ["ipvs", "sysctl", "backup-only"];
  if (sync?.roles.includes("backup") !== true)
    report.warning(
      at,
      "no-effect",
      "has no effect: the kernel looks at it while a backup sync daemon runs",
      "Add `sync`, with the role `backup`.",
    );
  else if (Object.keys(vrrp).length === 0 && !report.isBroken(["vrrp"]))
    report.error(
      at,
      "never-master",
      "there is nothing under `vrrp`: this director would never be master, and balance nothing",
      "Remove it.",
    );
  else if (firstNodes(vrrp, nodes).length > 1)
    report.warning(
      at,
      "several-masters",
      `${firstNodes(vrrp, nodes).join(" and ")} are each to be master of something, and it is in force on a director that is ` +
        "master of nothing: what they send each other goes in a circle",
      "Let one node have the highest priority of every instance, or services have no director among their servers.",
    );
}

/** The nodes of which each is the first choice of an instance. */
function firstNodes(vrrp: NonNullable<FileConfig["vrrp"]>, nodes: FileConfig["nodes"]): readonly string[] {
  const first = Object.values(vrrp).flatMap((instance) => {
    const priorities = Object.keys(nodes).map((node) => priorityOn(instance, nodes, node) ?? 0);
    const most = Math.max(...priorities);
    // Where two are equal, which one it will be is not written.
    const winners = Object.keys(nodes).filter((_, i) => priorities[i] === most);
    return winners.length === 1 ? winners : [];
  });
  return [...new Set(first)];
}

/** Its port may be another one than 21: the module has a parameter. */
const mayBeFtp = ({ service: { key }, servers }: ServiceConfig): boolean =>
  (key.kind === "fwmark" || key.protocol === "tcp") &&
  servers.some(({ server }) => server.forwarding === "nat");

/** Of net.ipv4.vs where the key says no more (ipvs/settings.ts). */
function namesOf(key: string, interfaces: readonly string[]): readonly string[] {
  switch (key) {
    case "ip-forward":
      return ["net.ipv4.ip_forward"];
    case "ip6-forward":
      return ["net.ipv6.conf.all.forwarding"];
    case "send-redirects":
      // The kernel sends them where either of the two says so.
      return ["all", ...interfaces].map((name) =>
        name.includes(".") ? `net/ipv4/conf/${name}/send_redirects` : `net.ipv4.conf.${name}.send_redirects`,
      );
    default:
      return [key.replaceAll("-", "_")];
  }
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
