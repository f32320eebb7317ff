// A data plane in memory that behaves as the kernel's does: it refuses what the kernel refuses, keeps the order in
// which servers came, and can be told to fail.

import { createHash } from "node:crypto";
import { describeCommand, type Command } from "../../src/ipvs/command.js";
import {
  serverId,
  serviceId,
  type ListedServer,
  type ListedService,
  type ListedTable,
  type ServerId,
  type ServiceId,
  type SyncConfig,
  type SyncDaemon,
  type SyncRole,
  type Table,
} from "../../src/ipvs/model.js";
import type { Refusal } from "../../src/ipvs/prepared.js";
import type { ApplyResult, DataPlane, Fingerprint, ServerList } from "../../src/ports/data-plane.js";

type Entry = { service: ListedService; servers: Map<ServerId, ListedServer> };

const DONE: ApplyResult = { ok: true, unchanged: false };
const GONE: ApplyResult = { ok: true, unchanged: true };

export class FakePlane implements DataPlane {
  readonly name = "fake";
  readonly table = new Map<ServiceId, Entry>();
  readonly daemons = new Map<SyncRole, SyncDaemon>();
  readonly batches: (readonly Command[])[] = [];
  readonly ahead: (readonly Uint8Array[])[] = [];
  /** What others have sent ahead. */
  readonly taken: { readonly batches: readonly Uint8Array[]; readonly refusals: readonly Refusal[] }[] = [];
  starts = 0;
  stops = 0;
  /** Refuses these commands with EBUSY. */
  refuse: (command: Command) => boolean = () => false;
  /** Makes it fail as a whole. */
  isBroken = false;
  isClosed = false;

  /** Sets the table as somebody else would. */
  load(table: Table | ListedTable): void {
    this.table.clear();
    for (const [id, { service, servers }] of table)
      this.table.set(id, { service, servers: new Map<ServerId, ListedServer>(servers) });
  }

  read(): ListedTable {
    if (this.isBroken) throw new Error("list IPVS services: EPERM");
    return new Map([...this.table].map(([id, entry]) => [id, { ...entry, servers: new Map(entry.servers) }]));
  }

  services(): readonly ListedService[] {
    if (this.isBroken) throw new Error("list IPVS services: EPERM");
    return Array.from(this.table.values(), ({ service }) => service);
  }

  servers({ key }: ListedService): ReadonlyMap<ServerId, ListedServer> {
    return new Map(this.table.get(serviceId(key))?.servers);
  }

  serversUnless(service: ListedService, known: Fingerprint | undefined): ServerList | "as known" {
    const servers = this.servers(service);
    const settings = [...servers.values()].map((server) => ({
      ...server,
      active: 0,
      inactive: 0,
      persistent: 0,
    }));
    const fingerprint = createHash("md5").update(JSON.stringify(settings)).digest().readUIntBE(0, 6);
    return fingerprint === known ? "as known" : { servers, fingerprint };
  }

  apply(commands: readonly Command[]): readonly ApplyResult[] {
    if (this.isBroken) throw new Error("send netlink requests: EPERM");
    this.batches.push(commands);
    return commands.map((command) => {
      if (this.refuse(command))
        return { ok: false, outOfStep: false, error: `${describeCommand(command)}: EBUSY` };
      return (
        this.applyOne(command) ?? { ok: false, outOfStep: true, error: `${describeCommand(command)}: ESRCH` }
      );
    });
  }

  /** Its commands are to come; it knows no bytes. */
  sendAhead(batches: readonly Uint8Array[]): void {
    if (this.isBroken) throw new Error("send netlink requests: EPERM");
    this.ahead.push(batches);
  }

  takeAhead(batches: readonly Uint8Array[], refusals: readonly Refusal[]): void {
    this.taken.push({ batches, refusals });
  }

  private applyOne(command: Command): ApplyResult | undefined {
    if (command.kind === "add-service") {
      const id = serviceId(command.service.key);
      if (this.table.has(id)) return undefined;
      this.table.set(id, { service: command.service, servers: new Map() });
      return DONE;
    }
    const id = serviceId(command.kind === "edit-service" ? command.service.key : command.key);
    const entry = this.table.get(id);
    switch (command.kind) {
      case "edit-service":
        if (entry !== undefined) entry.service = command.service;
        return entry && DONE;
      case "remove-service":
        return this.table.delete(id) ? DONE : GONE;
      case "remove-server":
        return entry && (entry.servers.delete(serverId(command.server)) ? DONE : GONE);
      case "add-server":
      case "edit-server": {
        const server = serverId(command.server);
        if (entry?.servers.has(server) !== (command.kind === "edit-server")) return undefined;
        entry.servers.set(server, command.server);
        return DONE;
      }
    }
  }

  syncDaemons(): readonly SyncDaemon[] {
    return [...this.daemons.values()];
  }
  startSync(role: SyncRole, sync: SyncConfig): ApplyResult {
    if (this.daemons.has(role)) return { ok: false, outOfStep: true, error: `start sync ${role}: EEXIST` };
    this.starts++;
    this.daemons.set(role, {
      role,
      interface: sync.interface,
      id: sync.id,
      maxLength: sync.maxLength ?? 1464,
      ...(sync.group === undefined ? {} : { group: sync.group }),
      port: sync.port ?? 8848,
      ttl: sync.ttl ?? 1,
    });
    return DONE;
  }
  stopSync(role: SyncRole): ApplyResult {
    this.stops++;
    return this.daemons.delete(role) ? DONE : GONE;
  }
  close(): void {
    this.isClosed = true;
  }
}
