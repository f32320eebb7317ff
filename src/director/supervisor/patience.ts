// How long the supervisor waits for its children: for an answer to a ping, for a start, for an end; and how often it
// looks around itself.

import { milliseconds, seconds, type Milliseconds } from "../../core/units.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import type { ChildPatience } from "./child.js";
import type { ChildName } from "./child-name.js";

export const PATIENCE: Record<ChildName, ChildPatience> = {
  // Addresses of a master are taken away in time, however long its successor takes to start.
  vrrp: { pingEvery: seconds(1), misses: 3, start: seconds(60) },
  // It may be busy for a while with a large table.
  checks: { pingEvery: seconds(5), misses: 2, busy: seconds(60), start: seconds(60) },
};
export const STOP_WITHIN: Record<ChildName, Milliseconds> = { vrrp: seconds(3), checks: seconds(10) };
/** What the operator's programs have for the last notifications; systemd waits no longer than for 20 s in all. */
export const NOTIFIED_WITHIN = seconds(5);

/**
 * A frozen master keeps its addresses while its peer takes them. With adverts of half a second and more it is
 * killed before that, which is three intervals and a skew after its last advert: two and a half to three after that.
 * Shorter ones get a second all the same, because a process killed for a hiccup is an outage of our own making. It
 * says by itself that it lives when an advert wakes it up, and is asked where none does.
 */
export function vrrpPatience(instances: readonly InstanceConfig[]): ChildPatience {
  const shortest = Math.min(...instances.map(({ advertInterval }) => advertInterval), 2000);
  const pingEvery = milliseconds(Math.max(250, shortest / 2));
  return { pingEvery, misses: 5, quiet: 2, start: PATIENCE.vrrp.start };
}

/**
 * How exactly the time of a death is known: half the shortest interval, so that a successor that is there in time
 * resumes. A whole part of what the VRRP process has: both look in the same turns.
 */
export const loopWatchEvery = (instances: readonly InstanceConfig[]): Milliseconds => {
  const { pingEvery } = vrrpPatience(instances);
  const shortest = Math.min(...instances.map(({ advertInterval }) => advertInterval));
  return milliseconds(pingEvery / Math.max(1, Math.ceil(pingEvery / Math.max(50, shortest / 2))));
};
