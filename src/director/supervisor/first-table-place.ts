// Where the table that was sent first of all (first-table.ts) waits for the rest of the program. Bundled, that is another
// file with modules of its own (tools/bundle.mjs), so that it lies where all of them find it.

import type { SentAhead } from "../../control/ipc.js";
import type { Result } from "../../core/result.js";

export type FirstTable = {
  /** What was begun of the claim of this runtime directory. */
  claim(runtimeDirectory: string): Result<() => void, string> | undefined;
  /** Somebody else does from now on, and takes it back where that is due. */
  hearsSignals(): void;
  /** For the checks process that takes this kept configuration, once. Where it is of another one it is taken back. */
  handOver(id: string | undefined): SentAhead | undefined;
  /** Unless it was handed over. */
  takeBack(): void;
};

const PLACE = Symbol.for("vipd.first-table");
type Place = { [PLACE]?: FirstTable | undefined };
const place = globalThis as Place;

export function holdFirstTable(table: FirstTable | undefined): void {
  place[PLACE] = table;
}

/** Undefined: there is none. */
export const firstTable = (): FirstTable | undefined => place[PLACE];
