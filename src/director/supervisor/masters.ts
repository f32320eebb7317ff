// What the supervisor remembers of the VRRP instances, so that a VRRP process that died without a word can be
// told what it was master of. Fed with events only.

import type { ResumeOrder } from "../../control/ipc.js";
import type { VipdEvent } from "../../control/event.js";
import type { Instant } from "../../core/units.js";

export class Masters {
  private readonly masters = new Set<string>();
  private readonly lost = new Map<string, Instant>();

  observe(event: VipdEvent): void {
    if (event.kind !== "vrrp-transition" && event.kind !== "vrrp-taken-over") return;
    this.lost.delete(event.instance);
    const state = event.kind === "vrrp-transition" ? event.to : event.state;
    if (state === "master") this.masters.add(event.instance);
    else this.masters.delete(event.instance);
  }

  /** The VRRP process ended at `at`, or was last known to be alive then. Gives the instances that were master. */
  processLost(at: Instant): readonly string[] {
    const names = [...this.masters];
    for (const name of names) this.lost.set(name, at);
    this.masters.clear();
    return names;
  }

  /** What the next VRRP process is told. */
  resumeOrders(): readonly ResumeOrder[] {
    return [...this.lost].map(([instance, dead_at]) => ({ instance, dead_at }));
  }

  /** The next process has taken its orders; from here on it says itself what it is. */
  taken(): void {
    this.lost.clear();
  }
}
