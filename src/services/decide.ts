// What the table is to have of one service: a pure function from its configuration, what is known of each server,
// and what was decided before, to the real servers in canonical order and the facts that follow. Costs what the
// service's servers cost, however many of them changed. Knows no kernel and no clock.

import type { Instant } from "../core/units.js";
import type { RealServer, ServerId } from "../ipvs/model.js";
import type { ServerView } from "./server-input.js";
import { effectiveWeight, nextWeighing, weigh, type Weighing } from "./weight.js";

/** What one decision leaves for the next. */
export type ServiceMemory = {
  /** Effective weights by server, where they are not the configured ones. */
  readonly weights: ReadonlyMap<ServerId, number>;
};

export type ServiceFact = {
  readonly kind: "server-weighed";
  readonly server: ServerId;
  readonly from: number;
  readonly weighing: Weighing;
};

export type Decision = {
  readonly memory: ServiceMemory;
  /** What the table is to have, in canonical order. */
  readonly servers: ReadonlyMap<ServerId, RealServer>;
  readonly facts: readonly ServiceFact[];
  /** When to decide anew though nothing has been found out; Infinity: never. */
  readonly deadline: number;
};

const NO_WEIGHTS: ReadonlyMap<ServerId, number> = new Map();
export const NO_MEMORY: ServiceMemory = { weights: NO_WEIGHTS };

/** `views`: in canonical order. */
export function decide(
  views: ReadonlyMap<ServerId, ServerView>,
  memory: ServiceMemory,
  now: Instant,
): Decision {
  const servers = new Map<ServerId, RealServer>();
  const weights = new Map<ServerId, number>();
  const facts: ServiceFact[] = [];
  let deadline = Infinity;
  for (const [id, view] of views) {
    const { server } = view;
    const weight = effectiveWeight(view, now);
    const from = memory.weights.get(id) ?? server.weight;
    if (weight !== server.weight) weights.set(id, weight);
    if (weight !== from) facts.push({ kind: "server-weighed", server: id, from, weighing: weigh(view, now) });
    if (isPresent(view, now)) servers.set(id, weight === server.weight ? server : { ...server, weight });
    deadline = Math.min(deadline, nextWeighing(view, now), removalOf(view, now));
  }
  return { memory: { weights: weights.size === 0 ? NO_WEIGHTS : weights }, servers, facts, deadline };
}

/** Whether a server is in the table. One that nothing is known of serves until a check says otherwise. */
function isPresent({ health, override }: ServerView, now: Instant): boolean {
  switch (override?.kind) {
    case "disable":
      return false;
    case "enable":
      return true;
    case "drain":
      return health !== "down" && !override.isEmpty && !(now >= (override.removeAt ?? Infinity));
    case undefined:
      return health !== "down";
  }
}

function removalOf({ override }: ServerView, now: Instant): number {
  const at = override?.kind === "drain" ? (override.removeAt ?? Infinity) : Infinity;
  return at > now ? at : Infinity;
}
