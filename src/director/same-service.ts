// Whether two configurations of a service want the same of the kernel, so that a reload leaves it alone.

import type { ServiceConfig, ServicePolicy } from "../config/model.js";
import { sameTunnel } from "../ipvs/diff.js";
import type { Grouped } from "../ipvs/group.js";

/** Whether they want the same of the kernel. Makes nothing: a reload asks it of every service. */
export function sameConfig(a: ServiceConfig, b: ServiceConfig): boolean {
  const { persistence: p, scheduler, flags, engine } = a.service;
  const { persistence: q } = b.service;
  return (
    scheduler === b.service.scheduler &&
    flags === b.service.flags &&
    engine === b.service.engine &&
    p?.timeout === q?.timeout &&
    p?.prefixLength === q?.prefixLength &&
    sameGroup(a, b) &&
    samePolicy(a.policy, b.policy) &&
    a.servers.length === b.servers.length &&
    a.servers.every((one, i) => {
      const other = b.servers[i];
      return (
        other !== undefined &&
        one.server.address === other.server.address &&
        one.server.port === other.server.port &&
        one.server.weight === other.server.weight &&
        one.server.forwarding === other.server.forwarding &&
        one.server.upper === other.server.upper &&
        one.server.lower === other.server.lower &&
        sameTunnel(one.server.tunnel, other.server.tunnel) &&
        one.inhibit === other.inhibit &&
        (one.checks.length === 0) === (other.checks.length === 0)
      );
    })
  );
}

/** The first key too: a service may be known by another one. */
const sameGroup = (a: Grouped, b: Grouped): boolean =>
  (a.group === undefined && b.group === undefined) ||
  (a.group?.ports === b.group?.ports &&
    JSON.stringify([a.service.key, a.group?.keys]) === JSON.stringify([b.service.key, b.group?.keys]));

const samePolicy = (a: ServicePolicy | undefined, b: ServicePolicy | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));
