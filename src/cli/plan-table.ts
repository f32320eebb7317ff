// The table that a configuration wants, for a plan: by the health that a running daemon knows, as its reload would
// decide it, or with every server up where no daemon runs. Checks are not run for a plan.

import { DEFAULT_POLICY, type Config, type ServiceConfig } from "../config/model.js";
import type { ServerStatus, ServiceStatus } from "../control/ipc.js";
import { instant } from "../core/units.js";
import { WantedTable } from "../director/ipvs-wanted.js";
import { fanOut, furtherServices } from "../ipvs/group.js";
import {
  serverId,
  serviceId,
  type ListedTable,
  type ServiceEntry,
  type ServiceId,
  type Table,
} from "../ipvs/model.js";
import type { Override, ServerAdjustment } from "../services/server-input.js";
import { rampAt, SLOW_START } from "../services/weight.js";

/** Every server in, and no sorry server serving. */
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

/** Failures of a time so long ago are none that happen together. */
const LONG_AGO = instant(0);
const NOW = instant(Number.MAX_SAFE_INTEGER / 2);

/** `known`: what the daemon that runs says. */
export function tableByHealth(config: Config, listed: ListedTable, known: readonly ServiceStatus[]): Table {
  const statuses = new Map(known.map((service) => [service.name, serversOf(service)]));
  const services = config.services.map((service) => withoutWaiting(service, statuses.get(service.name)));
  let now = LONG_AGO;
  const nothing = (): undefined => undefined;
  const wanted = new WantedTable({
    now: () => now,
    tell: nothing,
    tellMassFailure: nothing,
    overrideOf: nothing,
  });
  // Of a service that the daemon does not know its reload presumes what the kernel's table tells.
  wanted.configure(services, listed, config.ipvs.massFailure);
  const eachKnown = (
    take: (service: string, one: ServerStatus | undefined, server: ServerConfigOf) => void,
  ): void => {
    for (const { name, servers } of services) {
      const status = statuses.get(name);
      if (status !== undefined)
        for (const server of servers) take(name, status.get(serverId(server.server)), server);
    }
  };
  eachKnown((service, one, { server, checks }) => {
    // What was held down by too many failures is in the table still.
    const isUp = one === undefined || checks.length === 0 || one.up || one.place === "held";
    wanted.setServer(service, serverId(server), isUp);
  });
  now = NOW;
  eachKnown((service, one, { server }) => {
    if (one !== undefined) wanted.adjust(service, serverId(server), adjustmentOf(one));
  });
  wanted.refresh();
  return wanted.table;
}

type ServerConfigOf = ServiceConfig["servers"][number];

const serversOf = ({ servers }: ServiceStatus): ReadonlyMap<string, ServerStatus> =>
  new Map(servers.map((server) => [server.server, server]));

/** A server that a reload adds waits for its first check, and one that waits already goes on to do so. */
function withoutWaiting(
  service: ServiceConfig,
  status: ReadonlyMap<string, ServerStatus> | undefined,
): ServiceConfig {
  if (status === undefined) return service;
  const serves = service.policy?.beforeFirstCheck === "serve";
  const waits = ({ server, checks }: ServerConfigOf): boolean => {
    const one = status.get(serverId(server));
    return checks.length > 0 && (one === undefined ? !serves : one.place === "waits");
  };
  return { ...service, servers: service.servers.filter((server) => !waits(server)) };
}

/** What beside its checks makes a server's weight. */
function adjustmentOf({ weighing, order }: ServerStatus): ServerAdjustment {
  const override = order === undefined ? undefined : overrideOf(order);
  const said = override?.kind === "drain" ? weighing.terms.slice(0, -1) : weighing.terms;
  let adjustment: ServerAdjustment = { override };
  for (const term of said)
    if (term.kind === "set") adjustment = { ...adjustment, load: { ...term, kind: "absolute" } };
    else if (term.label === SLOW_START) adjustment = { ...adjustment, ramp: rampAt(term.percent, NOW) };
    else adjustment = { ...adjustment, load: term };
  return adjustment;
}

function overrideOf({ action, by, drain }: NonNullable<ServerStatus["order"]>): Override {
  if (action === "disable") return { kind: "disable", label: by };
  const isEmpty = drain !== null && drain.done !== null;
  return { kind: "drain", label: by, isEmpty, removeAt: undefined };
}
