// A look through a data plane's table that leaves everything else its turn: it reads the servers of service after
// service, and after a few milliseconds of that, timers, answers and messages are served before it goes on. So
// the table may change under it. What we change ourselves meanwhile we know better than a list that was read before.

import { messageOf } from "../core/thrown.js";
import { after, milliseconds } from "../core/units.js";
import { serviceId, type ListedEntry, type ListedService, type ServiceId } from "../ipvs/model.js";
import type { DataPlane, Fingerprint } from "../ports/data-plane.js";
import type { Timers } from "../ports/timers.js";

export type LookOwner = {
  /** Whether the servers of a service are to be read. */
  readonly concerns: (id: ServiceId) => boolean;
  /** The fingerprint at which there is nothing to take; undefined: there is none. */
  readonly knownAt: (id: ServiceId, service: ListedService) => Fingerprint | undefined;
  readonly take: (id: ServiceId, entry: ListedEntry, fingerprint: Fingerprint) => void;
  /** Called once, perhaps before `begin` returns. `error`: why the data plane could not be asked; null: all was read. */
  readonly done: (error: string | null) => void;
};

/** Work between two turns of everything else; one service may take it beyond. Checks call 10 ms late (check-scheduler.ts). */
const SLICE = milliseconds(5);

export class TableLook {
  private readonly plane: Pick<DataPlane, "services" | "serversUnless">;
  private readonly timers: Timers;
  private readonly owner: LookOwner;
  private readonly seen = new Set<ServiceId>();
  private readonly changed = new Set<ServiceId>();
  private disarm: () => void = () => undefined;

  constructor(plane: Pick<DataPlane, "services" | "serversUnless">, timers: Timers, owner: LookOwner) {
    this.plane = plane;
    this.timers = timers;
    this.owner = owner;
  }

  begin(): void {
    this.goOn(this.steps());
  }

  cancel(): void {
    this.disarm();
  }

  /** We have changed this service ourselves since the beginning: nothing that was read of it counts any more. */
  change(id: ServiceId): void {
    this.changed.add(id);
  }
  hasChanged(id: ServiceId): boolean {
    return this.changed.has(id);
  }
  /** Of a look that is done: whether the service was not there, and not of our own doing. */
  isMissing(id: ServiceId): boolean {
    return !this.seen.has(id) && !this.changed.has(id);
  }
  /** One step a service. */
  private *steps(): Generator<void, void, undefined> {
    for (const service of this.plane.services()) {
      const id = serviceId(service.key);
      this.seen.add(id);
      if (!this.owner.concerns(id) || this.changed.has(id)) continue;
      const list = this.plane.serversUnless(service, this.owner.knownAt(id, service));
      if (list !== "as known") this.owner.take(id, { service, servers: list.servers }, list.fingerprint);
      yield;
    }
  }

  private goOn(work: Iterator<void>): void {
    const { timers, owner } = this;
    const end = after(timers.now(), SLICE);
    try {
      while (work.next().done !== true) {
        if (timers.now() < end) continue;
        this.disarm = timers.wakeAt(timers.now(), () => this.goOn(work));
        return;
      }
    } catch (error) {
      owner.done(messageOf(error));
      return;
    }
    owner.done(null);
  }
}
