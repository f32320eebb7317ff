// What the policy of a service has decided, as events: with everything about the service that programs and alerts
// may want to know, so that they need not ask.

import { DEFAULT_POLICY, type ServiceConfig } from "../config/model.js";
import type { VipdEvent } from "../control/event.js";
import { serverId, serviceId } from "../ipvs/model.js";
import type { QuorumState, ServiceFact } from "../services/decide.js";

type QuorumEvent = Extract<VipdEvent, { readonly kind: "quorum-changed" }>;

/** Undefined: it is so by default, and nobody needs to hear of it. */
export function eventOf(
  config: ServiceConfig,
  fact: ServiceFact,
  why: QuorumEvent["why"],
): VipdEvent | undefined {
  const service = config.name;
  switch (fact.kind) {
    case "server-weighed": {
      const { kind, server, from, weighing } = fact;
      return { kind, service, server, from, to: weighing.effective, weighing };
    }
    case "quorum-changed":
      if (fact.first && fact.up && config.policy === undefined) return undefined;
      return quorumEvent(config, fact, fact.first, why);
    case "mass-failure": {
      const { kind, isOver, total, down, together, reaction, held } = fact;
      return { kind, service, over: isOver, total, down, together, reaction, held };
    }
  }
}

export const quorumLostAtStop = (config: ServiceConfig): VipdEvent =>
  quorumEvent(config, { up: false, weight: 0, serving: 0 }, false, "stop");

function quorumEvent(
  { name, service, servers, policy = DEFAULT_POLICY }: ServiceConfig,
  { up, weight, serving }: QuorumState,
  first: boolean,
  why: QuorumEvent["why"],
): QuorumEvent {
  return {
    kind: "quorum-changed",
    service: name,
    key: serviceId(service.key),
    up,
    weight,
    total_weight: servers.reduce((sum, { server }) => sum + server.weight, 0),
    quorum: policy.quorum,
    hysteresis: policy.hysteresis,
    serving,
    total: servers.length,
    sorry: policy.sorry.map(serverId),
    first,
    why,
  };
}
