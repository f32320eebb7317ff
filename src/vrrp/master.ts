// The Master state (RFC 9568 section 6.4.3, there "Active"): says so every interval, and yields to a better
// claim. A claim is better with a higher priority, or with the same one from a higher address.

import { compareIp } from "../core/address.js";
import { unreachable } from "../core/never.js";
import { after, between, instant, milliseconds, type Instant } from "../core/units.js";
import type { TransitionReason } from "./reasons.js";
import type { VirtualAddress } from "./instance.js";
import {
  OWNER_PRIORITY,
  RESIGN_PRIORITY,
  type Action,
  type Event,
  type FaultCause,
  type MachineConfig,
  type MasterState,
  type Step,
} from "./state.js";
import { stepBackup } from "./backup.js";
import { holdsOffice, isSticky, withRival, yieldsToIncumbent } from "./incumbent.js";
import { earlier, gridded, masterStallLimit, nextAdvertAt, skewTime } from "./timing.js";
import { becomeBackup, becomeFault, followUp, nextRefresh, release, resign, stay } from "./transition.js";
import { expectedInterval, learnsInterval } from "./versions.js";

type Advert = Extract<Event, { kind: "advert" }>;

/** Between two bursts of announcements that a lower-priority master provokes. */
const HEAL_SPACING = milliseconds(1000);
/** Between two times that an address is put back: whoever deletes it at once each time must not keep us busy. */
const RESTORE_SPACING = milliseconds(1000);

export function stepMaster(config: MachineConfig, state: MasterState, event: Event, now: Instant): Step {
  if (hasStalled(config, state, event, now)) return yieldAfterStall(config, state, event, now);
  switch (event.kind) {
    case "advert":
      return heard(config, state, event, now);
    case "deadline":
      return due(config, state, now);
    case "stop":
      return {
        state: { kind: "initialize" },
        actions: resign(config, event.keepAddresses),
        reason: event.why,
      };
    case "link-down":
      // The addresses go either way, so that they are not on two hosts later.
      return becomeFault(
        event.cause,
        now,
        canStillSend(config, event.cause) ? resign(config, false) : [release(config)],
      );
    case "action-failed": {
      // A master without its addresses is worse than none: it keeps a sound backup from taking over.
      const { action, error } = event;
      return becomeFault({ kind: "action-failed", action, error }, now, resign(config, false));
    }
    case "link-up":
      // The link was away for less time than it takes to be told: switches may have forgotten us (X16).
      return announceAgain(config, state, now);
    case "address-lost":
      return addressLost(config, state, event.address, now);
    case "reconfigure":
      return reconfigured(config, state, event.previous, now);
    case "group-yield": {
      const { group, member } = event;
      const { state: backup, reason } = becomeBackup(config, { kind: "group-backup", group, member }, now);
      return { state: backup, actions: lastWord(config), ...(reason && { reason }) };
    }
    case "group-lead":
    case "group-waits":
    case "start":
    case "resume":
      return stay(state);
    default:
      return unreachable(event);
  }
}

/** Whether this process was away for so long that another may be master by now. The owner is master in any case. */
const hasStalled = (config: MachineConfig, state: MasterState, event: Event, now: Instant): boolean =>
  between(state.nextAdvertAt, now) > masterStallLimit(config.advertInterval) &&
  config.priority !== OWNER_PRIORITY &&
  event.kind !== "stop" &&
  event.kind !== "link-down" &&
  event.kind !== "action-failed";

/**
 * Yields without a word on the link: no advert and no announcement that would lead traffic away from whoever took
 * over meanwhile. It listens for an interval, and is master again when there is nobody else.
 */
function yieldAfterStall(config: MachineConfig, state: MasterState, event: Event, now: Instant): Step {
  const { advertInterval, priority, version } = config;
  const silent_ms = between(state.nextAdvertAt, now) + advertInterval;
  const limit_ms = masterStallLimit(advertInterval) + advertInterval;
  const { state: backup, reason } = becomeBackup(config, { kind: "stalled", silent_ms, limit_ms }, now);
  const expected = expectedInterval(config);
  const listen = milliseconds(expected + skewTime(version, priority, expected));
  const listening = { ...backup, masterDownAt: after(now, listen) };
  const next = stepBackup(config, listening, event, now).state;
  return { state: next, actions: [release(config)], ...(reason && { reason }) };
}

/** Whether the adverts' own link is none of the trouble, or there is another one, so that the others need not wait in vain. */
function canStillSend(config: MachineConfig, cause: FaultCause): boolean {
  if (config.secondPath !== undefined) return true;
  switch (cause.kind) {
    case "interface-down":
    case "interface-missing":
      return cause.interface !== config.interface;
    case "no-source-address":
    case "no-multicast":
    case "no-virtual-link":
      return false;
    case "cannot-join":
    case "cannot-refuse":
    case "track-failed":
    case "group-fault":
    case "action-failed":
      return true;
    default:
      return unreachable(cause);
  }
}

function due(config: MachineConfig, state: MasterState, now: Instant): Step {
  const actions: Action[] = [];
  let next = state;
  if (now >= state.nextAdvertAt) {
    actions.push({ kind: "send-advert", priority: config.priority });
    next = { ...next, nextAdvertAt: nextAdvertAt(state.nextAdvertAt, config.advertInterval, now) };
  }
  const { announcement } = state;
  if (announcement !== undefined && now >= announcement.at) {
    actions.push({ kind: "announce", addresses: config.addresses, repeat: announcement.repeat });
    next = withAnnouncement(next, nextRefresh(config, now));
  }
  const lost = (state.restored ?? []).filter(({ at, again }) => again && now >= after(at, RESTORE_SPACING));
  for (const { address } of lost) {
    const restored = restore(config, next, address, now);
    next = restored.state;
    actions.push(...restored.actions);
  }
  return stay(next, actions);
}

function heard(config: MachineConfig, state: MasterState, advert: Advert, now: Instant): Step {
  // (610): a master that leaves makes backups restart their wait; our advert tells them that we are here.
  if (advert.priority === RESIGN_PRIORITY) return reply(config, state, now, []);
  const better = betterClaim(config, advert);
  if (better === "own") return stay(state);
  const sticky = isSticky(config);
  // A tie that another member settles is none of ours: on each link another one would yield, and all would have.
  const isLeft = config.leavesTies === true && advert.priority === config.priority;
  if (sticky && better === undefined && !isLeft && yieldsToIncumbent(state, advert, now)) {
    const reason = {
      kind: "incumbent-held",
      master: advert.sender,
      master_priority: advert.priority,
      own_priority: config.priority,
    } as const;
    return yieldTo(config, reason, advert, now);
  }
  if (better !== undefined && !holdsOffice(config, state, advert, now))
    return yieldTo(config, better, advert, now);
  return defend(config, sticky ? withRival(state, advert, now) : state, advert, now);
}

function yieldTo(config: MachineConfig, reason: TransitionReason, advert: Advert, now: Instant): Step {
  const master = { address: advert.sender, priority: advert.priority };
  const interval = learnsInterval(config.version) ? advert.interval : config.advertInterval;
  const backup = becomeBackup(config, reason, now, { master, interval });
  return { ...backup, actions: lastWord(config) };
}

/**
 * A last advert tells the winner that there were two, so that it announces the addresses again: after a split
 * heals, half of the link still believes our announcement (keepalived: higher_prio_send_advert, off by default).
 * RFC 9568 does not ask for it and is not broken by it.
 */
const lastWord = (config: MachineConfig): readonly Action[] => [
  { kind: "send-advert", priority: config.priority },
  release(config),
];

/**
 * (645), new in RFC 9568: the other master cannot have heard us, so it hears us at once, unless that is off. Its own announcement may
 * follow the advert that we answer; ours is therefore repeated later (keepalived only announces once, and loses
 * the race now and then).
 */
function defend(config: MachineConfig, state: MasterState, advert: Advert, now: Instant): Step {
  const report: Action = {
    kind: "report-second-master",
    master: { address: advert.sender, priority: advert.priority },
  };
  // The master that we have just preempted says goodbye: our burst is younger than its announcements.
  if (now < after(state.since, config.advertInterval)) return answer(config, state, now, []);
  const answered = answer(config, state, now, [report]);
  const { healedAt } = state;
  if (healedAt !== undefined && now < healedAt + HEAL_SPACING) return answered;
  const healing = announceAgain(config, { ...(answered.state as MasterState), healedAt: now }, now);
  return { state: healing.state, actions: [...answered.actions, ...healing.actions] };
}

/** Why the sender of this advert is to be master instead of us; "own" for our own advert come back. */
function betterClaim(config: MachineConfig, advert: Advert): TransitionReason | "own" | undefined {
  const { sender, priority } = advert;
  if (priority > config.priority)
    return {
      kind: "higher-priority",
      master: sender,
      master_priority: priority,
      own_priority: config.priority,
    };
  if (priority < config.priority) return undefined;
  const own = advert.own ?? config.sourceAddress;
  const order = compareIp(sender, own);
  if (order === 0) return "own";
  return order > 0 && config.leavesTies !== true
    ? { kind: "equal-priority-higher-address", master: sender, own, priority }
    : undefined;
}

/** RFC 5798 and 3768 only discard an advert of lower priority; the other hears our next periodic one. */
const answer = (config: MachineConfig, state: MasterState, now: Instant, reports: readonly Action[]): Step =>
  config.lowerPrioNoAdvert ? stay(state, reports) : reply(config, state, now, reports);

/** Sends an advert at once, but at most two an interval, so that two such masters cannot storm (A13). */
function reply(config: MachineConfig, state: MasterState, now: Instant, reports: readonly Action[]): Step {
  const { repliedAt } = state;
  if (repliedAt !== undefined && now < repliedAt + config.advertInterval / 2) return stay(state, reports);
  return stay({ ...state, nextAdvertAt: gridded(now, config.advertInterval), repliedAt: now }, [
    { kind: "send-advert", priority: config.priority },
    ...reports,
  ]);
}

function announceAgain(config: MachineConfig, state: MasterState, now: Instant): Step {
  const { addresses, announce } = config;
  const again = followUp(config, now) ?? { at: after(now, HEAL_SPACING), repeat: announce.repeat };
  return stay(withAnnouncement(state, again), [{ kind: "announce", addresses, repeat: announce.repeat }]);
}

function addressLost(config: MachineConfig, state: MasterState, address: VirtualAddress, now: Instant): Step {
  const { restored = [] } = state;
  const last = restored.find((other) => sameVirtualAddress(other.address, address));
  if (last === undefined || now >= after(last.at, RESTORE_SPACING))
    return restore(config, state, address, now);
  return stay({
    ...state,
    restored: restored.map((other) => (other === last ? { ...last, again: true } : other)),
  });
}

type Restored = { readonly state: MasterState; readonly actions: readonly Action[] };

function restore(config: MachineConfig, state: MasterState, address: VirtualAddress, now: Instant): Restored {
  const addresses = [address];
  const others = (state.restored ?? []).filter(
    (other) =>
      !sameVirtualAddress(other.address, address) && (other.again || now < after(other.at, RESTORE_SPACING)),
  );
  return {
    state: { ...state, restored: [...others, { address, at: now, again: false }] },
    actions: [
      { kind: "add-addresses", addresses },
      { kind: "announce", addresses, repeat: config.announce.repeat },
      { kind: "report-restored", address },
    ],
  };
}

/** Stays master: the addresses are exchanged and an advert tells the backups the new figures at once. */
function reconfigured(
  config: MachineConfig,
  state: MasterState,
  previous: MachineConfig,
  now: Instant,
): Step {
  const gone = previous.addresses.filter((old) => !includes(config.addresses, old));
  const added = config.addresses.filter((address) => !includes(previous.addresses, address));
  const actions: Action[] = [{ kind: "send-advert", priority: config.priority }];
  if (gone.length > 0) actions.push({ kind: "remove-addresses", addresses: gone });
  if (added.length > 0) {
    actions.push({ kind: "add-addresses", addresses: added });
    actions.push({ kind: "announce", addresses: added, repeat: config.announce.repeat });
  }
  // A shorter refresh counts from now; whatever was to be announced sooner stays.
  const refresh = nextRefresh(config, now);
  const pending = state.announcement;
  const announcement = pending && (refresh === undefined || pending.at <= refresh.at) ? pending : refresh;
  const restored = (state.restored ?? []).filter(({ address }) => includes(config.addresses, address));
  const next = withAnnouncement({ ...state, restored }, announcement);
  return stay({ ...next, nextAdvertAt: gridded(now, config.advertInterval) }, actions);
}

const includes = (list: readonly VirtualAddress[], one: VirtualAddress): boolean =>
  list.some((other) => sameVirtualAddress(other, one));

export const sameVirtualAddress = (a: VirtualAddress, b: VirtualAddress): boolean =>
  a.interface === b.interface && a.prefix.address === b.prefix.address && a.prefix.length === b.prefix.length;

function withAnnouncement(state: MasterState, announcement: MasterState["announcement"]): MasterState {
  if (announcement !== undefined) return { ...state, announcement };
  const rest: { announcement?: MasterState["announcement"] } & MasterState = { ...state };
  delete rest.announcement;
  return rest;
}

/** Until when the periodic advert is all that a master has to do: see repeat.ts. */
export function quietUntil(state: MasterState): Instant {
  let until = state.announcement?.at ?? instant(Infinity);
  for (const { at, again } of state.restored ?? [])
    if (again) until = earlier(after(at, RESTORE_SPACING), until);
  return until;
}
