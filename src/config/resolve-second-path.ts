// What `second-path` of an instance goes with and what not: a link of its own, by multicast, where no other virtual
// router has the same number. One instance by itself first, then all of them together.

import type { InstanceConfig } from "../vrrp/instance.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";
import type { FileInstance } from "./schema.js";

/** The kernel's name for it in every network namespace, unless somebody renames it. */
const LOOPBACK = "lo";

const LEAVE_OUT =
  "Name an interface that another network joins the directors by, or leave `second-path` out.";

/** Of a whole entry of the file. */
export function checkSecondPath(whole: InstanceConfig, written: FileInstance, report: Report): void {
  const { name, secondPath, unicast } = whole;
  if (secondPath === undefined) return;
  const path: Path = ["vrrp", name, "second-path"];
  if (secondPath === whole.interface)
    report.error(
      path,
      "second-path-same",
      `${secondPath} is the interface of the first path, and what cuts that one off cuts this one off`,
      LEAVE_OUT,
    );
  if (secondPath === LOOPBACK)
    report.error(
      path,
      "loopback",
      "lo has no multicast, by which adverts are sent, and no other director is on it",
      LEAVE_OUT,
    );
  if (unicast !== undefined)
    report.error(
      path,
      "second-path-unicast",
      "a second path is taken by multicast, and this instance sends by unicast",
      `Leave \`second-path\` out, or ${written.unicast === undefined ? "set `unicast: false` here" : "`unicast`"}.`,
    );
}

/** On every link of an instance its number is its own, and none of its links is one that vipd makes. */
export function checkSecondPaths(instances: readonly InstanceConfig[], report: Report): void {
  if (!instances.some(({ secondPath }) => secondPath !== undefined)) return;
  const made = new Map(
    instances.flatMap(({ name, virtualMac }) => (virtualMac === undefined ? [] : [[virtualMac.name, name]])),
  );
  const routers = new Map(instances.map((one) => [routerOn(one, one.interface), one.name]));
  for (const one of instances) {
    const { name, secondPath } = one;
    if (secondPath === undefined) continue;
    const path: Path = ["vrrp", entryOf(name), "second-path"];
    const maker = made.get(secondPath);
    if (maker !== undefined)
      report.error(
        path,
        "second-path-virtual-mac",
        `${secondPath} is the virtual link of "${maker}", which is on while that is master and off otherwise`,
        LEAVE_OUT,
      );
    const router = routerOn(one, secondPath);
    const holder = routers.get(router);
    if (holder !== undefined && holder !== name)
      report.error(
        path,
        "router-id-taken",
        `${one.virtualRouterId} is also the router-id of "${holder}" on ${secondPath}`,
        "Each virtual router of a family on a link has a router-id of its own, from 1 to 255.",
      );
    else routers.set(router, name);
  }
}

const routerOn = ({ family, virtualRouterId }: InstanceConfig, on: string): string =>
  `${on} ${family} ${virtualRouterId}`;

/** The entry of the file that an instance of one family was split from. */
const entryOf = (name: string): string => name.split("/")[0] ?? name;
