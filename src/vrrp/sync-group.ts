// A sync group: instances that are master together or not at all, on whatever links they are. Nothing of it is on
// the wire: each director keeps its own members together. Pure; the engine feeds the members' machines with what
// comes out here.
//
// A member may be master when all of them may: one that still hears a better master speaks for that master being
// alive, and keeps the others back although their links are silent. Two halves that each take the other along would
// otherwise exchange the addresses every few seconds.

import { after, milliseconds, type Instant } from "../core/units.js";
import { claimAt } from "./backup.js";
import type { BackupState, Event, State } from "./state.js";
import { later } from "./timing.js";

export type Member = { readonly name: string; readonly state: State };
export type Order<M extends Member> = { readonly member: M; readonly event: Event };

/** In intervals of the master: one that has not been heard for so long is no longer an objection. */
const SILENT = 2;

/** Until when another member keeps the group from being master; undefined: nobody does. */
export function objection(others: Iterable<Member>, now: Instant): Instant | undefined {
  let until: Instant | undefined;
  for (const { state } of others) {
    const of = objectionOf(state, now);
    if (of !== undefined) until = later(of, until);
  }
  return until;
}

/** How long a member that cannot be master keeps the others waiting before they ask again. */
const ASK_AGAIN = milliseconds(1000);

function objectionOf(state: State, now: Instant): Instant | undefined {
  if (state.kind === "master") return undefined;
  if (state.kind !== "backup") return after(now, ASK_AGAIN);
  if (state.listenUntil !== undefined && now < state.listenUntil) return state.listenUntil;
  if (state.resigned !== undefined || now >= claimAt(state)) return undefined;
  const silent = after(quietSince(state), milliseconds(SILENT * state.masterInterval));
  return now < silent ? silent : undefined;
}

const quietSince = ({ since, master }: BackupState): Instant => later(since, master?.heardAt);

/** What brings the members of `group` into agreement; empty when they agree. To be asked again after it was done. */
export function agreement<M extends Member>(group: string, members: readonly M[], now: Instant): Order<M>[] {
  const faulty = members.find(({ state }) => state.kind === "fault" && state.cause.kind !== "group-fault");
  const cause = faulty && ({ kind: "group-fault", group, member: faulty.name } as const);
  if (cause !== undefined)
    return members
      .filter(({ state }) => state.kind === "backup" || state.kind === "master")
      .map((member) => ({ member, event: { kind: "link-down", cause } }));
  const following = members.filter(({ state }) => state.kind === "fault");
  if (following.length > 0) return following.map((member) => ({ member, event: { kind: "link-up" } }));
  const obeying = members.find(({ state }) => obeys(state, now));
  if (obeying === undefined) return [];
  return members
    .filter(({ state }) => state.kind === "master")
    .map((member) => ({ member, event: { kind: "group-yield", group, member: obeying.name } }));
}

/** Whether a member is backup of a master that it hears. */
const obeys = (state: State, now: Instant): boolean =>
  state.kind === "backup" &&
  state.master !== undefined &&
  state.resigned === undefined &&
  now < after(state.master.heardAt, milliseconds(SILENT * state.masterInterval));
