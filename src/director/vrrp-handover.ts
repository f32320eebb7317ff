// The state of one instance on its way from a VRRP process to its successor: taken out of the record of the one, put
// into the record of the other. Who sends and hears meanwhile is the engine's business.

import type { HandedInstance } from "../control/handover.js";
import type { Instant } from "../core/units.js";
import { sameValue } from "./instance-change.js";
import type { Runtime } from "./vrrp-runtime.js";

export const handOut = (runtime: Runtime): HandedInstance => ({
  instance: runtime.config.name,
  config: runtime.config,
  state: runtime.current(),
  since: runtime.since,
  reason: runtime.reason,
  sent: runtime.sent,
  received: runtime.received,
  transitions: runtime.transitions,
  ...(runtime.takeover !== undefined && { takeover: runtime.takeover }),
  rejected: runtime.rejected,
  added: [...runtime.added],
  placed: [...runtime.placed],
  ...(runtime.secondPath !== undefined && {
    second_path: {
      sent: runtime.secondPath.sent,
      received: runtime.secondPath.received,
      alone: runtime.secondPath.alone,
    },
  }),
});

/** `runtime` was prepared and has done nothing yet. `at`: when its predecessor heard for the last time. */
export function takeIn(runtime: Runtime, handed: HandedInstance, at: Instant): void {
  runtime.state = handed.state;
  runtime.since = handed.since;
  runtime.reason = handed.reason;
  runtime.sent = handed.sent;
  runtime.received = handed.received;
  runtime.transitions = handed.transitions;
  runtime.takeover = handed.takeover;
  Object.assign(runtime.rejected, handed.rejected);
  const { secondPath: second } = runtime;
  const { sent = 0, received = 0, alone = false } = handed.second_path ?? {};
  if (second !== undefined) Object.assign(second, { sent, received, alone });
  if (!alone) runtime.firstAt = at;
  for (const address of handed.added) runtime.added.add(address);
  for (const [address, ifindex] of handed.placed) runtime.placed.set(address, ifindex);
}

/** The configuration that it had, where that was another one. What an older program did not know is as it is now. */
export function previousOf({ config }: Runtime, handed: HandedInstance): Runtime["config"] | undefined {
  const previous = { ...config, ...handed.config };
  return sameValue(previous, config) ? undefined : previous;
}
