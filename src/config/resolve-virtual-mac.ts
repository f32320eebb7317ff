// The links of instances with a virtual MAC address: their names, what lies on them, and what does not go with them.

import { OWNER_PRIORITY } from "../vrrp/state.js";
import type { InstanceConfig, VirtualMac } from "../vrrp/instance.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import type { FileInstance } from "./schema.js";

/** Of a whole entry of the file; the name is empty where the file gives none. */
export function virtualMacOf(
  name: string,
  wanted: FileInstance["virtual-mac"],
  priority: number,
  report: Report,
): VirtualMac | undefined {
  if (wanted === undefined || wanted === false) return undefined;
  if (priority === OWNER_PRIORITY)
    report.error(
      ["vrrp", name, "virtual-mac"],
      "virtual-mac-owner",
      "the owner's address (priority 255) is on its interface already, with that one's MAC address",
      "Use a priority from 1 to 254, and an address that no director has by itself.",
    );
  return wanted === true
    ? { name: "", adverts: "virtual" }
    : { name: wanted.name ?? "", adverts: wanted.adverts };
}

/** Names the link of an instance of one family, and puts the addresses of its interface there. */
export function withLink(instance: InstanceConfig): InstanceConfig {
  const { virtualMac, interface: base, virtualRouterId, family } = instance;
  if (virtualMac === undefined) return instance;
  const name =
    virtualMac.name === "" ? `vrrp${family === "ipv6" ? "6" : ""}.${virtualRouterId}` : virtualMac.name;
  return {
    ...instance,
    virtualMac: { ...virtualMac, name },
    addresses: instance.addresses.map((one) => (one.interface === base ? { ...one, interface: name } : one)),
  };
}

/** Each virtual link has a name of its own, and a transport that can send from it. */
export function checkLinks(
  instances: readonly InstanceConfig[],
  transport: "native" | "raw-socket",
  report: Report,
): void {
  const names = new Map(instances.map((one) => [one.interface, `the interface of "${one.name}"`]));
  for (const { name, virtualMac } of instances) {
    if (virtualMac === undefined) continue;
    const path: Path = ["vrrp", entryOf(name), "virtual-mac"];
    if (transport === "raw-socket" && virtualMac.adverts === "virtual")
      report.error(
        path,
        "virtual-mac-transport",
        "the raw-socket package sends no adverts from the virtual MAC address",
        "Write `virtual-mac: { adverts: interface }`, or leave out `process: transport`.",
      );
    const holder = names.get(virtualMac.name);
    if (holder !== undefined)
      report.error(
        path,
        "link-taken",
        `${virtualMac.name} is also ${holder}`,
        "Give the link a name of its own: `virtual-mac: { name: NAME }`; an instance of both families has two, and names them by itself.",
      );
    names.set(virtualMac.name, `the virtual link of "${name}"`);
  }
}

/** The entry of the file that an instance of one family was split from. */
const entryOf = (name: string): string => name.split("/")[0] ?? name;
