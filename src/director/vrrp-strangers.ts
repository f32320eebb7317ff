// Virtual addresses on the interface of a backup that somebody else put there: two hosts answer for them. Says so
// once for each time that one appears, and removes nothing, because it added nothing.

import { formatPrefix, type IpAddress } from "../core/address.js";
import { after, instant, seconds, type Instant } from "../core/units.js";
import type { VrrpPorts } from "../ports/vrrp.js";
import { OWNER_PRIORITY } from "../vrrp/state.js";
import { earlier } from "../vrrp/timing.js";
import type { RepeatLimit } from "./repeat-limit.js";
import { addressOn } from "./vrrp-interfaces.js";
import { noteText } from "./vrrp-notices.js";
import { placeKey, type Runtime } from "./vrrp-runtime.js";

/** Until the news that a new backup has removed its own addresses has come for certain. */
const SETTLED = seconds(1);

export class Strangers {
  private readonly ports: Pick<VrrpPorts, "interfaces">;
  private readonly limit: RepeatLimit;
  private lookAt = instant(Infinity);

  constructor(ports: Pick<VrrpPorts, "interfaces">, limit: RepeatLimit) {
    this.ports = ports;
    this.limit = limit;
  }

  /** When `lookAgain` has something to do; Infinity for never. */
  get next(): Instant {
    return this.lookAt;
  }

  lookAgain(runtimes: Iterable<Runtime>, now: Instant): void {
    if (now >= this.lookAt) this.look(runtimes, now);
  }

  look(runtimes: Iterable<Runtime>, now: Instant): void {
    this.lookAt = instant(Infinity);
    for (const runtime of runtimes)
      if (runtime.state.kind !== "backup" || runtime.config.priority === OWNER_PRIORITY)
        runtime.strangers.clear();
      else this.lookFor(runtime, now);
  }

  private lookFor(runtime: Runtime, now: Instant): void {
    const settled = after(runtime.since, SETTLED);
    for (const address of runtime.config.addresses) {
      const own = address.prefix.address;
      const view = this.ports.interfaces.find(address.interface);
      const there = view && addressOn(view, own);
      // What the kernel refused to remove is ours, and was said.
      if (there === undefined || runtime.placed.has(placeKey(address))) runtime.strangers.delete(own);
      else if (now < settled) this.lookAt = earlier(settled, this.lookAt);
      else if (!runtime.strangers.has(own)) {
        runtime.strangers.add(own);
        this.say(runtime, there, address.interface, now);
      }
    }
  }

  private say(
    { config: { name: instance } }: Runtime,
    prefix: { readonly address: IpAddress; readonly length: number },
    on: string,
    now: Instant,
  ): void {
    const text = `${formatPrefix(prefix)} is on ${on}, put there by somebody else while this host is backup: the master has it too`;
    this.limit.note(`stranger ${instance} ${prefix.address}`, "strangers", now, (repeats) => ({
      kind: "vrrp-note",
      level: "warning",
      instance,
      text: noteText(text, repeats),
    }));
  }
}
