// The effective weight of a real server: the configured one, and what a slow start, its agent and an operator make
// of it. Always explainable step by step; the words for it are made in control/reason.ts. Pure.

import { after, between, instant, milliseconds, type Instant } from "../core/units.js";
import type { Load, Ramp, ServerView } from "./server-input.js";

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

/** Its term's label. */
export const SLOW_START = "slow start";
/** What IPVS takes. */
const MOST = 2 ** 31 - 1;
/** A slow start begins with a thirty-second and doubles it until it is the whole: five times, at equal intervals. */
const DOUBLINGS = 5;
/** A smaller change of what a server can take is none: in percent of its configured weight, where nothing is written. */
const DEFAULT_HYSTERESIS = 25;

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
  return step >= DOUBLINGS ? Infinity : after(ramp.since, milliseconds((ramp.over * (step + 1)) / DOUBLINGS));
}

function termsOf({ load, ramp, override }: ServerView, now: Instant): readonly WeightTerm[] {
  if (load === undefined && ramp === undefined && override?.kind !== "drain") return NO_TERMS;
  const terms: WeightTerm[] = [];
  if (load !== undefined) terms.push(termOf(load));
  const step = ramp === undefined ? DOUBLINGS : rampStep(ramp.since, ramp.over, now);
  if (step < DOUBLINGS)
    terms.push({ kind: "percent", percent: 100 / 2 ** (DOUBLINGS - step), label: SLOW_START });
  if (override?.kind === "drain") terms.push({ kind: "set", weight: 0, label: override.label });
  return terms;
}

/** Only 0 % of something is nothing: the kernel gives weight 0 no new connections. */
function applied(weight: number, term: WeightTerm): number {
  if (term.kind === "set") return Math.min(MOST, Math.max(0, Math.round(term.weight)));
  if (weight === 0 || term.percent <= 0) return 0;
  return Math.min(MOST, Math.max(1, Math.round((weight * term.percent) / 100)));
}

/** How often a slow start has doubled. */
function rampStep(since: Instant, over: number, now: Instant): number {
  if (over <= 0) return DOUBLINGS;
  return Math.max(0, Math.min(DOUBLINGS, Math.floor((between(since, now) * DOUBLINGS) / over)));
}

/** A slow start that is as far as this percentage, as a term says it, and stays there for a moment. */
export const rampAt = (percent: number, now: Instant): Ramp => ({
  since: instant(now - (DOUBLINGS - Math.round(Math.log2(100 / percent)))),
  over: milliseconds(DOUBLINGS),
});

/** The weight that a load makes of the configured one, without anything else. */
export const loadedWeight = (configured: number, load: Load | undefined): number =>
  load === undefined ? configured : applied(configured, termOf(load));

/**
 * What counts of a new word of the server's, where `before` counted until now: a small change is none, except to nothing
 * and to the whole weight. `hysteresis`: 0 to 100 percent of the configured weight. Undefined: its configured weight.
 */
export function steadyLoad(
  before: Load | undefined,
  next: Load | undefined,
  configured: number,
  hysteresis: number = DEFAULT_HYSTERESIS,
): Load | undefined {
  if (next === undefined) return undefined;
  const [from, to] = [loadedWeight(configured, before), loadedWeight(configured, next)];
  const isNews =
    to === 0 ||
    to === configured ||
    from === 0 ||
    Math.abs(to - from) >= Math.max(1, (configured * hysteresis) / 100);
  return isNews ? next : before;
}

const termOf = (load: Load): WeightTerm =>
  load.kind === "percent" ? load : { kind: "set", weight: load.weight, label: load.label };
