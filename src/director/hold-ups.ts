// How long this process has been held up: it was to wake up and did not, because the processor was somebody else's, it had
// too much to do itself, or the whole machine stood still. What that means for a check is for others to say.

import { between, milliseconds, type Instant } from "../core/units.js";

/** Delays up to this long are those of any busy machine, and count as none. */
const NONE = milliseconds(20);
/** From here on the machine itself stood still, as far as anybody can tell. */
const LONG = milliseconds(250);

export class HoldUps {
  /** Milliseconds since the beginning. */
  all = 0;
  /** Of the long ones alone. */
  long = 0;
  private countedTo: Instant | undefined;

  /** It was to wake up at `due` and has at `now`. */
  note(due: Instant, now: Instant): void {
    const { countedTo = due } = this;
    this.countedTo = now;
    // Several wake-ups may have been due during one hold-up, which is counted once.
    const late = between(due > countedTo ? due : countedTo, now);
    if (late > NONE) this.all += late;
    if (late > LONG) this.long += late;
  }
}
