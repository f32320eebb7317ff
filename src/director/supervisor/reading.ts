// What became of reading a configuration file, whichever way it was read.

import type { Diagnostic } from "../../config/diagnostic.js";
import type { Config } from "../../config/model.js";

export type Reading = {
  readonly path: string;
  /** Empty when the file could not be read. */
  readonly text: string;
  /** What was read; more than one only when it was read for every node. Empty when there is an error. */
  readonly configs: readonly Config[];
  readonly diagnostics: readonly Diagnostic[];
  /** What is right in the file but would not work on this machine. */
  readonly warnings: readonly Diagnostic[];
  /** See `Loaded`. */
  readonly starts?: readonly number[];
  /** It depends on more files than its own: keys. */
  readonly readsMore?: boolean;
};
