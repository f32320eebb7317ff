// The Backup state (RFC 9568 section 6.4.2): listens, and takes over when the master falls silent, resigns or
// has a lower priority than ours.

import { unreachable } from "../core/never.js";
import { after, between, milliseconds, type Instant } from "../core/units.js";
import type { TransitionReason } from "./reasons.js";
import {
  OWNER_PRIORITY,
  RESIGN_PRIORITY,
  type Action,
  type BackupState,
  type Event,
  type MachineConfig,
  type Step,
} from "./state.js";
import { backupStallLimit, earlier, later, skewTime } from "./timing.js";
import { becomeFault, becomeMaster, downIntervalOf, release, stay } from "./transition.js";
import { expectedInterval, learnsInterval } from "./versions.js";

type Advert = Extract<Event, { kind: "advert" }>;

export function stepBackup(config: MachineConfig, state: BackupState, event: Event, now: Instant): Step {
  return state.holds === true
    ? stepHolding(config, state, event, now)
    : stepWithoutAddresses(config, state, event, now);
}

/** Lets the addresses go that a stop left here, as soon as it is plain that it is not to be master at once. */
function stepHolding(config: MachineConfig, held: BackupState, event: Event, now: Instant): Step {
  const state = { ...held };
  delete (state as { holds?: true }).holds;
  const step = stepWithoutAddresses(config, state, event, now);
  if (event.kind === "reconfigure") {
    const gone: Action = { kind: "remove-addresses", addresses: event.previous.addresses };
    return { ...step, actions: [gone, ...step.actions] };
  }
  if (step.state.kind === "master" || (event.kind === "stop" && event.keepAddresses)) return step;
  const another = event.kind === "advert" && event.priority !== RESIGN_PRIORITY ? event : undefined;
  if (step.state.kind === "backup" && another === undefined && event.kind !== "group-yield")
    return { ...step, state: { ...step.state, holds: true } };
  const said: readonly Action[] =
    another === undefined
      ? []
      : [{ kind: "report-left", master: { address: another.sender, priority: another.priority } }];
  return { ...step, actions: [...step.actions, release(config), ...said] };
}

function stepWithoutAddresses(config: MachineConfig, state: BackupState, event: Event, now: Instant): Step {
  switch (event.kind) {
    case "advert":
      return stay(heard(config, state, event, now));
    case "deadline":
      return now < state.masterDownAt ? stay(state) : due(config, state, now);
    case "stop":
      // RFC 9568 (400): no advert is sent; the master is somebody else.
      return { state: { kind: "initialize" }, actions: [], reason: event.why };
    case "link-down":
      return becomeFault(event.cause, now, []);
    case "reconfigure":
      return reconfigured(config, state, event.previous, now);
    case "group-lead": {
      const { group, member } = event;
      return becomeMaster(config, { kind: "group-master", group, member }, now);
    }
    case "group-waits":
      return stay({ ...state, masterDownAt: event.until });
    case "group-yield":
    case "start":
    case "resume":
    case "link-up":
    case "address-lost":
    case "action-failed":
      return stay(state);
    default:
      return unreachable(event);
  }
}

/** When the wait for a master ends, unless one is heard. */
export const claimAt = (state: BackupState): Instant => later(state.masterDownAt, state.listenUntil);

/**
 * Whoever was stopped past its deadline has been deaf for a while: it listens for an interval before it takes the
 * silence for one, once, so that a host that is always late can still take over.
 */
function due(config: MachineConfig, state: BackupState, now: Instant): Step {
  const { masterInterval, downInterval, masterDownAt, listenUntil } = state;
  const stall = between(masterDownAt, now);
  if (stall > (state.stalled === true ? downInterval : backupStallLimit(masterInterval))) {
    const skew = skewTime(config.version, config.priority, masterInterval);
    const listen = milliseconds(masterInterval + skew);
    const until = later(after(now, listen), listenUntil);
    const listening: BackupState = { ...state, masterDownAt: until, listenUntil: until, stalled: true };
    return stay(listening, [{ kind: "report-stall", stall, listen }]);
  }
  // It claims nothing yet, and still wakes up as often as if it did: so it notices that it was stopped meanwhile.
  if (listenUntil !== undefined && now < listenUntil)
    return stay({ ...state, masterDownAt: earlier(after(now, downInterval), listenUntil) });
  return becomeMaster(config, takeoverReason(config, state, now), now);
}

function heard(config: MachineConfig, state: BackupState, advert: Advert, now: Instant): BackupState {
  const { interval } = advert;
  const from = { address: advert.sender, priority: advert.priority, heardAt: now, interval };
  if (advert.priority === RESIGN_PRIORITY) {
    // (415). Never later than we would have acted anyway: repeated resignations must not hold us back.
    const skew = skewTime(config.version, config.priority, state.masterInterval);
    const masterDownAt = earlier(after(now, skew), state.masterDownAt);
    const gone = state.master?.address === advert.sender ? state.master.priority : advert.priority;
    return { ...state, masterDownAt, resigned: { address: advert.sender, priority: gone, heardAt: now } };
  }
  if (advert.priority >= config.priority) return accepted(config, state, advert, now);
  if (!mayPreempt(config)) return accepted(config, state, advert, now);
  if (config.preemptDelay > 0) {
    // As keepalived: the delay counts from the first lower-priority advert, and until its end such a master
    // is obeyed like a higher one.
    const preemptAt = state.preemptAt ?? after(now, config.preemptDelay);
    if (now < preemptAt) return { ...accepted(config, state, advert, now), preemptAt };
    return { ...state, preemptAt, lower: from };
  }
  // (450): discarded. The timer runs on, and we take over when it ends.
  return { ...state, lower: from };
}

/** (420) to (445): the master is alive; its interval is the one to count with (not in version 2 alone). */
function accepted(config: MachineConfig, state: BackupState, advert: Advert, now: Instant): BackupState {
  const masterInterval = learnsInterval(config.version) ? advert.interval : config.advertInterval;
  const downInterval = downIntervalOf(config, masterInterval);
  return {
    kind: "backup",
    masterInterval,
    downInterval,
    masterDownAt: after(now, downInterval),
    since: state.since,
    ...(state.listenUntil !== undefined && now < state.listenUntil && { listenUntil: state.listenUntil }),
    master: { address: advert.sender, priority: advert.priority, heardAt: now },
  };
}

/** The owner of the addresses preempts whatever is configured (RFC 9568 section 6.1). */
const mayPreempt = (config: MachineConfig): boolean => config.preempt || config.priority === OWNER_PRIORITY;

function takeoverReason(config: MachineConfig, state: BackupState, now: Instant): TransitionReason {
  const { master, resigned, lower } = state;
  if (resigned)
    return {
      kind: "master-resigned",
      master: resigned.address,
      waited_ms: between(resigned.heardAt, now),
    };
  if (lower)
    return {
      kind: "preempted-lower",
      master: lower.address,
      master_priority: lower.priority,
      own_priority: config.priority,
    };
  if (master)
    return {
      kind: "master-silent",
      master: master.address,
      master_priority: master.priority,
      silence_ms: between(master.heardAt, now),
    };
  return { kind: "no-master-heard", waited_ms: between(state.since, now) };
}

/** A new priority or interval changes how long we wait, counted from the advert we wait since. */
function reconfigured(
  config: MachineConfig,
  state: BackupState,
  previous: MachineConfig,
  now: Instant,
): Step {
  if (config.priority === OWNER_PRIORITY)
    return becomeMaster(config, { kind: "reconfigured", what: "priority 255, the owner's" }, now);
  const { lower } = state;
  if (lower !== undefined && (lower.priority >= config.priority || !mayPreempt(config))) {
    // It was passed over, and is now one that holds us back: as if its last advert had come only after the change.
    const { address: sender, priority, interval, heardAt } = lower;
    return stay(accepted(config, state, { kind: "advert", sender, priority, interval }, heardAt));
  }
  const learnt = state.master !== undefined && learnsInterval(config.version);
  const masterInterval = learnt ? state.masterInterval : expectedInterval(config);
  const downInterval = downIntervalOf(config, masterInterval);
  // While the skew of a resignation runs, the timer is not the down interval's; it stays as it is.
  const shift = state.resigned ? 0 : downInterval - state.downInterval;
  const masterDownAt = (state.masterDownAt + shift) as Instant;
  const { preemptAt, ...rest } = state;
  const samePreemption = config.preempt === previous.preempt && config.preemptDelay === previous.preemptDelay;
  return stay({
    ...rest,
    masterInterval,
    downInterval,
    masterDownAt,
    ...(samePreemption && preemptAt !== undefined && { preemptAt }),
  });
}
