// The processes of this host, as far as tracks ask for them.

import type { ProcessMatch } from "../config/model.js";

export type Processes = {
  /** How many processes match and live; counted no further than `enough`. */
  count(match: ProcessMatch, enough: number): number;
};
