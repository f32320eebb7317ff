// The VRRP state machine (RFC 9568 section 6.4): `step` says what an event does to an instance and what is to
// be done about it, `nextDeadline` when it wants to be woken. Pure: time is the argument `now`, and nothing
// is sent, set or logged here. Where vipd differs from keepalived the reason stands at the place.

import { unreachable } from "../core/never.js";
import { after, between, milliseconds, type Instant } from "../core/units.js";
import type { TransitionReason } from "./reasons.js";
import { stepBackup } from "./backup.js";
import { quietUntil, stepMaster } from "./master.js";
import {
  OWNER_PRIORITY,
  type Event,
  type FaultState,
  type MachineConfig,
  type State,
  type Step,
} from "./state.js";
import { earlier, keptLimit, resumeLimit, skewTime } from "./timing.js";
import { expectedInterval } from "./versions.js";
import { begin, becomeBackup, becomeFault, becomeMaster, release, stay, takePart } from "./transition.js";

export function step(config: MachineConfig, state: State, event: Event, now: Instant): Step {
  switch (state.kind) {
    case "initialize":
      return stepInitialize(config, event, now);
    case "fault":
      return stepFault(config, state, event, now);
    case "backup":
      return stepBackup(config, state, event, now);
    case "master":
      return stepMaster(config, state, event, now);
    default:
      return unreachable(state);
  }
}

/** When `step` wants a "deadline" event. An earlier or a stale one is harmless. */
export function nextDeadline(state: State): Instant | undefined {
  switch (state.kind) {
    case "initialize":
      return undefined;
    case "fault":
      return state.retry?.at;
    case "backup":
      return state.masterDownAt;
    case "master":
      return earlier(state.nextAdvertAt, quietUntil(state));
    default:
      return unreachable(state);
  }
}

function stepInitialize(config: MachineConfig, event: Event, now: Instant): Step {
  switch (event.kind) {
    case "start":
      return begin(config, now);
    case "resume":
      return resume(config, event, now);
    case "link-down":
      return becomeFault(event.cause, now, []);
    case "stop":
    case "advert":
    case "deadline":
    case "link-up":
    case "address-lost":
    case "action-failed":
    case "reconfigure":
    case "group-lead":
    case "group-yield":
    case "group-waits":
      return stay({ kind: "initialize" });
    default:
      return unreachable(event);
  }
}

/** Goes on as master only while no backup can have given up on the previous process. */
function resume(config: MachineConfig, event: Extract<Event, { kind: "resume" }>, now: Instant): Step {
  const { advertInterval: interval, priority, version } = config;
  const pause_ms = Math.max(0, between(event.deadAt, now));
  const limit_ms = event.kept === true ? keptLimit(interval) : resumeLimit(interval);
  const kept = event.kept === true && { kept: true as const };
  if (pause_ms < limit_ms || priority === OWNER_PRIORITY)
    return becomeMaster(config, { kind: "resumed", pause_ms, ...kept }, now);
  const backup = becomeBackup(config, { kind: "resume-too-late", pause_ms, limit_ms, ...kept }, now);
  if (event.kept !== true) return { ...backup, actions: [release(config)] };
  // Whoever is master by now says so within an interval.
  const theirs = expectedInterval(config);
  const listen = milliseconds(theirs + skewTime(version, priority, theirs));
  return { ...backup, state: { ...backup.state, masterDownAt: after(now, listen), holds: true } };
}

function stepFault(config: MachineConfig, state: FaultState, event: Event, now: Instant): Step {
  switch (event.kind) {
    case "link-up":
      // A link that comes back does not cure what failed for another reason; the retry does.
      return state.retry ? stay(state) : takePart(config, whyCured(config, state), now);
    case "deadline": {
      const { retry } = state;
      if (retry === undefined || now < retry.at) return stay(state);
      const waited_ms = between(retry.since, now);
      return takePart(config, { kind: "retry", action: retry.action, waited_ms }, now);
    }
    case "link-down":
      // The cause may have changed; what waits for the interface no longer waits for a retry.
      return stay({ kind: "fault", cause: event.cause });
    case "stop":
      return { state: { kind: "initialize" }, actions: [], reason: event.why };
    case "start":
    case "resume":
    case "advert":
    case "address-lost":
    case "action-failed":
    case "reconfigure":
    case "group-lead":
    case "group-yield":
    case "group-waits":
      return stay(state);
    default:
      return unreachable(event);
  }
}

/** Why it takes part again, in the terms of what kept it from that. */
function whyCured(config: MachineConfig, { cause }: FaultState): TransitionReason {
  const { interface: on } = config;
  if (cause.kind === "track-failed") return { kind: "track-recovered", track: cause.track };
  if (cause.kind === "group-fault") return { kind: "group-recovered", group: cause.group };
  if (cause.kind === "no-source-address") {
    const { kind: after, wanted } = cause;
    return { kind: "interface-usable", interface: on, after, ...(wanted !== undefined && { wanted }) };
  }
  switch (cause.kind) {
    case "no-multicast":
    case "cannot-join":
    case "no-virtual-link":
    case "cannot-refuse":
      return { kind: "interface-usable", interface: on, after: cause.kind };
    case "interface-down":
    case "interface-missing":
    case "action-failed":
      return { kind: "interface-up", interface: on };
    default:
      return unreachable(cause);
  }
}
