// What the config needs to know of a checker: its name and the schema of its options. The registry of
// checkers is handed in by the program's start, so that no second list of names exists.

import type { z } from "zod";

export type CheckerSpec = {
  /** The key under `check:`, for example "http". */
  readonly name: string;
  /** One sentence for the documentation. */
  readonly summary: string;
  readonly options: z.ZodType;
};
