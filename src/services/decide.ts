// What the table is to have of one service: a pure function from its policy, what is known of each server, and what
// was decided before, to the real servers in canonical order and the facts that follow. Costs what the service's
// servers cost, however many of them changed. Knows no kernel and no clock.

import type { MassFailure, ServicePolicy } from "../config/model.js";
import type { Instant } from "../core/units.js";
import { serverId, type RealServer, type ServerId } from "../ipvs/model.js";
import { countFailures, heldServers, isMassFailure, type FailureCount } from "./mass-failure.js";
import { placeOf, type Place } from "./place.js";
import { hasQuorum } from "./quorum.js";
import type { ServerView } from "./server-input.js";
import { effectiveWeight, nextWeighing, weigh, type Weighing } from "./weight.js";

/** What holds for the whole service. */
export type ServiceRules = {
  readonly policy: ServicePolicy;
  readonly massFailure: MassFailure;
  /** So many servers of the whole director fail together. */
  readonly directorFails: boolean;
};

/** What one decision leaves for the next. */
export type ServiceMemory = {
  /** Undefined: it has not been decided yet. */
  readonly quorum: QuorumState | undefined;
  /** Before the first decision: a predecessor had lost the quorum. */
  readonly wasLost?: true;
  readonly massFails: boolean;
  readonly held: ReadonlySet<ServerId>;
  /** Effective weights by server, where they are not the configured ones. */
  readonly weights: ReadonlyMap<ServerId, number>;
};
export type QuorumState = {
  readonly up: boolean;
  /** The weights of the servers that serve, without what slow starts keep back. */
  readonly weight: number;
  readonly serving: number;
};

export type ServiceFact =
  | {
      readonly kind: "server-weighed";
      readonly server: ServerId;
      readonly from: number;
      readonly weighing: Weighing;
    }
  /** `first`: nothing was known before. */
  | ({ readonly kind: "quorum-changed"; readonly first: boolean } & QuorumState)
  | ({
      readonly kind: "mass-failure";
      readonly isOver: boolean;
      readonly reaction: Reaction;
      readonly held: number;
    } & FailureCount);
export type Reaction = "hold" | "go-on";

export type Decision = {
  readonly memory: ServiceMemory;
  /** What the table is to have: the real servers in canonical order, then the sorry servers. */
  readonly servers: ReadonlyMap<ServerId, RealServer>;
  readonly facts: readonly ServiceFact[];
  /** When to decide anew though nothing has been found out; Infinity: never. */
  readonly deadline: number;
};

const NO_WEIGHTS: ReadonlyMap<ServerId, number> = new Map();
const NOTHING_HELD: ReadonlySet<ServerId> = new Set();
export const NO_MEMORY: ServiceMemory = {
  quorum: undefined,
  massFails: false,
  held: NOTHING_HELD,
  weights: NO_WEIGHTS,
};

/** `views`: in canonical order. */
export function decide(
  rules: ServiceRules,
  views: ReadonlyMap<ServerId, ServerView>,
  memory: ServiceMemory,
  now: Instant,
): Decision {
  const { policy } = rules;
  const facts: ServiceFact[] = [];
  const weights = new Map<ServerId, number>();
  let deadline = Infinity;
  let sum = 0;
  let serving = 0;
  // What nearly all tables are: everything serves, with its configured weight.
  const whole = new Map<ServerId, RealServer>();
  for (const [id, view] of views) {
    const { server } = view;
    const isPlain = view.override === undefined && view.load === undefined && view.ramp === undefined;
    const weight = isPlain ? server.weight : effectiveWeight(view, now);
    const from = memory.weights.get(id) ?? server.weight;
    if (weight !== server.weight) weights.set(id, weight);
    if (weight !== from) facts.push({ kind: "server-weighed", server: id, from, weighing: weigh(view, now) });
    if (placeOf(view, false, true, now) === "serves") {
      serving++;
      // What a slow start keeps back for now is there all the same.
      sum += view.ramp === undefined ? weight : effectiveWeight({ ...view, ramp: undefined }, now);
      whole.set(id, server);
    }
    if (!isPlain) deadline = Math.min(deadline, nextWeighing(view, now), removalOf(view, now));
  }
  const quorum = nextQuorum(memory.quorum, {
    up: hasQuorum(memory.wasLost === true ? false : memory.quorum?.up, sum, policy),
    weight: sum,
    serving,
  });
  if (memory.quorum?.up !== quorum.up)
    facts.push({ kind: "quorum-changed", first: memory.quorum === undefined, ...quorum });
  const { massFails, held } = guard(rules, views, memory, serving, now, facts);
  const isWhole = serving === views.size && weights.size === 0 && policy.sorry.length === 0;
  return {
    memory: { quorum, massFails, held, weights: weights.size === 0 ? NO_WEIGHTS : weights },
    servers: isWhole
      ? whole
      : tableOf(policy, views, realServe(policy, { quorum, held }), held, weights, now),
    facts,
    deadline,
  };
}

/** The same value where nothing changed: there may be thousands of services. */
const nextQuorum = (was: QuorumState | undefined, now: QuorumState): QuorumState =>
  was?.up === now.up && was.weight === now.weight && was.serving === now.serving ? was : now;

/** Of a service whose sorry server a predecessor has left serving. */
export const LOST_BEFORE: ServiceMemory = { ...NO_MEMORY, wasLost: true };

function guard(
  { policy, massFailure, directorFails }: ServiceRules,
  views: ReadonlyMap<ServerId, ServerView>,
  memory: ServiceMemory,
  serving: number,
  now: Instant,
  facts: ServiceFact[],
): Pick<ServiceMemory, "massFails" | "held"> {
  // Nearly always nothing is down, and nothing is to be counted.
  if (serving === views.size && !memory.massFails) return { massFails: false, held: NOTHING_HELD };
  const count = countFailures(views.values(), massFailure.within, now);
  const massFails = isMassFailure(memory.massFails, count, massFailure);
  const reaction = reactionOf(policy);
  const holds = (massFails || directorFails) && reaction === "hold";
  const held = holds ? heldServers(views, count, massFailure.keep) : NOTHING_HELD;
  if (massFails !== memory.massFails)
    facts.push({ kind: "mass-failure", isOver: !massFails, reaction, held: held.size, ...count });
  return { massFails, held };
}

/** A sorry server is there for that very case; without one, an empty table helps nobody. */
const reactionOf = ({ massFailure, sorry }: ServicePolicy): Reaction =>
  massFailure ?? (sorry.length > 0 ? "go-on" : "hold");

/** Whether the real servers serve, and not a sorry server. */
export const realServe = (
  { sorry }: ServicePolicy,
  { quorum, held }: Pick<ServiceMemory, "quorum" | "held">,
): boolean =>
  // Whoever wants servers held although there is a sorry server wants them instead of it.
  quorum?.up !== false || sorry.length === 0 || held.size > 0;

function tableOf(
  { sorry, inhibitSorry }: ServicePolicy,
  views: ReadonlyMap<ServerId, ServerView>,
  mayServe: boolean,
  held: ReadonlySet<ServerId>,
  weights: ReadonlyMap<ServerId, number>,
  now: Instant,
): ReadonlyMap<ServerId, RealServer> {
  const servers = new Map<ServerId, RealServer>();
  for (const [id, view] of views) {
    const { server } = view;
    const weight = weightIn(placeOf(view, held.has(id), mayServe, now), weights.get(id) ?? server.weight);
    if (weight !== undefined) servers.set(id, weight === server.weight ? server : { ...server, weight });
  }
  for (const server of sorry)
    if (!mayServe) servers.set(serverId(server), server);
    else if (inhibitSorry) servers.set(serverId(server), { ...server, weight: 0 });
  return servers;
}

/** Undefined: it is not in the table. */
function weightIn(place: Place, weight: number): number | undefined {
  switch (place) {
    case "serves":
    case "held":
      return weight;
    case "inhibited":
      return 0;
    case "out":
    case "waits":
    case "stands-down":
      return undefined;
  }
}

function removalOf({ override }: ServerView, now: Instant): number {
  const at = override?.kind === "drain" ? (override.removeAt ?? Infinity) : Infinity;
  return at > now ? at : Infinity;
}
