// What a seed makes of a sweep's run before it begins: how many directors, what they have in common, and how good the
// network between them is.

import { randomInt, type Random } from "../../src/core/random.js";
import { milliseconds } from "../../src/core/units.js";
import type { InstanceConfig, TrackEffect } from "../../src/vrrp/instance.js";
import { hmac, instance, vip } from "../vrrp/ip-packet.js";
import { addressOnLink, pick, type Network } from "./world.js";

export const SCRIPT = "script:app";
/** The router-id of the first instance; the others follow. */
export const FIRST_ID = 51;
const PRIORITIES = [200, 150, 100, 70, 50];
const OWNER = 255;

/** What all directors of a run have in common. */
export type Plan = {
  readonly directors: number;
  readonly version: 2 | 3;
  /** Those that speak both versions, on the way from one to the other, beside those that speak `version` alone. */
  readonly bilingual: readonly boolean[];
  readonly interval: number;
  readonly preempt: boolean;
  readonly preemptDelay: number;
  readonly startDelay: number;
  /** The first director owns the addresses. */
  readonly owner: boolean;
  readonly equal: boolean;
  /** Instances in one sync group, each on a link of its own; 1: no group. */
  readonly members: number;
  readonly effect: TrackEffect | undefined;
  readonly unicast: boolean;
  readonly signed: boolean;
  readonly unanswered: boolean;
  readonly network: Network;
  /** Nothing that is sent is lost: then two masters know of each other. */
  readonly lossless: boolean;
  readonly wakeLateness: number;
};

export function planOf(random: Random): Plan {
  const version = pick(random, [2, 3, 3] as const);
  const interval = version === 2 ? 1000 : pick(random, [1000, 200, 100]);
  const preempt = random() < 0.7;
  const effects: (TrackEffect | undefined)[] = [
    undefined,
    { kind: "fault" },
    { kind: "weight", weight: -pick(random, [50, 60, 120]), reverse: false },
  ];
  const lossless = random() < 0.3;
  return {
    directors: pick(random, [2, 2, 3, 4, 5]),
    version,
    interval,
    preempt,
    preemptDelay: preempt && random() < 0.2 ? randomInt(random, 5) * interval : 0,
    startDelay: random() < 0.1 ? randomInt(random, 8) * interval : 0,
    owner: random() < 0.1,
    equal: random() < 0.2,
    members: pick(random, [1, 1, 1, 2, 3]),
    effect: pick(random, effects),
    unicast: random() < 0.2,
    signed: random() < 0.1,
    unanswered: random() < 0.2,
    network: {
      loss: lossless || random() < 0.3 ? 0 : random() * 0.3,
      duplication: random() * 0.1,
      delay: [0.05, 0.05 + random() * 0.1 * interval],
    },
    lossless,
    wakeLateness: random() * 3,
    bilingual: pick(random, [0, 0, 0, 1]) * interval === 1000 ? PRIORITIES.map(() => random() < 0.5) : [],
  };
}

export const priorityOf = (plan: Plan, director: number): number =>
  plan.owner && director === 0 ? OWNER : plan.equal ? 100 : PRIORITIES[director]!;

/** Whether who is to be master follows from the priorities alone. */
export const hasBest = ({ preempt, equal, owner }: Plan): boolean => owner || (preempt && !equal);

/** To how many others an advert of every member goes, for each that falls due, in each version. */
export const copiesOf = ({ members, unicast, bilingual }: Plan): number =>
  members * (unicast ? PRIORITIES.length - 1 : 1) * (bilingual.includes(true) ? 2 : 1);

function unicastOn(ifindex: number): NonNullable<InstanceConfig["unicast"]> {
  const peers = PRIORITIES.map((_, number) => addressOnLink(number, ifindex));
  return { peers, checkSource: true, ttl: { min: 255, max: 255 } };
}

export function configsOf(plan: Plan, director: number): InstanceConfig[] {
  return Array.from({ length: plan.members }, (_, member) =>
    instance({
      name: `web${member}`,
      interface: `eth${member}`,
      virtualRouterId: FIRST_ID + member,
      version: plan.bilingual[director] === true ? "2+3" : plan.version,
      priority: priorityOf(plan, director),
      advertInterval: milliseconds(plan.interval),
      preempt: plan.preempt,
      preemptDelay: milliseconds(plan.preemptDelay),
      startDelay: milliseconds(plan.startDelay),
      lowerPrioNoAdvert: plan.unanswered,
      accept: true,
      addresses: [1, 2].map((host) => vip(`172.16.${member}.${host}/24`, `eth${member}`)),
      ...(plan.unicast && { unicast: unicastOn(2 + member) }),
      // Of two signed adverts of a moment that come in another order one is refused, here as often as not.
      ...(plan.signed && { auth: hmac() }),
      ...(plan.members > 1 && { group: "site" }),
      // Of a group one member has the track; the others follow it.
      tracks:
        plan.effect !== undefined && member === 0
          ? [{ id: SCRIPT, label: "script app", effect: plan.effect }]
          : [],
    }),
  );
}
