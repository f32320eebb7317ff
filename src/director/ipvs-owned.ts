// What in the kernel is vipd's own, as the record of it says (ipvs-ownership.ts). A thing is put down before it is
// made and taken off after it is gone, so that the record never knows less than the kernel has of ours.

import type { ServiceId, SyncRole } from "../ipvs/model.js";
import type { Owned, Ownership, Recorded } from "./ipvs-ownership.js";

const NOTHING: Owned = { services: new Set(), sync: new Set() };

export class OwnedThings {
  private record: Ownership | undefined;
  private owned: Owned = NOTHING;

  open(record: Ownership): void {
    this.record = record;
  }

  get services(): ReadonlySet<ServiceId> {
    return this.owned.services;
  }

  get sync(): ReadonlySet<SyncRole> {
    return this.owned.sync;
  }

  /** Takes over what an earlier run has left on record. */
  load(): Recorded | undefined {
    const recorded = this.record?.load();
    if (recorded !== undefined) this.owned = recorded.owned;
    return recorded;
  }

  /** Throws when it cannot be recorded; then nothing may be made of it. */
  add(services: ReadonlySet<ServiceId>, sync: readonly SyncRole[]): void {
    this.keep({
      services: new Set([...this.owned.services, ...services]),
      sync: new Set([...this.owned.sync, ...sync]),
    });
  }

  /** These are all that is left of ours. Throws when it cannot be recorded. */
  keep(left: Partial<Owned>): void {
    const owned = { ...this.owned, ...left };
    this.record?.save(owned);
    this.owned = owned;
  }
}
