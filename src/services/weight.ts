// The effective weight of a real server: the configured one, and what a slow start, its agent and an operator make
// of it. Always explainable step by step; the words for it are made in control/reason.ts. Pure.

import { after, between, milliseconds, type Instant } from "../core/units.js";
import type { ServerView } from "./server-input.js";

/** One step from the configured weight to the effective one. */
export type WeightTerm =
  | { readonly kind: "percent"; readonly percent: number; readonly label: string }
  | { readonly kind: "set"; readonly weight: number; readonly label: string };
export type Weighing = {
  /** 0 to 2^31-1. */
  readonly effective: number;
  readonly configured: number;
  readonly terms: readonly WeightTerm[];
};

/** What IPVS takes. */
const MOST = 2 ** 31 - 1;
/** A slow start goes up in so many steps. */
const RAMP_STEPS = 20;

const NO_TERMS: readonly WeightTerm[] = [];

/** The weight it has while it is in the table. */
export function weigh(view: ServerView, now: Instant): Weighing {
  const configured = view.server.weight;
  const terms = termsOf(view, now);
  return { effective: terms.reduce(applied, configured), configured, terms };
}

/** The same without the words for it. */
export const effectiveWeight = (view: ServerView, now: Instant): number =>
  termsOf(view, now).reduce(applied, view.server.weight);

/** When its weight changes next by the mere passing of time; Infinity: never. */
export function nextWeighing({ ramp }: ServerView, now: Instant): number {
  if (ramp === undefined || ramp.over <= 0) return Infinity;
  const step = rampStep(ramp.since, ramp.over, now);
  return step >= RAMP_STEPS ? Infinity : after(ramp.since, milliseconds((ramp.over * step) / RAMP_STEPS));
}

function termsOf({ load, ramp, override }: ServerView, now: Instant): readonly WeightTerm[] {
  if (load === undefined && ramp === undefined && override?.kind !== "drain") return NO_TERMS;
  const terms: WeightTerm[] = [];
  if (load?.kind === "percent") terms.push(load);
  if (load?.kind === "absolute") terms.push({ kind: "set", weight: load.weight, label: load.label });
  const step = ramp === undefined ? RAMP_STEPS : rampStep(ramp.since, ramp.over, now);
  if (step < RAMP_STEPS)
    terms.push({ kind: "percent", percent: (step * 100) / RAMP_STEPS, label: "slow start" });
  if (override?.kind === "drain") terms.push({ kind: "set", weight: 0, label: override.label });
  return terms;
}

/** Only 0 % of something is nothing: the kernel gives weight 0 no new connections. */
function applied(weight: number, term: WeightTerm): number {
  if (term.kind === "set") return Math.min(MOST, Math.max(0, Math.round(term.weight)));
  if (weight === 0 || term.percent <= 0) return 0;
  return Math.min(MOST, Math.max(1, Math.round((weight * term.percent) / 100)));
}

/** The step that a slow start is in, from 1. */
function rampStep(since: Instant, over: number, now: Instant): number {
  if (over <= 0) return RAMP_STEPS;
  return Math.max(1, Math.min(RAMP_STEPS, 1 + Math.floor((between(since, now) * RAMP_STEPS) / over)));
}
