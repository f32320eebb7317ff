// When what has changed is brought into the kernel: at once, or everything of one tick together; and services that
// change by the mere passing of time when theirs has come.

import { instant } from "../core/units.js";
import type { ServiceId } from "../ipvs/model.js";
import type { DataPlane } from "../ports/data-plane.js";
import type { Why } from "./ipvs-report.js";
import type { WantedTable } from "./ipvs-wanted.js";
import type { TableWatch } from "./ipvs-watch.js";
import type { TableParts, TableWriter } from "./ipvs-writer.js";

export type FlushParts = Omit<TableParts, "wanted"> & {
  readonly wanted: WantedTable;
  readonly writer: TableWriter;
  readonly watch: TableWatch;
};

export class TableFlush {
  /** Why what is decided just now is decided. */
  why: Why = "start";
  private readonly parts: FlushParts;
  private cancelTick: (() => void) | undefined;
  private tickWhy: Why = "start";
  /** When services are to be decided anew by themselves; Infinity: never. */
  private deadline = Infinity;
  private cancelDeadline: () => void = () => undefined;

  constructor(parts: FlushParts) {
    this.parts = parts;
  }

  stop(): void {
    this.cancelTick?.();
    this.cancelDeadline();
  }

  /** All that changes in one tick goes out together. */
  soon(plane: DataPlane, id: ServiceId, why: Why): void {
    const { timers, applied } = this.parts;
    applied.dirty.add(id);
    if (this.cancelTick !== undefined) return;
    this.tickWhy = why;
    this.cancelTick = timers.wakeAt(timers.now(), () => this.hurry(plane));
  }

  /** What waits for the end of this tick goes now. */
  hurry(plane: DataPlane): void {
    if (this.cancelTick === undefined) return;
    this.now(plane, this.tickWhy);
    if (!this.parts.condition.isInOrder) this.parts.watch.lookLater(plane);
  }

  /** Brings what is dirty into the kernel. */
  now(plane: DataPlane, why: Why): void {
    this.cancelTick?.();
    this.cancelTick = undefined;
    this.why = why;
    const { wanted, applied, writer, watch } = this.parts;
    for (const id of wanted.refresh()) applied.dirty.add(id);
    this.awaitDeadline(plane);
    const ids = [...applied.dirty];
    const commands = applied.changes(ids);
    for (const id of ids) watch.change(id);
    // Somebody changed the table under us: a look at it tells what is to be done.
    if (writer.carryOut(plane, why, commands, ids)) watch.lookNow(plane);
  }

  private awaitDeadline(plane: DataPlane): void {
    const { timers, wanted } = this.parts;
    const at = wanted.nextDeadline;
    if (at === this.deadline) return;
    this.cancelDeadline();
    this.deadline = at;
    if (at === Infinity) return;
    this.cancelDeadline = timers.wakeAt(instant(at), () => {
      this.deadline = Infinity;
      for (const id of wanted.takeDue()) this.soon(plane, id, "policy");
      this.awaitDeadline(plane);
    });
  }
}
