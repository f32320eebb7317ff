// From time to time reads the whole table back and puts right what somebody changed in our part of it; sooner after
// something has failed, which is tried again then.

import { after, between, instant, type Instant } from "../core/units.js";
import type { Command } from "../ipvs/command.js";
import type { ServiceId } from "../ipvs/model.js";
import type { DataPlane } from "../ports/data-plane.js";
import { TableLook } from "./ipvs-look.js";
import type { TableParts, TableWriter } from "./ipvs-writer.js";

export type WatchParts = TableParts & {
  readonly writer: TableWriter;
  /** The sync daemons are looked at together with the table. */
  readonly keepSync: (plane: DataPlane) => void;
};

export class TableWatch {
  private readonly parts: WatchParts;
  private look: TableLook | undefined;
  private cancelNext: (() => void) | undefined;
  private checkedAt: Instant = instant(0);
  private repairs = 0;

  constructor(parts: WatchParts) {
    this.parts = parts;
  }

  get status(): { readonly checked_ms_ago: number; readonly repairs: number } {
    return { checked_ms_ago: between(this.checkedAt, this.parts.timers.now()), repairs: this.repairs };
  }

  /** The table was read by others. */
  wasRead(): void {
    this.checkedAt = this.parts.timers.now();
  }

  /** We change a service ourselves: what a look that goes on has read of it does not count. */
  change(id: ServiceId): void {
    this.look?.change(id);
  }

  stop(): void {
    this.cancelNext?.();
    this.look?.cancel();
  }

  /** Reads the table back and puts right what is not as wanted in our part of it. One that goes on begins anew. */
  lookNow(plane: DataPlane): void {
    this.stop();
    const { timers, tell, wanted, applied, owned, condition } = this.parts;
    const differing = new Set<ServiceId>();
    const look = new TableLook(plane, timers, {
      concerns: (id) => wanted.table.has(id) || owned.services.has(id),
      knownAt: (id, service) => applied.knownAt(id, service),
      take: (id, entry, fingerprint) => {
        if (!applied.compare(id, entry, fingerprint)) differing.add(id);
      },
      done: (error) => {
        this.look = undefined;
        condition.isReadable = error === null;
        if (error === null) this.repair(plane, look, differing);
        else tell.failure("repair", `read the table of ${plane.name}`, error, condition.wait);
        this.parts.keepSync(plane);
        this.lookLater(plane);
      },
    });
    this.look = look;
    look.begin();
  }

  /** Sets the time of the next look; one that goes on does so itself when it is done. */
  lookLater(plane: DataPlane): void {
    if (this.look !== undefined) return;
    const { timers, condition } = this.parts;
    this.cancelNext?.();
    this.cancelNext = timers.wakeAt(after(timers.now(), condition.wait), () => {
      condition.waited();
      this.lookNow(plane);
    });
  }

  /** What follows from a look: of what `differs`, and what is not there, by what is wanted now. */
  private repair(plane: DataPlane, look: TableLook, differs: Set<ServiceId>): void {
    const { wanted, applied, writer } = this.parts;
    this.wasRead();
    for (const id of applied.entries.keys()) if (look.isMissing(id)) applied.entries.delete(id);
    for (const id of wanted.table.keys()) if (look.isMissing(id)) differs.add(id);
    const repairs = new Map<ServiceId, readonly Command[]>();
    const retries = new Map<ServiceId, readonly Command[]>();
    for (const id of differs) {
      // What is dirty waits for its tick, which is near.
      const commands = applied.dirty.has(id) ? [] : applied.changes([id]);
      // What has failed before is no damage done by others.
      if (commands.length > 0) (applied.refused.has(id) ? retries : repairs).set(id, commands);
    }
    for (const id of applied.refused)
      if (!retries.has(id) && !applied.dirty.has(id) && !look.hasChanged(id)) applied.refused.delete(id);
    if (repairs.size > 0) {
      this.repairs++;
      writer.carryOut(plane, "repair", [...repairs.values()].flat(), [...repairs.keys()]);
    }
    writer.carryOut(plane, "retry", [...retries.values()].flat(), [...retries.keys()]);
  }
}
