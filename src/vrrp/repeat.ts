// The two things that happen a hundred times a second on every director and change nothing but a time: a
// backup hears the same advert again, a master sends its own again. They are answered here without a step and
// without making a new state; a test proves that the answers are `step`'s. The caller keeps the time beside
// the state and puts it in with `heardAgain` or `sentAgain` before the next full step.

import { after, type Instant } from "../core/units.js";
import { quietUntil } from "./master.js";
import {
  RESIGN_PRIORITY,
  type BackupState,
  type Event,
  type MachineConfig,
  type MasterState,
  type State,
} from "./state.js";
import { nextAdvertAt } from "./timing.js";

/** Whether the advert heard at `heardAt` that led to `state` does nothing but restart the timer when it comes again. */
export function advertMayRepeat(
  state: State,
  advert: Extract<Event, { kind: "advert" }>,
  heardAt: Instant,
): state is BackupState {
  if (!repeatsMayFollow(state) || advert.priority === RESIGN_PRIORITY) return false;
  const { master } = state;
  return (
    master !== undefined &&
    master.heardAt === heardAt &&
    master.address === advert.sender &&
    master.priority === advert.priority
  );
}

/** Whether a state is one in which the same advert may come again and change nothing but the time. */
export const repeatsMayFollow = (state: State): state is BackupState =>
  // A delay that runs ends with such an advert one day.
  state.kind === "backup" && state.preemptAt === undefined && state.listenUntil === undefined;

/** The new deadline of a backup that hears its master's advert again. */
export const deadlineWhenHeard = (state: BackupState, now: Instant): Instant =>
  after(now, state.downInterval);

/** The state after an advert repeated at `at`. */
export const heardAgain = (state: BackupState, at: Instant): BackupState => ({
  kind: "backup",
  masterInterval: state.masterInterval,
  downInterval: state.downInterval,
  masterDownAt: deadlineWhenHeard(state, at),
  since: state.since,
  ...(state.master && { master: { ...state.master, heardAt: at } }),
});

/** Whether a deadline at `now` asks for nothing but the periodic advert. */
export const onlyAdvertDue = (state: MasterState, now: Instant): boolean => now < quietUntil(state);

/** The deadline after the periodic advert that was due at `due` (for `onlyAdvertDue`). */
export const deadlineWhenSent = (config: MachineConfig, due: Instant, now: Instant): Instant =>
  nextAdvertAt(due, config.advertInterval, now);

/** The state of a master whose next periodic advert is due at `at`. */
export const sentAgain = (state: MasterState, at: Instant): MasterState => ({ ...state, nextAdvertAt: at });
