// What is said of an event: how important it is, what it is about, and the words.

import type { LogLevel } from "../config/model.js";

export type Description = {
  readonly level: LogLevel;
  /** What the line is about: "vrrp web", "service http". */
  readonly subject: string;
  readonly text: string;
};

/** How many single changes a line about a batch names before it only counts them. */
export const NAMED_AT_MOST = 6;
