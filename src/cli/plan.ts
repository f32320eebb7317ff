// `vipd plan`: what would change in the kernel if the daemon ran with a configuration, without touching it.

import { formatPrefix } from "../core/address.js";
import type { Config } from "../config/model.js";
import { describeGroup, groupCommands, type Command as IpvsCommand } from "../ipvs/command.js";
import type { SyncChange } from "../director/ipvs-sync.js";
import { diff } from "../ipvs/diff.js";
import { keysOf } from "../ipvs/group.js";
import { impactOf, impactText, totalImpact, totalTexts, type Impact } from "../ipvs/impact.js";
import { serviceId, type ServiceId } from "../ipvs/model.js";
import { IPVS_MODULE, modulesOf } from "../ipvs/modules.js";
import { settingsNow, settingTitle, type SettingWrite } from "../ipvs/settings.js";
import { serversOf, takeovers, type Takeover } from "../ipvs/takeover.js";
import type { Status } from "../control/ipc.js";
import { ask, runtimeDirectoryOf } from "./client.js";
import {
  configOption,
  DEFAULT_CONFIG,
  EXIT,
  jsonOption,
  nodeOption,
  runtimeDirectoryOption,
  type Command,
} from "./command.js";
import { planAddresses, type AddressPlan } from "./plan-addresses.js";
import { tableByHealth, wantedTable } from "./plan-table.js";

export const plan: Command = {
  word: "plan",
  summary: "What would change in the kernel, without touching it; exit code 4 when something would.",
  options: [configOption, nodeOption, jsonOption, runtimeDirectoryOption],
  async run(options, output) {
    const { failed, readConfig, report } = await import("../director/supervisor/config-reader.js");
    const reading = await readConfig(options.text("config") ?? DEFAULT_CONFIG, options.text("node"));
    if (reading.diagnostics.length > 0) output.err(report(reading));
    const [config] = reading.configs;
    if (failed(reading) || config === undefined) return EXIT.failed;
    const directory = runtimeDirectoryOf(options);
    const running = await runningDaemon(directory);
    const vrrp = await addressesOf(config, running?.vrrp ?? null);
    const ipvs = await planTable(config, directory, running);
    if (options.flag("json")) {
      const impact = totalImpact(ipvs.commands.map((command) => command.impact));
      output.out(`${JSON.stringify({ node: config.node, vrrp, ipvs: { ...ipvs, impact } }, null, 2)}\n`);
    } else output.out(planText(config.node, vrrp, ipvs, firstKeys(config)));
    if (ipvs.problem !== null) return EXIT.failed;
    const changes = ipvs.commands.length + ipvs.sync.length + ipvs.settings.length + ipvs.modules.length;
    return changes > 0 || vrrp.some(({ change }) => change !== "keep") ? EXIT.changes : EXIT.ok;
  },
};

/** `impact`: on the connections there are now. */
export type PlannedCommand = IpvsCommand & { readonly impact?: Impact };

export type TablePlan = {
  /** "daemon": what one that runs knows of its servers. "assumed": every server is up. */
  readonly health: "daemon" | "assumed";
  /** Of the kernel, that would be loaded. */
  readonly modules: readonly string[];
  readonly commands: readonly PlannedCommand[];
  readonly sync: readonly SyncChange[];
  /** Of the kernel, that would be set or put back. */
  readonly settings: readonly SettingWrite[];
  /** Services that are there already and were not made by vipd. */
  readonly takeovers: readonly Takeover[];
  readonly problem: string | null;
};

async function addressesOf(config: Config, running: Status["vrrp"]): Promise<readonly AddressPlan[]> {
  if (config.vrrp.length === 0 && running === null) return [];
  const { openRouteKernel } = await import("../linux/route-kernel.js");
  const kernel = openRouteKernel();
  try {
    const names = new Map(kernel.links().map(({ name, index }) => [index, name]));
    const addresses = new Map(Array.from(names.values(), (name) => [name, new Set<string>()]));
    for (const { ifindex, prefix } of kernel.addresses())
      addresses.get(names.get(ifindex) ?? "")?.add(formatPrefix(prefix));
    return planAddresses(config, addresses, running);
  } finally {
    kernel.close();
  }
}

/** What a daemon says that runs already; null: none does. */
async function runningDaemon(runtimeDirectory: string): Promise<Status | null> {
  const found: { status: Status | null } = { status: null };
  // That nobody answers is the common case, and no news.
  const quiet = { out: () => undefined, err: () => undefined };
  await ask(runtimeDirectory, { request: "status" }, quiet, (reply) => {
    if (reply.reply === "status") found.status = reply.status;
  });
  return found.status;
}

/** `running`: what the daemon that runs says; null: none does. */
async function planTable(
  config: Config,
  runtimeDirectory: string,
  running: Status | null,
): Promise<TablePlan> {
  const { openIpvs } = await import("../linux/ipvs-kernel.js");
  const { ownershipFile } = await import("../director/ipvs-ownership.js");
  const { syncChanges } = await import("../director/ipvs-sync.js");
  const { settingWrites } = await import("../director/settings-keeper.js");
  const { ipvsSettings } = await import("../linux/ipvs-settings.js");
  const { hasModule } = await import("../linux/kernel-modules.js");
  const known = running?.checks?.services;
  const isMaster = running?.vrrp?.instances.some(({ state }) => state === "master") === true;
  const settings = settingsNow(config.ipvs.settings ?? {}, isMaster);
  const health = known === undefined ? "assumed" : "daemon";
  // The question for the table loads it.
  const hadIpvs = hasModule(IPVS_MODULE);
  const plane = openIpvs();
  const needsNone = config.services.length === 0 && config.sync === undefined;
  if (!plane.ok)
    return {
      ...{ health, modules: [], commands: [], sync: [], settings: [], takeovers: [] },
      problem: needsNone ? null : plane.error,
    };
  try {
    const { owned } = ownershipFile(runtimeDirectory).load();
    const actual = plane.value.read();
    const wanted = known === undefined ? wantedTable(config) : tableByHealth(config, actual, known);
    const commands = diff(actual, wanted, owned.services);
    const modules = new Set([...modulesOf(commands), ...(config.ipvs.modules ?? [])]);
    return {
      health,
      modules: [...modules].filter((name) => (name === IPVS_MODULE ? !hadIpvs : !hasModule(name))),
      commands: commands.map((command): PlannedCommand => {
        const impact = impactOf(command, actual);
        return impact === undefined ? command : { ...command, impact };
      }),
      takeovers: takeovers(actual, wanted, owned.services),
      sync: syncChanges(plane.value.syncDaemons(), config.sync ?? null, owned.sync),
      // After the table, the question for which loads ip_vs: without it there are no settings.
      settings: settingWrites(runtimeDirectory, settings, ipvsSettings),
      problem: null,
    };
  } finally {
    plane.value.close();
  }
}

const SIGNS: Record<AddressPlan["change"], string> = { add: "+", keep: " ", fault: "!", remove: "-" };
const NOTES: Record<AddressPlan["change"], string> = {
  add: "",
  keep: " (there already)",
  fault: " (there is no such interface)",
  remove: " (held by the daemon that runs)",
};
const HEALTH: Record<TablePlan["health"], string> = {
  daemon: "by what the daemon that runs knows of its servers",
  assumed: "assuming that every server is up (no daemon runs that knows)",
};
const SYNC_SIGNS: Record<SyncChange["kind"], string> = { start: "+", stop: "-", replace: "~" };

/** Of services with several keys: the first one of each. */
function firstKeys({ services }: Config): ReadonlyMap<ServiceId, ServiceId> {
  const firsts = new Map<ServiceId, ServiceId>();
  for (const one of services)
    if (one.group !== undefined)
      for (const key of keysOf(one)) firsts.set(serviceId(key), serviceId(one.service.key));
  return firsts;
}

export function planText(
  node: string,
  vrrp: readonly AddressPlan[],
  ipvs: TablePlan,
  firsts: ReadonlyMap<ServiceId, ServiceId> = new Map(),
): string {
  const lines = [`as node ${node}:`];
  if (vrrp.length > 0) lines.push("addresses, while master:");
  for (const { instance, address, interface: device, change } of vrrp)
    lines.push(`${SIGNS[change]} ${address} on ${device} for ${instance}${NOTES[change]}`);
  if (ipvs.problem !== null) lines.push(`IPVS: ${ipvs.problem}`);
  else if (ipvs.commands.length + ipvs.sync.length + ipvs.settings.length + ipvs.modules.length === 0)
    lines.push("IPVS: nothing to change");
  else {
    lines.push(`IPVS, ${HEALTH[ipvs.health]}:`);
    for (const name of ipvs.modules) lines.push(`+ load module ${name}`);
    for (const { name, from, to } of ipvs.settings)
      lines.push(`~ set ${settingTitle(name)}: ${from} -> ${to}`);
    for (const { kind, role, interface: device, id } of ipvs.sync)
      lines.push(`${SYNC_SIGNS[kind]} ${kind} sync daemon ${role} on ${device}, id ${id}`);
    // What connections would feel is told for each key.
    const isAlone = ({ impact }: PlannedCommand): boolean => impact !== undefined;
    for (const { command, more } of groupCommands(ipvs.commands, firsts, isAlone)) {
      const sign = command.kind.startsWith("add") ? "+" : command.kind.startsWith("remove") ? "-" : "~";
      const impact = command.impact === undefined ? "" : `; ${impactText(command.impact)}`;
      lines.push(`${sign} ${describeGroup({ command, more })}${impact}`);
    }
    const total = totalImpact(ipvs.commands.map((command) => command.impact));
    lines.push(...totalTexts(total).map((text) => `in all: ${text}`));
  }
  for (const takeover of ipvs.takeovers)
    lines.push(
      `! ${takeover.service} is there already, with ${serversOf(takeover)}, not made by vipd: taken over`,
    );
  return `${lines.join("\n")}\n`;
}
