// Which addresses of owners (priority 255) are there because we added them: the others are the host's own, and stay
// with it. Only the process that adds an address sees which of both it is, so that it says so, and whoever removes the
// address after that process is told. Addresses are named by `placeKey`.

import { OWNER_PRIORITY } from "../vrrp/state.js";
import { placeKey, type Runtime } from "./vrrp-runtime.js";

export class OwnerAddresses {
  private readonly say: (instance: string, added: readonly string[]) => void;
  /** What was said last of each owner; nothing at first. */
  private readonly said = new Map<string, string>();
  private readonly touched = new Set<Runtime>();

  constructor(say: (instance: string, added: readonly string[]) => void) {
    this.say = say;
  }

  /** One of its addresses was added or removed, or it is an owner since now. Costs others nothing. */
  touch(runtime: Runtime): void {
    if (runtime.given.priority === OWNER_PRIORITY || this.said.has(runtime.name)) this.touched.add(runtime);
  }

  /**
   * `left`: what predecessors have added of owners' addresses. Those of others are ours in any case, once one of them
   * was master (`resumed`).
   */
  inherit(runtime: Runtime, left: ReadonlySet<string>, resumed: boolean): void {
    const { addresses, priority } = runtime.given;
    const isOurs = resumed && priority !== OWNER_PRIORITY;
    for (const key of addresses.map(placeKey)) if (isOurs || left.has(key)) runtime.added.add(key);
    this.touch(runtime);
  }

  /** After what was urgent. */
  sayAll(): void {
    // Asked after every batch of adverts, and to empty a Set, be it empty, makes a new table in the old generation.
    if (this.touched.size === 0) return;
    for (const runtime of this.touched) {
      const { name, given } = runtime;
      const added = given.priority === OWNER_PRIORITY ? [...runtime.added].sort() : [];
      const text = added.join();
      if (text === (this.said.get(name) ?? "")) continue;
      if (added.length === 0) this.said.delete(name);
      else this.said.set(name, text);
      this.say(name, added);
    }
    this.touched.clear();
  }
}
