// Keeps the members of each sync group together: asks vrrp/sync-group.ts what they have to do for it, whenever one
// of them has taken a full step.

import type { Instant } from "../core/units.js";
import type { Event } from "../vrrp/state.js";
import { agreement, objection } from "../vrrp/sync-group.js";
import type { Roster } from "./vrrp-roster.js";
import type { Runtime } from "./vrrp-runtime.js";

/** Fault, recovery and yielding follow each other at most once each; more rounds than this are a bug. */
const MOST_ROUNDS = 8;

export type Apply = (runtime: Runtime, event: Event, now: Instant) => void;

export class Groups {
  private readonly roster: Roster;
  private readonly touched = new Set<string>();

  constructor(roster: Roster) {
    this.roster = roster;
  }

  /** One of its members may be what the others are not. */
  touch(group: string): void {
    this.touched.add(group);
  }

  /** Until when the other members keep this one from being master; undefined: it may be. */
  objectionTo(runtime: Runtime, group: string, now: Instant): Instant | undefined {
    return objection(
      this.membersOf(group).filter((member) => member !== runtime),
      now,
    );
  }

  /** Takes the others along when `leader` has become master, unless one of them has a better master. */
  lead(leader: Runtime, group: string, now: Instant, apply: Apply): void {
    if (this.objectionTo(leader, group, now) !== undefined) return;
    for (const member of this.membersOf(group))
      if (member.state.kind === "backup")
        apply(member, { kind: "group-lead", group, member: leader.name }, now);
  }

  /** Whether `settle` has something to do. Asked after every batch of adverts. */
  get waiting(): boolean {
    return this.touched.size > 0;
  }

  settle(now: Instant, apply: Apply): void {
    for (const group of this.touched) {
      for (let round = 0; ; round++) {
        const orders = agreement(group, this.membersOf(group), now);
        if (orders.length === 0) break;
        if (round === MOST_ROUNDS) throw new Error(`vrrp: the members of group ${group} do not agree`);
        for (const { member, event } of orders) apply(member, event, now);
      }
    }
    this.touched.clear();
  }

  private membersOf(group: string): readonly Runtime[] {
    const members = this.roster.group(group);
    for (const member of members) member.current();
    return members;
  }
}
