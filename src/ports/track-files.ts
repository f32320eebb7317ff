// The files that tracks and checks read a number from.

import type { Result } from "../core/result.js";

export type NumberFiles = {
  /** The number in the file, -254..254; undefined when there is no file or nothing in it. */
  number(path: string): Result<number | undefined, string>;
};

export type TrackFiles = {
  /** The number in the file, -254..254; 0 when there is no file or nothing in it. The error says what is wrong. */
  read(path: string): Result<number, string>;
  /**
   * Calls `changed` when something may have happened to the file; the result ends that. Undefined: it cannot be
   * watched now. `lost`: it is not watched any more.
   */
  watch(path: string, changed: () => void, lost: () => void): (() => void) | undefined;
};
