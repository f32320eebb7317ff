// The effective priority of an instance: its own, and what the things it follows add and subtract. Always an
// explainable sum; the words for it are made in control/describe.ts. Pure.

import type { TrackConfig } from "./instance.js";
import { OWNER_PRIORITY } from "./state.js";

/** What a track was last seen to be. `value`: a number that it gave itself, for `value * weight`. */
export type TrackValue = { readonly up: boolean; readonly value?: number };
/** By the id of the track. One that is missing has not reported yet. */
export type TrackValues = ReadonlyMap<string, TrackValue>;

/** What one track adds; below 0: subtracts. */
export type PriorityTerm = { readonly label: string; readonly amount: number };
export type Priority = {
  /** 1..254; 255 stays the owner's. */
  readonly effective: number;
  readonly base: number;
  /** Those that are not 0. Their sum with the base may lie outside 1..254. */
  readonly terms: readonly PriorityTerm[];
};

const LEAST = 1;
const MOST = 254;

/** A track that has not reported yet counts for nothing: at the start the instance waits for it (`unreported`). */
export function effectivePriority(
  base: number,
  tracks: readonly TrackConfig[],
  values: TrackValues,
): Priority {
  if (base === OWNER_PRIORITY) return { effective: base, base, terms: [] };
  const terms: PriorityTerm[] = [];
  for (const track of tracks) {
    const amount = amountOf(track, values.get(track.id));
    if (amount !== 0) terms.push({ label: track.label, amount });
  }
  const sum = terms.reduce((total, { amount }) => total + amount, base);
  return { effective: Math.min(MOST, Math.max(LEAST, sum)), base, terms };
}

function amountOf({ effect }: TrackConfig, seen: TrackValue | undefined): number {
  if (effect.kind === "fault" || seen === undefined) return 0;
  const { weight, reverse } = effect;
  if (seen.value !== undefined) return Math.trunc(seen.value * weight) * (reverse ? -1 : 1);
  const up = seen.up !== reverse;
  if (weight > 0) return up ? weight : 0;
  return up ? 0 : weight;
}

/** The first track whose being down is a fault. */
export const failedTrack = (tracks: readonly TrackConfig[], values: TrackValues): TrackConfig | undefined =>
  tracks.find(({ id, effect }) => effect.kind === "fault" && values.get(id)?.up === false);

/** The tracks nothing is known of yet. */
export const unreported = (tracks: readonly TrackConfig[], values: TrackValues): readonly TrackConfig[] =>
  tracks.filter(({ id }) => !values.has(id));

export const samePriority = (a: Priority, b: Priority): boolean =>
  a.effective === b.effective &&
  a.base === b.base &&
  a.terms.length === b.terms.length &&
  a.terms.every((term, i) => term.label === b.terms[i]!.label && term.amount === b.terms[i]!.amount);
