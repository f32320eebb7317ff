// Keeps routes and rules in the kernel while somebody wants them, and takes them away when nobody does. What is
// missing is added again every second: the kernel drops routes with an interface without a word, and the table
// may hold a million others that nobody wants to hear of. Touches only what is marked as ours.

import { formatItem, type RoutingItem } from "../core/routing.js";
import { after, instant, seconds, type Instant } from "../core/units.js";
import type { VipdEvent } from "../control/event.js";
import type { AddressOutcome } from "../ports/route.js";
import type { Clock, RoutingTables } from "../ports/vrrp.js";

export const ROUTING_CHECK = seconds(1);
/** Tries of a process that is about to end. */
const LAST_TRIES = 3;

type Ports = {
  readonly routing: RoutingTables;
  readonly clock: Clock;
  readonly report: (event: VipdEvent) => void;
};
/** `error`: why it is not there; "" while it is. */
type Entry = { readonly item: RoutingItem; readonly users: Set<string>; error: string };

export class RoutingKeeper {
  private readonly ports: Ports;
  /** By their text. */
  private readonly wanted = new Map<string, Entry>();
  /** What could not be removed, with the reason that was reported. */
  private readonly leaving = new Map<
    string,
    { readonly item: RoutingItem; readonly user: string; error: string }
  >();
  private due = instant(Infinity);

  constructor(ports: Ports) {
    this.ports = ports;
  }

  /** When `check` has something to do; Infinity for never. */
  get next(): Instant {
    return this.due;
  }

  /** From now on `user` wants these and no others. Gives what was done about it, in words. */
  want(user: string, items: readonly RoutingItem[]): readonly string[] {
    const texts = new Set(items.map(formatItem));
    const gone = [...this.wanted].filter(([text, { users }]) => users.has(user) && !texts.has(text));
    const done = this.drop(user, gone);
    const fresh = items.filter((item) => this.enter(user, item));
    if (fresh.length > 0) done.push(...this.add(user, fresh));
    this.schedule();
    return done;
  }

  /** What a predecessor has added for `user` and left there: from now on it is ours. */
  inherit(user: string, items: readonly RoutingItem[]): void {
    for (const item of items) this.enter(user, item);
    this.schedule();
  }

  /** Removes what a crash left behind. */
  removeStale(items: readonly RoutingItem[]): void {
    const stale = items.filter((item) => !this.wanted.has(formatItem(item)));
    this.ports.routing.removeRouting(stale);
  }

  /** Adds what is missing, removes what would not go. */
  check(now: Instant): void {
    if (now < this.due) return;
    this.due = instant(Infinity);
    const entries = [...this.wanted.values()];
    const outcomes = this.ports.routing.addRouting(entries.map(({ item }) => item));
    entries.forEach((entry, i) => this.checked(entry, outcomes[i] as AddressOutcome));
    this.removeLeaving();
    this.schedule();
  }

  /** Nobody will try later. */
  removeNow(): void {
    for (let i = 0; i < LAST_TRIES && this.leaving.size > 0; i++) this.removeLeaving();
  }

  /** False when it is there for somebody else already. */
  private enter(user: string, item: RoutingItem): boolean {
    const text = formatItem(item);
    this.leaving.delete(text);
    const known = this.wanted.get(text);
    if (known === undefined) this.wanted.set(text, { item, users: new Set([user]), error: "" });
    else known.users.add(user);
    return known === undefined;
  }

  private add(user: string, items: readonly RoutingItem[]): readonly string[] {
    // What a predecessor left behind goes first, so that what is there then is another's.
    this.ports.routing.removeRouting(items);
    const outcomes = this.ports.routing.addRouting(items);
    return items.map((item, i) => {
      const text = formatItem(item);
      const outcome = outcomes[i] as AddressOutcome;
      if (outcome.ok && !outcome.unchanged) return `added ${text}`;
      const error = outcome.ok ? `add ${text}: there is one of somebody else` : outcome.error;
      this.wanted.get(text)!.error = error;
      this.note("error", user, `could not ${error}; trying again every second`);
      return `could not add ${text}`;
    });
  }

  private checked(entry: Entry, outcome: AddressOutcome): void {
    const [user = ""] = entry.users;
    const text = formatItem(entry.item);
    if (outcome.ok) {
      // The one of somebody else that was in the way still is.
      if (outcome.unchanged) return;
      const again =
        entry.error === "" ? `put ${text} back, which was not there any more` : `added ${text} at last`;
      this.note(entry.error === "" ? "warning" : "notice", user, again);
      entry.error = "";
    } else if (outcome.error !== entry.error) {
      this.note("error", user, `could not ${outcome.error}; trying again every second`);
      entry.error = outcome.error;
    }
  }

  private drop(user: string, entries: readonly (readonly [string, Entry])[]): string[] {
    const last = entries.filter(([, { users }]) => users.delete(user) && users.size === 0);
    // Rules before the routes they lead to.
    const items = last.map(([, { item }]) => item).reverse();
    for (const [text] of last) this.wanted.delete(text);
    if (items.length === 0) return [];
    const outcomes = this.ports.routing.removeRouting(items);
    return items.flatMap((item, i) => {
      const outcome = outcomes[i] as AddressOutcome;
      const text = formatItem(item);
      if (outcome.ok) return outcome.unchanged ? [] : [`removed ${text}`];
      this.leaving.set(text, { item, user, error: outcome.error });
      this.note("error", user, `could not ${outcome.error}; trying again every second`);
      return [`could not remove ${text}`];
    });
  }

  private removeLeaving(): void {
    if (this.leaving.size === 0) return;
    const entries = [...this.leaving.entries()];
    const outcomes = this.ports.routing.removeRouting(entries.map(([, { item }]) => item));
    entries.forEach(([text, { user }], i) => {
      if (outcomes[i]?.ok !== true) return;
      this.leaving.delete(text);
      this.note("notice", user, `removed ${text} at last`);
    });
  }

  private note(level: "error" | "warning" | "notice", instance: string, text: string): void {
    this.ports.report({ kind: "vrrp-note", level, instance, text });
  }

  private schedule(): void {
    if (this.wanted.size === 0 && this.leaving.size === 0) this.due = instant(Infinity);
    else if (this.due === Infinity) this.due = after(this.ports.clock.now(), ROUTING_CHECK);
  }
}
