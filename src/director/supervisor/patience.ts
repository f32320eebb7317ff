// How long the supervisor waits for its children: for an answer to a ping, for a start, for an end; and how often it
// looks around itself.

import { milliseconds, seconds, type Milliseconds } from "../../core/units.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import type { ChildName, ChildPatience } from "./child.js";

export const PATIENCE: Record<ChildName, ChildPatience> = {
  // Addresses of a master are taken away in time, however long its successor takes to start.
  vrrp: { pingEvery: seconds(1), misses: 3, start: seconds(60) },
  // It may be busy for a while with a large table.
  checks: { pingEvery: seconds(1), misses: 15, busy: seconds(60), start: seconds(60) },
};
export const STOP_WITHIN: Record<ChildName, Milliseconds> = { vrrp: seconds(3), checks: seconds(10) };
/** What the operator's programs have for the last notifications; systemd waits no longer than for 20 s in all. */
export const NOTIFIED_WITHIN = seconds(5);

/**
 * A frozen master keeps its addresses while its peer takes them. With adverts of half a second and more it is
 * killed before that: after two to two and a half intervals. Shorter ones get a second all the same, because a
 * process killed for a hiccup is an outage of our own making.
 */
export function vrrpPatience(instances: readonly InstanceConfig[]): ChildPatience {
  const shortest = Math.min(...instances.map(({ advertInterval }) => advertInterval), 2000);
  return { pingEvery: milliseconds(Math.max(250, shortest / 2)), misses: 4, start: PATIENCE.vrrp.start };
}

/** How exactly the time of a death is known: an eighth of the shortest interval, so that one in time can resume. */
export const loopWatchEvery = (instances: readonly InstanceConfig[]): Milliseconds =>
  milliseconds(
    Math.min(250, Math.max(50, Math.min(...instances.map(({ advertInterval }) => advertInterval)) / 8)),
  );
