// Without preemption whoever is master stays it, also against a higher priority. RFC 9568 has a master yield to
// any higher priority, so that "no preemption" only restrains a newcomer that hears the master in time. Here two
// masters that both have preemption off settle who was there first: the newcomer knows that it is one and yields;
// the incumbent holds out long enough to let it, and then obeys the RFC, because the other may not be vipd or may
// preempt. Adverts carry no age; each judges itself by what it heard before it became master.

import { after, between, milliseconds, seconds, type Instant } from "../core/units.js";
import { OWNER_PRIORITY, type Event, type MachineConfig, type MasterState } from "./state.js";

type Advert = Extract<Event, { kind: "advert" }>;

/** One that heard nobody when it became master takes any other for the incumbent, this long. */
const NEWCOMER = seconds(60);
/** In intervals: what an incumbent holds out, and after how long a newcomer takes the other for one that does. */
const HOLD = 2;
const PERSISTS = 0.5;
/** More masters at once than this are settled by priority alone. */
const MOST_RIVALS = 8;

/** The owner of the addresses preempts whatever is configured (RFC 9568 section 6.1). */
export const isSticky = (config: MachineConfig): boolean =>
  !config.preempt && config.priority !== OWNER_PRIORITY;

/** Whether a master keeps its office for now against the better claim of `advert`. */
export function holdsOffice(
  config: MachineConfig,
  state: MasterState,
  advert: Advert,
  now: Instant,
): boolean {
  if (!isSticky(config) || advert.priority === OWNER_PRIORITY || isNewcomer(state, now)) return false;
  return between(oddsSince(state, advert, now), now) <= HOLD * advert.interval;
}

/** Whether the sender of `advert`, whose claim is lower, was master before us and holds out. */
export function yieldsToIncumbent(state: MasterState, advert: Advert, now: Instant): boolean {
  if (!isNewcomer(state, now) && state.displaced !== advert.sender) return false;
  return between(oddsSince(state, advert, now), now) >= PERSISTS * advert.interval;
}

/** The state that remembers since when the sender has been another master. */
export function withRival(state: MasterState, advert: Advert, now: Instant): MasterState {
  const rival = { address: advert.sender, since: oddsSince(state, advert, now), heardAt: now };
  const others = (state.rivals ?? []).filter(({ address }) => address !== advert.sender);
  return { ...state, rivals: [rival, ...others].slice(0, MOST_RIVALS) };
}

const isNewcomer = (state: MasterState, now: Instant): boolean =>
  state.unopposed === true && now < after(state.since, NEWCOMER);

/** A rival that was not heard for three of its intervals had given in, or was cut off: it begins anew. */
function oddsSince({ rivals }: MasterState, advert: Advert, now: Instant): Instant {
  const forgotten = milliseconds(3 * advert.interval);
  const known = rivals?.find(({ address }) => address === advert.sender);
  return known !== undefined && now <= after(known.heardAt, forgotten) ? known.since : now;
}
