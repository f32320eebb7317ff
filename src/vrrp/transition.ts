// The entry work of each state: what it means to become master, backup, faulty or idle, from anywhere.

import { after, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import type { TransitionReason } from "./reasons.js";
import {
  OWNER_PRIORITY,
  RESIGN_PRIORITY,
  type Action,
  type BackupState,
  type FaultCause,
  type MachineConfig,
  type Master,
  type MasterState,
  type State,
  type Step,
} from "./state.js";
import { gridded, masterDownInterval, skewTime } from "./timing.js";
import { expectedInterval } from "./versions.js";

/** How long an instance stays in fault after a failed action before it tries again. */
const RETRY_AFTER = milliseconds(5000);

export const stay = (state: State, actions: readonly Action[] = []): Step => ({ state, actions });

export const downIntervalOf = (config: MachineConfig, masterInterval: Milliseconds): Milliseconds =>
  masterDownInterval(config.version, config.priority, masterInterval);

/**
 * RFC 9568 section 6.4.2, (455) to (490): advert first, so that the others stop waiting; then the addresses,
 * then the announcement that leads traffic to them.
 */
export function becomeMaster(config: MachineConfig, reason: TransitionReason, now: Instant): Step {
  const { announce, addresses, priority } = config;
  const announcement = followUp(config, now);
  const state: MasterState = {
    kind: "master",
    since: now,
    nextAdvertAt: gridded(now, config.advertInterval),
    ...(announcement && { announcement }),
    ...(reason.kind === "no-master-heard" && { unopposed: true }),
    ...(reason.kind === "master-silent" && { displaced: reason.master }),
  };
  return {
    state,
    actions: [
      { kind: "send-advert", priority },
      { kind: "add-addresses", addresses },
      { kind: "announce", addresses, repeat: announce.repeat },
    ],
    reason,
  };
}

/** The announcement after a burst: the second burst, or the first refresh where there is none. */
export function followUp(config: MachineConfig, now: Instant): MasterState["announcement"] {
  const { delay, repeat } = config.announce;
  return delay > 0 ? { at: after(now, delay), repeat } : nextRefresh(config, now);
}

export function nextRefresh(config: MachineConfig, now: Instant): MasterState["announcement"] {
  const { refresh, refreshRepeat } = config.announce;
  return refresh > 0 ? { at: after(now, refresh), repeat: refreshRepeat } : undefined;
}

/** Waits for a master nobody has heard yet, or for the one that was just heard. */
export function becomeBackup(
  config: MachineConfig,
  reason: TransitionReason,
  now: Instant,
  heard?: { readonly master: Master; readonly interval: Milliseconds },
): Step & { readonly state: BackupState } {
  const masterInterval = heard?.interval ?? expectedInterval(config);
  const downInterval = downIntervalOf(config, masterInterval);
  return {
    state: {
      kind: "backup",
      masterInterval,
      downInterval,
      masterDownAt: after(now, downInterval),
      since: now,
      ...(heard && { master: { ...heard.master, heardAt: now } }),
    },
    actions: [],
    reason,
  };
}

/** The first part an instance takes since it was started. */
export function begin(config: MachineConfig, now: Instant): Step {
  if (config.startDelay === 0) return takePart(config, { kind: "startup" }, now);
  const step = becomeBackup(config, { kind: "startup" }, now);
  // With the skew, so that of two that start together the better one is first.
  const skew = skewTime(config.version, config.priority, expectedInterval(config));
  const listenUntil = after(now, milliseconds(config.startDelay + skew));
  return { ...step, state: { ...step.state, listenUntil } };
}

/** RFC 9568 section 6.4.1: the owner of the addresses is master at once, everybody else listens first. */
export const takePart = (config: MachineConfig, reason: TransitionReason, now: Instant): Step =>
  config.priority === OWNER_PRIORITY
    ? becomeMaster(config, reason.kind === "startup" ? { kind: "owner-startup" } : reason, now)
    : becomeBackup(config, reason, now);

export function becomeFault(cause: FaultCause, now: Instant, actions: readonly Action[]): Step {
  const retry =
    cause.kind === "action-failed"
      ? { retry: { at: after(now, RETRY_AFTER), action: cause.action, since: now } }
      : {};
  return { state: { kind: "fault", cause, ...retry }, actions, reason: cause };
}

/**
 * What a master does that leaves of its own will (RFC 9568 section 6.4.3, (600)). One that leaves its addresses for a
 * successor has the others begin their wait anew instead: it is to be back before that is over.
 */
export const resign = (config: MachineConfig, keepAddresses: boolean): readonly Action[] =>
  keepAddresses
    ? [{ kind: "send-advert", priority: config.priority }]
    : [{ kind: "send-advert", priority: RESIGN_PRIORITY }, release(config)];

export const release = (config: MachineConfig): Action => ({
  kind: "remove-addresses",
  addresses: config.addresses,
});
