// What the supervisor remembers of the VRRP instances, so that a VRRP process that died without a word can be
// told what it was master of. Fed with events only.

import type { ResumeOrder } from "../../control/ipc.js";
import type { VipdEvent } from "../../control/event.js";
import type { Instant } from "../../core/units.js";

export class Masters {
  private readonly masters = new Set<string>();
  private readonly lost = new Map<string, Instant>();
  /** Of those, the ones that a stop has left in place. */
  private kept: ReadonlySet<string> = new Set();

  /** Gives the instance that is master now and was not, or the other way round. */
  observe(event: VipdEvent): string | undefined {
    if (event.kind !== "vrrp-transition" && event.kind !== "vrrp-taken-over") return undefined;
    const { instance } = event;
    const was = this.isMaster(instance);
    this.lost.delete(instance);
    const state = event.kind === "vrrp-transition" ? event.to : event.state;
    if (state === "master") this.masters.add(instance);
    else this.masters.delete(instance);
    return this.isMaster(instance) === was ? undefined : instance;
  }

  /** Or was so when its process died, which leaves the addresses where they are. */
  isMaster(instance: string): boolean {
    return this.masters.has(instance) || this.lost.has(instance);
  }

  /** The VRRP process ended at `at`, or was last known to be alive then. Gives the instances that were master. */
  processLost(at: Instant): readonly string[] {
    const names = [...this.masters];
    for (const name of names) this.lost.set(name, at);
    this.masters.clear();
    return names;
  }

  /** These were master when a stop that left everything in place began, at `at`. */
  recall(names: readonly string[], at: Instant): void {
    for (const name of names) this.lost.set(name, at);
    this.kept = new Set(names);
  }

  /** Those that are master now. */
  get names(): readonly string[] {
    return [...this.masters];
  }

  /** What the next VRRP process is told. */
  resumeOrders(): readonly ResumeOrder[] {
    return [...this.lost].map(([instance, dead_at]) => ({
      instance,
      dead_at,
      ...(this.kept.has(instance) && { kept: true as const }),
    }));
  }

  /** The next process has taken its orders; from here on it says itself what it is. */
  taken(): void {
    this.lost.clear();
    this.kept = new Set();
  }
}
