// `vipd plan`: what would change in the kernel if the daemon ran with a configuration, without touching it.

import { formatPrefix } from "../core/address.js";
import type { Config } from "../config/model.js";
import { describeCommand, type Command as IpvsCommand } from "../ipvs/command.js";
import { diff } from "../ipvs/diff.js";
import { serverId, serviceId, type ServiceEntry, type ServiceId, type Table } from "../ipvs/model.js";
import { runtimeDirectoryOf } from "./client.js";
import {
  configOption,
  DEFAULT_CONFIG,
  EXIT,
  jsonOption,
  nodeOption,
  runtimeDirectoryOption,
  type Command,
} from "./command.js";

export const plan: Command = {
  word: "plan",
  summary: "What would change in the kernel, without touching it; exit code 4 when something would.",
  options: [configOption, nodeOption, jsonOption, runtimeDirectoryOption],
  async run(options, output) {
    const { failed, readConfig, report } = await import("../director/supervisor/config-reader.js");
    const reading = readConfig(options.text("config") ?? DEFAULT_CONFIG, options.text("node"));
    if (reading.diagnostics.length > 0) output.err(report(reading));
    const [config] = reading.configs;
    if (failed(reading) || config === undefined) return EXIT.failed;
    const vrrp = await planAddresses(config);
    const ipvs = await planTable(config, runtimeDirectoryOf(options));
    if (options.flag("json")) {
      output.out(`${JSON.stringify({ node: config.node, vrrp, ipvs }, null, 2)}\n`);
    } else output.out(planText(config.node, vrrp, ipvs));
    if (ipvs.problem !== null) return EXIT.failed;
    return ipvs.commands.length + vrrp.filter(({ change }) => change !== "keep").length > 0
      ? EXIT.changes
      : EXIT.ok;
  },
};

export type AddressPlan = {
  readonly instance: string;
  readonly address: string;
  readonly interface: string;
  /** What happens to the address while this node is master; "fault": its interface is missing. */
  readonly change: "add" | "keep" | "fault";
};
export type TablePlan = { readonly commands: readonly IpvsCommand[]; readonly problem: string | null };

async function planAddresses(config: Config): Promise<readonly AddressPlan[]> {
  if (config.vrrp.length === 0) return [];
  const { openRouteKernel } = await import("../linux/route-kernel.js");
  const kernel = openRouteKernel();
  try {
    const indexes = new Map(kernel.links().map(({ name, index }) => [name, index]));
    const there = new Set(
      kernel.addresses().map(({ ifindex, prefix }) => `${ifindex} ${formatPrefix(prefix)}`),
    );
    return config.vrrp.flatMap((instance) =>
      instance.addresses.map((address): AddressPlan => {
        const index = indexes.get(address.interface);
        const text = formatPrefix(address.prefix);
        const change = index === undefined ? "fault" : there.has(`${index} ${text}`) ? "keep" : "add";
        return { instance: instance.name, address: text, interface: address.interface, change };
      }),
    );
  } finally {
    kernel.close();
  }
}

async function planTable(config: Config, runtimeDirectory: string): Promise<TablePlan> {
  const { openIpvs } = await import("../linux/ipvs-kernel.js");
  const { ownershipFile } = await import("../director/ipvs-ownership.js");
  const plane = openIpvs();
  if (!plane.ok) return { commands: [], problem: config.services.length === 0 ? null : plane.error };
  try {
    return {
      commands: diff(
        plane.value.read(),
        wantedTable(config),
        ownershipFile(runtimeDirectory).load().services,
      ),
      problem: null,
    };
  } finally {
    plane.value.close();
  }
}

/** Every server in: checks are not run for a plan. */
export function wantedTable(config: Config): Table {
  const table = new Map<ServiceId, ServiceEntry>();
  for (const { service, servers } of config.services)
    table.set(serviceId(service.key), {
      service,
      servers: new Map(servers.map(({ server }) => [serverId(server), server])),
    });
  return table;
}

const SIGNS: Record<AddressPlan["change"], string> = { add: "+", keep: " ", fault: "!" };

export function planText(node: string, vrrp: readonly AddressPlan[], ipvs: TablePlan): string {
  const lines = [`as node ${node}:`];
  if (vrrp.length > 0) lines.push("addresses, while master:");
  for (const { instance, address, interface: device, change } of vrrp) {
    const note =
      change === "keep" ? " (there already)" : change === "fault" ? " (there is no such interface)" : "";
    lines.push(`${SIGNS[change]} ${address} on ${device} for ${instance}${note}`);
  }
  if (ipvs.problem !== null) lines.push(`IPVS: ${ipvs.problem}`);
  else if (ipvs.commands.length === 0) lines.push("IPVS: nothing to change");
  else {
    lines.push("IPVS, with every server up:");
    for (const command of ipvs.commands) {
      const sign = command.kind.startsWith("add") ? "+" : command.kind.startsWith("remove") ? "-" : "~";
      lines.push(`${sign} ${describeCommand(command)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
