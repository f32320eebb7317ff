// What a reload makes of a running VRRP instance: nothing, a changed one, or another one.

import type { InstanceConfig } from "../vrrp/instance.js";

/** What makes a changed configuration that of another virtual router, which cannot go on as the old one. */
export function whyAnother(old: InstanceConfig, wanted: InstanceConfig): string | undefined {
  if (old.interface !== wanted.interface) return `interface ${old.interface} -> ${wanted.interface}`;
  if (old.virtualRouterId !== wanted.virtualRouterId)
    return `router-id ${old.virtualRouterId} -> ${wanted.virtualRouterId}`;
  if (old.family !== wanted.family) return `family ${old.family} -> ${wanted.family}`;
  // One that has spoken both, or is going to, is understood by whoever understood it before.
  if (old.version !== wanted.version && old.version !== "2+3" && wanted.version !== "2+3")
    return `version ${old.version} -> ${wanted.version}`;
  if (!sameValue(old.virtualMac, wanted.virtualMac)) return `virtual-mac ${linkOf(old)} -> ${linkOf(wanted)}`;
  const [before, now] = [castOf(old), castOf(wanted)];
  return before === now ? undefined : `${before} -> ${now}`;
}

const linkOf = ({ virtualMac }: InstanceConfig): string => virtualMac?.name ?? "none";

const castOf = ({ unicast }: InstanceConfig): string => (unicast === undefined ? "multicast" : "unicast");

/** Equality of plain configuration values, whatever the order of their keys. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const left = Object.entries(a);
  const right = new Map(Object.entries(b));
  return left.length === right.size && left.every(([key, value]) => sameValue(value, right.get(key)));
}
