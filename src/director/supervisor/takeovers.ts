// The last takeover of each instance, and what was found of its clients: remembered here, because the processes that tell
// of them may end and be started again, and one that goes on with addresses that stayed has taken nothing over. Fed
// with events only; a stop that keeps everything and an upgrade hand it on.

import { isDeepStrictEqual } from "node:util";

import type { EventRecord } from "../../control/event.js";
import type { ChecksStatus, VrrpStatus } from "../../control/ipc.js";
import type { RememberedTakeover } from "../../control/remembered.js";

export class Takeovers {
  private last = new Map<string, RememberedTakeover>();
  /** Undefined until a configuration is in force. */
  private configured: ReadonlySet<string> | undefined;

  get all(): readonly RememberedTakeover[] {
    return [...this.last.values()];
  }

  /** What a predecessor has remembered; what is known here already is later. */
  recall(takeovers: readonly RememberedTakeover[]): void {
    for (const one of takeovers)
      if (!this.last.has(one.instance) && this.configured?.has(one.instance) !== false)
        this.last.set(one.instance, one);
  }

  /** Of instances that are configured no more nobody asks. */
  keepOnly(instances: readonly { readonly name: string }[]): void {
    const names = new Set(instances.map(({ name }) => name));
    this.configured = names;
    for (const name of this.last.keys()) if (!names.has(name)) this.last.delete(name);
  }

  observe({ time, event }: EventRecord): void {
    if (event.kind !== "vrrp-clients" && event.kind !== "vrrp-transition") return;
    const { instance } = event;
    const known = this.last.get(instance);
    if (event.kind === "vrrp-clients") {
      const { sync, connections, vacancy } = event;
      // It may come when the next takeover is known already.
      if (known !== undefined && isDeepStrictEqual(vacancy, known.vacancy))
        this.last.set(instance, { ...known, found: { sync, connections } });
      return;
    }
    const { to, vacancy } = event;
    if (to === "master" && vacancy !== undefined && vacancy.kind !== "kept")
      this.last.set(instance, { instance, at: time, until: null, vacancy });
    else if (known !== undefined && to === "master" && vacancy?.kind === "kept")
      // It was away for a moment, and its addresses were not.
      this.last.set(instance, { ...known, until: null });
    else if (known?.until === null && to !== "master") this.last.set(instance, { ...known, until: time });
  }

  /** What the VRRP process says, where more is known here than by a process that was started again. */
  inVrrp(vrrp: VrrpStatus | null): VrrpStatus | null {
    if (vrrp === null || this.last.size === 0) return vrrp;
    return {
      ...vrrp,
      instances: vrrp.instances.map((instance) => {
        const known = this.last.get(instance.instance);
        if (known === undefined) return instance;
        const { at, until, vacancy } = known;
        // What was handed on may be from before its last change.
        const end = until ?? (instance.state === "master" ? null : instance.since);
        return { ...instance, takeover: { at, until: end, vacancy } };
      }),
    };
  }

  inChecks(checks: ChecksStatus | null): ChecksStatus | null {
    const takeovers = this.all.flatMap(({ instance, found }) =>
      found === undefined ? [] : [{ instance, ...found }],
    );
    return checks === null || takeovers.length === 0 ? checks : { ...checks, takeovers };
  }
}
