// `vipd plan`: what would change in the kernel if the daemon ran with a configuration, without touching it.

import { formatPrefix } from "../core/address.js";
import { DEFAULT_POLICY, type Config } from "../config/model.js";
import { describeGroup, groupCommands, type Command as IpvsCommand } from "../ipvs/command.js";
import type { SyncChange } from "../director/ipvs-sync.js";
import { diff } from "../ipvs/diff.js";
import { fanOut, furtherServices, keysOf } from "../ipvs/group.js";
import { impactOf, impactText, totalImpact, totalText, type Impact } from "../ipvs/impact.js";
import { serverId, serviceId, type ServiceEntry, type ServiceId, type Table } from "../ipvs/model.js";
import { settingTitle, type SettingWrite } from "../ipvs/settings.js";
import { serversOf, takeovers, type Takeover } from "../ipvs/takeover.js";
import type { VrrpStatus } from "../control/ipc.js";
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
    const vrrp = await addressesOf(config, directory);
    const ipvs = await planTable(config, directory);
    if (options.flag("json")) {
      const impact = totalImpact(ipvs.commands.map((command) => command.impact));
      output.out(`${JSON.stringify({ node: config.node, vrrp, ipvs: { ...ipvs, impact } }, null, 2)}\n`);
    } else output.out(planText(config.node, vrrp, ipvs, firstKeys(config)));
    if (ipvs.problem !== null) return EXIT.failed;
    const changes = ipvs.commands.length + ipvs.sync.length + ipvs.settings.length;
    return changes > 0 || vrrp.some(({ change }) => change !== "keep") ? EXIT.changes : EXIT.ok;
  },
};

/** `impact`: on the connections there are now. */
export type PlannedCommand = IpvsCommand & { readonly impact?: Impact };

export type TablePlan = {
  readonly commands: readonly PlannedCommand[];
  readonly sync: readonly SyncChange[];
  /** Of the kernel, that would be set or put back. */
  readonly settings: readonly SettingWrite[];
  /** Services that are there already and were not made by vipd. */
  readonly takeovers: readonly Takeover[];
  readonly problem: string | null;
};

async function addressesOf(config: Config, runtimeDirectory: string): Promise<readonly AddressPlan[]> {
  const running = await runningInstances(runtimeDirectory);
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
async function runningInstances(runtimeDirectory: string): Promise<VrrpStatus | null> {
  const found: { status: VrrpStatus | null } = { status: null };
  // That nobody answers is the common case, and no news.
  const quiet = { out: () => undefined, err: () => undefined };
  await ask(runtimeDirectory, { request: "status" }, quiet, (reply) => {
    if (reply.reply === "status") found.status = reply.status.vrrp;
  });
  return found.status;
}

async function planTable(config: Config, runtimeDirectory: string): Promise<TablePlan> {
  const { openIpvs } = await import("../linux/ipvs-kernel.js");
  const { ownershipFile } = await import("../director/ipvs-ownership.js");
  const { syncChanges } = await import("../director/ipvs-sync.js");
  const { settingWrites } = await import("../director/settings-keeper.js");
  const { ipvsSettings } = await import("../linux/ipvs-settings.js");
  const plane = openIpvs();
  const needsNone = config.services.length === 0 && config.sync === undefined;
  if (!plane.ok)
    return { commands: [], sync: [], settings: [], takeovers: [], problem: needsNone ? null : plane.error };
  try {
    const { owned } = ownershipFile(runtimeDirectory).load();
    const [actual, wanted] = [plane.value.read(), wantedTable(config)];
    return {
      commands: diff(actual, wanted, owned.services).map((command): PlannedCommand => {
        const impact = impactOf(command, actual);
        return impact === undefined ? command : { ...command, impact };
      }),
      takeovers: takeovers(actual, wanted, owned.services),
      sync: syncChanges(plane.value.syncDaemons(), config.sync ?? null, owned.sync),
      // After the table, the question for which loads ip_vs: without it there are no settings.
      settings: settingWrites(runtimeDirectory, config.ipvs.settings ?? {}, ipvsSettings),
      problem: null,
    };
  } finally {
    plane.value.close();
  }
}

/** Every server in, and no sorry server serving: checks are not run for a plan. */
export function wantedTable(config: Config): Table {
  const table = new Map<ServiceId, ServiceEntry>();
  for (const one of config.services) {
    const { service, servers, policy = DEFAULT_POLICY } = one;
    const wanted = servers.map(({ server }) => server);
    if (policy.inhibitSorry) wanted.push(...policy.sorry.map((server) => ({ ...server, weight: 0 })));
    const all = new Map(wanted.map((server) => [serverId(server), server]));
    table.set(serviceId(service.key), { service, servers: all });
    for (const [id, entry] of fanOut(furtherServices(one), all)) table.set(id, entry);
  }
  return table;
}

const SIGNS: Record<AddressPlan["change"], string> = { add: "+", keep: " ", fault: "!", remove: "-" };
const NOTES: Record<AddressPlan["change"], string> = {
  add: "",
  keep: " (there already)",
  fault: " (there is no such interface)",
  remove: " (held by the daemon that runs)",
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
  else if (ipvs.commands.length + ipvs.sync.length + ipvs.settings.length === 0)
    lines.push("IPVS: nothing to change");
  else {
    lines.push("IPVS, with every server up:");
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
    const total = totalText(totalImpact(ipvs.commands.map((command) => command.impact)));
    if (total !== undefined) lines.push(`in all: ${total}`);
  }
  for (const takeover of ipvs.takeovers)
    lines.push(
      `! ${takeover.service} is there already, with ${serversOf(takeover)}, not made by vipd: taken over`,
    );
  return `${lines.join("\n")}\n`;
}
