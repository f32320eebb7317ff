// The same instances as vipd's file and as keepalived's, and the virtual addresses that they have.

import type { Milliseconds } from "../src/core/units.js";

export type Side = "lb1" | "lb2";
export const PRIORITY = { lb1: 200, lb2: 100 } as const;

export type Layout = {
  readonly interval: Milliseconds;
  /** Router-ids in use, 1 to 255. */
  readonly instances: number;
  /** 2: an IPv6 instance with one address, too, for each router-id. */
  readonly families: 1 | 2;
  /** IPv4 addresses of an instance, 1 to 10. */
  readonly addressesEach: number;
};

/** Virtual address `k` (from 1) of instance `n`. */
export const virtualAddress = (n: number, k = 1): string => `10.20.${k}.${n}`;

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

/** How many of the virtual addresses are in what `ip address` says. */
export const heldIn = (text: string): number =>
  text.match(/inet 10\.20\.[1-9]\d*\.\d+\/32|inet6 fe80::a:/g)?.length ?? 0;

type Instance = { readonly name: string; readonly id: number; readonly addresses: readonly string[] };

function instancesOf({ instances, families, addressesEach }: Layout): Instance[] {
  const of = (id: number): Instance[] => [
    { name: `i${id}`, id, addresses: numbers(addressesEach).map((k) => `${virtualAddress(id, k)}/32`) },
    { name: `six${id}`, id, addresses: [`fe80::a:${id.toString(16)}/64`] },
  ];
  return numbers(instances).flatMap((id) => of(id).slice(0, families));
}

export function vipdConfig(layout: Layout): string {
  const entry = ({ name, id, addresses }: Instance): string =>
    `  ${name}: { interface: eth0, router-id: ${id}, advert-interval: ${layout.interval}ms, addresses: ${JSON.stringify(addresses)} }`;
  return `nodes:
  lb1: { priority: ${PRIORITY.lb1} }
  lb2: { priority: ${PRIORITY.lb2} }
vrrp:
${instancesOf(layout).map(entry).join("\n")}
`;
}

export function keepalivedConfig(side: Side, layout: Layout): string {
  const block = ({ name, id, addresses }: Instance): string => `vrrp_instance ${name} {
  state BACKUP
  interface eth0
  virtual_router_id ${id}
  priority ${PRIORITY[side]}
  advert_int ${layout.interval / 1000}
  virtual_ipaddress {
    ${addresses.join("\n    ")}
  }
}
`;
  // The best that keepalived offers: real-time scheduling, which vipd has by default, and no detailed log. Without
  // the higher limit its own guard against loops kills it while it takes over 200 instances.
  return `global_defs {
  vrrp_version 3
  vrrp_rt_priority 50
  vrrp_rlimit_rttime 2000000
}
${instancesOf(layout).map(block).join("")}`;
}
