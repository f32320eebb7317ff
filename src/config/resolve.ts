// From a file that has the right shape to the configuration of one director. Finds the director among the
// nodes, fills in what is left out, and checks what values mean together; every problem is reported.

import { isMulticast, isUnicast } from "../core/address.js";
import type { SyncConfig } from "../ipvs/model.js";
import type { CheckerSpec } from "./checker-spec.js";
import type { InstanceConfig } from "../vrrp/instance.js";
import type { Config, IpvsConfig, LogTarget, NodeConfig, StaticConfig } from "./model.js";
import type { Path } from "./diagnostic.js";
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
import { resolveTracks } from "./resolve-tracks.js";
import { resolveWindows } from "./resolve-windows.js";
import type { ReadSchedule } from "./schedule.js";
import { prefixOf, resolveInstances } from "./resolve-vrrp.js";
import type { FileConfig, FileSync, WrittenFile } from "./schema.js";
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
    ipvs: { ...ipvsOf(file.ipvs), ...kernelOf(file.ipvs, file.services, report) },
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

function syncOf(file: FileConfig, report: Report): SyncConfig | undefined {
  const written = file.sync;
  if (written === undefined) return undefined;
  const { backup, ttl } = written;
  if (Object.keys(file.services ?? {}).length === 0 && !report.isBroken(["services"]))
    report.warning(["sync"], "no-effect", "has no effect without services");
  if (backup !== undefined && !written.roles.includes("backup"))
    report.error(
      ["sync", "backup"],
      "misplaced",
      "belongs to the role `backup`, which is not one of the `roles`",
      "Remove it, or add the role.",
    );
  checkSyncLink(written.interface, ["sync", "interface"], file, report);
  if (backup?.interface !== undefined && backup.interface !== written.interface)
    checkSyncLink(backup.interface, ["sync", "backup", "interface"], file, report);
  return {
    interface: written.interface,
    id: written.id,
    roles: [...new Set(written.roles)],
    ...syncValues(written, ["sync"], report),
    ...(ttl === undefined ? {} : { ttl }),
    ...(backup === undefined
      ? {}
      : {
          backup: {
            ...(backup.interface === undefined ? {} : { interface: backup.interface }),
            ...(backup.id === undefined ? {} : { id: backup.id }),
            ...syncValues(backup, ["sync", "backup"], report),
          },
        }),
  };
}

function syncValues(
  { group, port, "max-length": maxLength }: Pick<FileSync, "group" | "port" | "max-length">,
  path: Path,
  report: Report,
): Pick<SyncConfig, "group" | "port" | "maxLength"> {
  if (group !== undefined && !isMulticast(group))
    report.error([...path, "group"], "not-multicast", `${group} is not a multicast address`);
  return {
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(group === undefined ? {} : { group }),
    ...(port === undefined ? {} : { port }),
  };
}

/** Real servers behind NAT use a virtual address as their gateway: their link is no better than the clients'. */
function checkSyncLink(device: string, path: Path, file: FileConfig, report: Report): void {
  const clients = Object.entries(file.vrrp ?? {}).find(
    ([, one]) =>
      one.interface === device ||
      one.addresses.some((entry) => !("length" in entry) && entry.interface === device),
  );
  if (clients !== undefined)
    report.warning(
      path,
      "sync-on-client-link",
      `${device} also carries the virtual addresses of "${clients[0]}"`,
      "Anybody on that link can inject connections: the kernel does not authenticate. Use a link between the directors.",
    );
}
