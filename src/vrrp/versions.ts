// What it means to speak one version of VRRP, or for a migration both (RFC 9568 section 8.4): what is sent, whose
// interval counts, and when an advert of version 2 is only the echo of one of version 3. Pure.

import { after, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import type { InstanceConfig } from "./instance.js";
import { OWNER_PRIORITY } from "./state.js";

export type MessageVersion = 2 | 3;
export type Versions = InstanceConfig["version"];

const SPOKEN: Readonly<Record<Versions, readonly MessageVersion[]>> = {
  2: [2],
  3: [3],
  // Version 3 first, so that whoever hears both takes what follows for the echo that it is.
  "2+3": [3, 2],
};

/** The versions of the adverts that are sent, in their order; the same ones are understood. */
export const versionsSpoken = (version: Versions): readonly MessageVersion[] => SPOKEN[version];

export const speaks = (version: Versions, message: MessageVersion): boolean =>
  SPOKEN[version].includes(message);

/** Whether the message that begins here is of a version that is spoken. Of none, where there is no message. */
export const isOurVersion = (message: Uint8Array, version: Versions): boolean =>
  message.length > 0 && (SPOKEN[version] as readonly number[]).includes(message[0]! >> 4);

/** The interval that an advert of this version says: version 2 counts in whole seconds, and is not to promise too much. */
export const saidInterval = (message: MessageVersion, interval: Milliseconds): Milliseconds =>
  message === 2 ? milliseconds(Math.ceil(interval / 1000) * 1000) : interval;

/**
 * The interval to count with before any master was heard: with both versions he may be one of version 2, who cannot
 * send more often than once a second. The owner waits for nobody.
 */
export const expectedInterval = ({ version, advertInterval, priority }: InstanceConfig): Milliseconds =>
  version === "2+3" && priority !== OWNER_PRIORITY ? saidInterval(2, advertInterval) : advertInterval;

/** Whether the interval in a master's adverts is the one to count with; version 2 refuses any but its own. */
export const learnsInterval = (version: Versions): boolean => version !== 2;

/** In intervals: for so long a sender of version 3 is "also receiving version 3 from" (RFC 9568 section 8.4.2). */
const ECHO = 1.5;
/** So many adverts of the one version without one of the other are no loss of packets. */
export const ALONE = 3;

/** Whether an advert of version 2 says nothing new, its sender having sent one of version 3 at `at`. */
export const isEcho = (at: Instant, interval: Milliseconds, now: Instant): boolean =>
  now <= after(at, milliseconds(ECHO * interval));
