// From a file that has the right shape to the configuration of one director. Finds the director among the
// nodes, fills in what is left out, and checks what values mean together; every problem is reported.

import { isUnicast } from "../core/address.js";
import type { CheckerSpec } from "./checker-spec.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import type { Config, IpvsConfig, LogTarget, NodeConfig, StaticConfig } from "./model.js";
import { interfacesOn } from "./per-node.js";
import type { Report } from "./report.js";
import type { ReadSecret } from "./resolve-adverts.js";
import { resolveAlerts } from "./resolve-alerts.js";
import { checkReader } from "./resolve-checks.js";
import { NeedReader } from "./resolve-needs.js";
import { kernelOf } from "./resolve-kernel-settings.js";
import { resolveNotify } from "./resolve-notify.js";
import { resolveServices } from "./resolve-services.js";
import { resolveRouting, Singles } from "./resolve-routing.js";
import { syncOf } from "./resolve-sync.js";
import { resolveTracks } from "./resolve-tracks.js";
import { resolveWindows } from "./resolve-windows.js";
import type { ReadSchedule } from "./schedule.js";
import { prefixOf, resolveInstances } from "./resolve-vrrp.js";
import type { FileConfig, WrittenFile } from "./schema.js";
import { didYouMean } from "./suggest.js";

/** Which director this is: named by the operator, or found by the machine's host name. */
export type Identity =
  { readonly kind: "node"; readonly name: string } | { readonly kind: "hostname"; readonly name: string };

/** The node of this director, or undefined with a report. */
export function findNode(names: readonly string[], identity: Identity, report: Report): string | undefined {
  const short = (name: string): string => name.split(".")[0]?.toLowerCase() ?? "";
  const { name } = identity;
  if (names.includes(name)) return name;
  // "lb1.example.net" is "lb1" in most files, and the other way round; never when it is ambiguous.
  const alike = identity.kind === "hostname" ? names.filter((node) => short(node) === short(name)) : [];
  if (alike.length === 1) return alike[0];
  if (report.lacksNames(["nodes"])) return undefined;
  const near = didYouMean(name, names);
  const list = `The nodes are: ${names.join(", ")}.`;
  if (identity.kind === "node")
    report.error(
      ["nodes"],
      "unknown-node",
      `there is no node "${name}", which was asked for with --node`,
      near === undefined ? list : `${list} Did you mean "${near}"?`,
    );
  else
    report.error(
      ["nodes"],
      "unknown-host",
      `none of the nodes is this machine: its host name is "${name}"`,
      `${list} Name one of them after the host, or say which one this is: --node ${near ?? names[0] ?? "NAME"}.`,
    );
  return undefined;
}

/** What a file names and is not in it, or is written in a language of its own. */
export type Readers = { readonly readSecret: ReadSecret; readonly readSchedule: ReadSchedule };

export function resolveConfig(
  written: WrittenFile,
  node: string,
  checkers: readonly CheckerSpec[],
  { readSecret, readSchedule }: Readers,
  report: Report,
): Config {
  const file = interfacesOn(node, written, report);
  const vrrp = resolveInstances(file, node, readSecret, report);
  const needs = new NeedReader(file, report);
  const services = resolveServices(file, checkReader(file, checkers, needs, report), report);
  needs.finish(services);
  const fixed = staticOf(file, report);
  checkRouting(vrrp, fixed, report);
  const sync = syncOf(file, report);
  if (
    Object.keys(file.vrrp ?? {}).length === 0 &&
    Object.keys(file.services ?? {}).length === 0 &&
    !report.isBroken(["vrrp"]) &&
    !report.isBroken(["services"])
  )
    report.warning([], "nothing-to-do", "has neither instances under `vrrp` nor services under `services`");
  return {
    node,
    nodes: Object.entries(file.nodes).map(([name, { address, priority }]): NodeConfig => ({
      name,
      ...(address === undefined ? {} : { address }),
      ...(priority === undefined ? {} : { priority }),
    })),
    log: { level: file.log.level, format: file.log.format, targets: file.log.targets.map(targetOf) },
    vrrpProcess: { realtimePriority: file.process["realtime-priority"], transport: file.process.transport },
    vrrp,
    tracks: resolveTracks(file, services, report),
    notify: resolveNotify(file, vrrp, services, report),
    ...(file.alerts === undefined ? {} : { alerts: resolveAlerts(file, readSecret, report) }),
    ...(file.maintenance === undefined
      ? {}
      : { maintenance: resolveWindows(file, services, readSchedule, report) }),
    scripts: {
      security: file.scripts.security,
      ...(file.scripts.user === undefined ? {} : { user: file.scripts.user }),
    },
    ...(fixed === undefined ? {} : { static: fixed }),
    ipvs: { ...ipvsOf(file.ipvs), ...kernelOf(file, services, report) },
    ...(sync === undefined ? {} : { sync }),
    services,
  };
}

function ipvsOf(written: FileConfig["ipvs"]): IpvsConfig {
  const { share, within, "at-least": atLeast, keep } = written["mass-failure"];
  return {
    reconcileEvery: written["reconcile-every"],
    onStop: written["on-stop"],
    massFailure: { share, within, atLeast, keep },
  };
}

function targetOf(target: FileConfig["log"]["targets"][number]): LogTarget {
  if (target === "syslog") return { kind: "syslog", facility: "daemon" };
  if (typeof target === "string") return { kind: target };
  return target.file === undefined
    ? { kind: "syslog", facility: target.syslog ?? "daemon" }
    : { kind: "file", path: target.file };
}

function staticOf(file: FileConfig, report: Report): StaticConfig | undefined {
  const written = file.static;
  if (written === undefined) return undefined;
  const { addresses = [] } = written;
  const virtual = new Set(
    Object.values(file.vrrp ?? {}).flatMap((one) => one.addresses.map((entry) => prefixOf(entry).address)),
  );
  addresses.forEach(({ address }, i) => {
    if (virtual.has(address.address))
      report.error(
        ["static", "addresses", i],
        "static-is-virtual",
        `${address.address} is a virtual address, and only on the master`,
      );
    else if (!isUnicast(address.address))
      report.error(
        ["static", "addresses", i],
        "not-unicast",
        `${address.address} is not the address of one host`,
      );
  });
  return {
    addresses: addresses.map(({ address, interface: device }) => ({ prefix: address, interface: device })),
    ...(resolveRouting(written, ["static"], undefined, report) ?? { routes: [], rules: [] }),
  };
}

function checkRouting(
  vrrp: readonly InstanceConfig[],
  fixed: StaticConfig | undefined,
  report: Report,
): void {
  const singles = new Singles(report);
  for (const { name, routing } of vrrp)
    if (routing !== undefined) singles.add(routing, ["vrrp", name], `"${name}"`);
  if (fixed !== undefined) singles.add(fixed, ["static"], "static");
}
