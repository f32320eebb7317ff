// What we believe to be in the kernel of the services that are wanted or ours, and how that differs from what is
// wanted. What the kernel lists is believed once; after that, what was applied without a complaint. Changes nothing in
// the kernel (ipvs-writer.ts does).

import type { Command } from "../ipvs/command.js";
import { diffService, sameService } from "../ipvs/diff.js";
import { addConnections, type KeyService } from "../ipvs/group.js";
import {
  serviceId,
  type ListedEntry,
  type ListedServer,
  type ListedService,
  type ServerId,
  type ServiceEntry,
  type ServiceId,
} from "../ipvs/model.js";
import { takeovers, type Takeover } from "../ipvs/takeover.js";
import type { DataPlane, Fingerprint } from "../ports/data-plane.js";
import type { WantedTable } from "./ipvs-wanted.js";

/** What of the kernel's table is not on record as ours: services that are wanted, and the others. */
export type Found = { readonly takeovers: readonly Takeover[]; readonly others: readonly ServiceId[] };

export class AppliedTable {
  private readonly wanted: Pick<WantedTable, "table">;
  readonly entries = new Map<ServiceId, ListedEntry>();
  /** Services that are to be brought into the kernel. */
  readonly dirty = new Set<ServiceId>();
  /** Services whose last commands failed, or may have; that they are not as wanted is nobody's doing but ours. */
  readonly refused = new Set<ServiceId>();
  /** What was found to be as wanted, and by which fingerprint to know it again. */
  private readonly found = new Map<ServiceId, { readonly entry: ServiceEntry; readonly at: Fingerprint }>();

  constructor(wanted: Pick<WantedTable, "table">) {
    this.wanted = wanted;
  }

  /** Believes what the kernel lists, as far as it concerns us and is not known. */
  learn(plane: DataPlane, wantedIds: ReadonlySet<ServiceId>, owned: ReadonlySet<ServiceId>): Found {
    const learnt = new Map<ServiceId, ListedEntry>();
    const others: ServiceId[] = [];
    for (const service of plane.services()) {
      const id = serviceId(service.key);
      if (!wantedIds.has(id) && !owned.has(id)) others.push(id);
      else if (!this.entries.has(id)) learnt.set(id, { service, servers: plane.servers(service) });
    }
    for (const [id, entry] of learnt) this.entries.set(id, entry);
    return { takeovers: takeovers(learnt, wantedIds, owned), others };
  }

  /** The commands that make these services as they are wanted; what is to go goes last. */
  changes(ids: Iterable<ServiceId>): Command[] {
    const commands: Command[] = [];
    const gone: ServiceId[] = [];
    for (const id of ids) {
      const entry = this.wanted.table.get(id);
      if (entry === undefined) gone.push(id);
      else diffService(this.entries.get(id), entry, commands);
    }
    // In the order in which the kernel finds them soonest, should they come back (ipvs-removal.ts).
    for (const id of gone.reverse()) diffService(this.entries.get(id), undefined, commands);
    return commands;
  }

  /** What was applied without a complaint is as it is wanted. */
  believe(id: ServiceId): void {
    const entry = this.wanted.table.get(id);
    if (entry === undefined) this.entries.delete(id);
    else this.entries.set(id, entry);
    if (entry === undefined) this.found.delete(id);
    this.refused.delete(id);
  }

  /** The fingerprint at which the servers of a service are as wanted, where nothing else speaks against it. */
  knownAt(id: ServiceId, service: ListedService): Fingerprint | undefined {
    const found = this.found.get(id);
    if (found === undefined || found.entry !== this.wanted.table.get(id)) return undefined;
    const isBelieved = found.entry === this.entries.get(id) && !this.refused.has(id);
    return isBelieved && sameService(service, found.entry.service) ? found.at : undefined;
  }

  /** Takes in what the kernel lists of a service. Gives whether it is as wanted. */
  compare(id: ServiceId, listed: ListedEntry, fingerprint: Fingerprint): boolean {
    const commands: Command[] = [];
    const entry = this.wanted.table.get(id);
    diffService(listed, entry, commands);
    if (commands.length > 0) {
      this.entries.set(id, listed);
      return false;
    }
    // What is as it should be needs no second copy of every server.
    this.believe(id);
    if (entry !== undefined) this.found.set(id, { entry, at: fingerprint });
    return true;
  }

  /**
   * The servers of a service as the kernel lists them now, with the connections of its further keys added. Undefined:
   * it is not there. Throws when the data plane cannot be asked.
   */
  connections(
    plane: DataPlane,
    id: ServiceId,
    further: readonly KeyService[],
  ): ReadonlyMap<ServerId, ListedServer> | undefined {
    const first = this.entries.get(id);
    if (first === undefined) return undefined;
    let sum = plane.servers(first.service);
    for (const key of further) {
      const entry = this.entries.get(key.id);
      if (entry !== undefined) sum = addConnections(sum, plane.servers(entry.service), key);
    }
    return sum;
  }
}
