// Interfaces that have other names on other nodes: written once for all of them, or once for each. From the file
// as it is written to the file as one node reads it, in which every interface has one name.

import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import type { FileConfig, FileInstance, FileSync, WrittenFile, WrittenInstance } from "./schema.js";
import { didYouMean } from "./suggest.js";

type Nodes = FileConfig["nodes"];
type InterfaceOf = (written: string | Readonly<Record<string, string>>, path: Path) => string;

/** Says which nodes of the file have no interface where one is needed; then it has an empty name. */
export function interfacesOn(node: string, written: WrittenFile, report: Report): FileConfig {
  const { vrrp, sync, ...rest } = written;
  const one: InterfaceOf = (name, path) => {
    if (typeof name === "string") return name;
    checkNodes(name, written.nodes, path, report);
    checkComplete(name, written.nodes, path, report);
    return Object.hasOwn(name, node) ? (name[node] ?? "") : "";
  };
  return {
    ...rest,
    ...(vrrp === undefined
      ? {}
      : {
          vrrp: Object.fromEntries(
            Object.entries(vrrp).map(([name, instance]) => [
              name,
              instanceHere(instance, ["vrrp", name], one),
            ]),
          ),
        }),
    ...(sync === undefined ? {} : { sync: syncHere(sync, one) }),
  };
}

function syncHere({ backup, ...sync }: NonNullable<WrittenFile["sync"]>, one: InterfaceOf): FileSync {
  return {
    ...sync,
    interface: one(sync.interface, ["sync", "interface"]),
    ...(backup === undefined ? {} : { backup: entryHere(backup, ["sync", "backup"], one) }),
  };
}

function instanceHere(written: WrittenInstance, path: Path, one: InterfaceOf): FileInstance {
  const { track, "excluded-addresses": excluded, "second-path": second, ...rest } = written;
  const addresses = (key: string, entries: WrittenInstance["addresses"]): FileInstance["addresses"] =>
    entries.map((entry, i) => ("length" in entry ? entry : entryHere(entry, [...path, key, i], one)));
  return {
    ...rest,
    interface: one(written.interface, [...path, "interface"]),
    ...(second === undefined ? {} : { "second-path": one(second, [...path, "second-path"]) }),
    addresses: addresses("addresses", written.addresses),
    ...(excluded === undefined ? {} : { "excluded-addresses": addresses("excluded-addresses", excluded) }),
    ...(track === undefined
      ? {}
      : {
          track: track.map((entry, i) =>
            typeof entry === "string" ? entry : entryHere(entry, [...path, "track", i], one),
          ),
        }),
  };
}

function entryHere<T extends { readonly interface?: string | Readonly<Record<string, string>> | undefined }>(
  { interface: name, ...rest }: T,
  path: Path,
  one: InterfaceOf,
): Omit<T, "interface"> & { interface?: string } {
  return name === undefined ? rest : { ...rest, interface: one(name, [...path, "interface"]) };
}

/** Reports nodes that are not in the file. */
export function checkNodes(written: object, nodes: Nodes, path: Path, report: Report): void {
  const names = Object.keys(nodes);
  if (report.lacksNames(["nodes"])) return;
  for (const key of Object.keys(written))
    if (!Object.hasOwn(nodes, key)) {
      const near = didYouMean(key, names);
      report.error(
        [...path, key],
        "unknown-node",
        `there is no node "${key}"${near === undefined ? "" : `, did you mean "${near}"?`}`,
        `The nodes are: ${names.join(", ")}.`,
      );
    }
}

function checkComplete(written: object, nodes: Nodes, path: Path, report: Report): void {
  const names = Object.keys(nodes);
  const without = names.filter((name) => !Object.hasOwn(written, name));
  if (without.length > 0 && !report.lacksNames(path))
    report.error(
      path,
      "interface-missing",
      `names no interface for ${without.map((name) => `"${name}"`).join(" and ")}`,
      `Write one name for all nodes, or one for each: { ${names.map((name, i) => `${name}: eth${i}`).join(", ")} }.`,
    );
}
