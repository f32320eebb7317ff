// What the instances of a sync group must have in common, on every node of the file.

import type { InstanceConfig } from "../vrrp/instance.js";
import type { Report } from "./report.js";
import type { FileConfig, FileInstance } from "./schema.js";

type Nodes = FileConfig["nodes"];

/** Members that would each want another master keep their group moving to and fro for ever. */
export function checkGroups(instances: readonly InstanceConfig[], file: FileConfig, report: Report): void {
  const first = new Map<string, InstanceConfig>();
  const sizes = new Map<string, number>();
  for (const instance of instances) {
    const { group, name } = instance;
    if (group === undefined) continue;
    sizes.set(group, (sizes.get(group) ?? 0) + 1);
    const other = first.get(group);
    if (other === undefined) first.set(group, instance);
    else {
      checkGroupPriorities(group, other.name, name, file, report);
      if (other.preempt !== instance.preempt || other.preemptDelay !== instance.preemptDelay)
        report.error(
          ["vrrp", name, "group"],
          "group-preemption",
          `"${other.name}" of the same group, ${group}, has another \`preempt\` or \`preempt-delay\``,
          "The members of a group take over together: give them the same.",
        );
    }
  }
  for (const [group, instance] of first)
    if (sizes.get(group) === 1 && !report.isBroken(["vrrp", "*", "group"]))
      report.warning(
        ["vrrp", instance.name, "group"],
        "group-of-one",
        `nobody else is in the group ${group}`,
        "Name the same group in the other instances that are to move together, or leave it out.",
      );
}

function checkGroupPriorities(
  group: string,
  one: string,
  other: string,
  { nodes, vrrp = {} }: FileConfig,
  report: Report,
): void {
  for (const node of Object.keys(nodes)) {
    const [a, b] = [one, other].map((name) => vrrp[name] && priorityOn(vrrp[name], nodes, node));
    if (a === undefined || b === undefined || a === b) continue;
    report.error(
      ["vrrp", other, "group"],
      "group-priorities",
      `on ${node} it has priority ${b}, and "${one}" of the same group, ${group}, has ${a}`,
      "The members of a group have one master, so one priority on each node.",
    );
  }
}

/** As written for the node, or the one of the node itself. */
export const priorityOn = ({ priority }: FileInstance, nodes: Nodes, node: string): number | undefined =>
  typeof priority === "number" ? priority : (priority?.[node] ?? nodes[node]?.priority);
