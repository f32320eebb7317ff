// What servers had when they were taken out of the table: the connections that their clients have lost, or will have
// lost unless the server comes back. Read just before, from the servers' own counters, and only where that is cheap.

import type { ServiceConfig } from "../config/model.js";
import { commandKey, type Command } from "../ipvs/command.js";
import type { Connections } from "../ipvs/impact.js";
import { serverId, serviceId, type ListedServer, type ServerId, type ServiceId } from "../ipvs/model.js";
import type { DataPlane } from "../ports/data-plane.js";
import type { AppliedTable } from "./ipvs-applied.js";
import type { Why } from "./ipvs-report.js";

/** Services whose servers are listed before one batch, and the servers of all of them: a millisecond or two. */
const MOST_SERVICES = 32;
const MOST_SERVERS = 512;

export class Leavers {
  private readonly applied: Pick<AppliedTable, "entries">;
  private readonly left = new Map<ServiceId, Map<ServerId, Connections>>();

  constructor(applied: Pick<AppliedTable, "entries">) {
    this.applied = applied;
  }

  /** Of a server that is not in the table; undefined: not known. */
  of(service: ServiceId, server: ServerId): Connections | undefined {
    return this.left.get(service)?.get(server);
  }

  /** Nobody asks for servers that are configured no more. `areAll`: there are no other services. */
  configure(services: readonly ServiceConfig[], areAll: boolean): void {
    if (this.left.size === 0) return;
    const others = new Set(areAll ? this.left.keys() : []);
    for (const { service, servers } of services) {
      const id = serviceId(service.key);
      const of = this.left.get(id);
      if (of === undefined) continue;
      others.delete(id);
      const configured = new Set(servers.map(({ server }) => serverId(server)));
      for (const server of of.keys()) if (!configured.has(server)) of.delete(server);
    }
    for (const id of others) this.left.delete(id);
  }

  /** Before the commands are carried out. Gives what the servers have together that go; undefined: none does, or it is not known. */
  note(plane: DataPlane, why: Why, commands: readonly Command[]): Connections | undefined {
    const leaving = new Map<ServiceId, ListedServer[]>();
    for (const command of commands) {
      const id = serviceId(commandKey(command));
      if (command.kind === "remove-service") this.left.delete(id);
      if (command.kind === "add-server") this.left.get(id)?.delete(serverId(command.server));
      if (command.kind !== "remove-server") continue;
      const of = leaving.get(id);
      if (of === undefined) leaving.set(id, [command.server]);
      else of.push(command.server);
    }
    if (leaving.size === 0) return undefined;
    const isCheap = leaving.size <= MOST_SERVICES && this.serversOf(leaving.keys()) <= MOST_SERVERS;
    let sum: Connections | undefined = { active: 0, inactive: 0 };
    for (const [id, servers] of leaving) {
      const listed = isCheap ? this.list(plane, id, servers) : undefined;
      for (const server of servers.map(serverId)) {
        const connections = listed?.get(server);
        if (connections === undefined) this.left.get(id)?.delete(server);
        // What a reload takes out is not in the configuration any more, and nobody asks for it.
        else if (why !== "reload") this.remember(id, server, connections);
        sum = sum && connections && add(sum, connections);
      }
    }
    return sum;
  }

  private serversOf(ids: Iterable<ServiceId>): number {
    let count = 0;
    for (const id of ids) count += this.applied.entries.get(id)?.servers.size ?? 0;
    return count;
  }

  private list(
    plane: DataPlane,
    id: ServiceId,
    servers: readonly ListedServer[],
  ): ReadonlyMap<ServerId, ListedServer> | undefined {
    const entry = this.applied.entries.get(id);
    try {
      return entry && plane.servers(entry.service, servers);
    } catch {
      // The commands that follow meet the same, and tell of it.
      return undefined;
    }
  }

  private remember(id: ServiceId, server: ServerId, { active = 0, inactive = 0 }: ListedServer): void {
    const of = this.left.get(id) ?? new Map<ServerId, Connections>();
    this.left.set(id, of.set(server, { active, inactive }));
  }
}

const add = (sum: Connections, { active = 0, inactive = 0 }: ListedServer): Connections => ({
  active: sum.active + active,
  inactive: sum.inactive + inactive,
});
