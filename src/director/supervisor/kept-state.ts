// What `vipd stop --keep-vip` leaves to the next start, in a file of the runtime directory: which instances were master,
// as they were configured, and what else it has to know to go on. Used once, within a bounded time, in the same boot:
// anything else is a crash, after which what is on record is taken away first.

import { rmSync } from "node:fs";
import { join } from "node:path";
import type { StaticInheritance } from "../../control/handover.js";
import type { RememberedTakeover, SenderSequences, TrackReport } from "../../control/remembered.js";
import { after, minutes, type Instant } from "../../core/units.js";
import type { InstanceConfig } from "../../vrrp/instance.js";
import { bootId, readRecord, replaceRecord } from "../record-file.js";

/** A change to what is written below. */
const FORMAT = 1;
/** Whoever comes later finds another master, or none that anybody waits for. */
const KEPT_FOR = minutes(5);

export type KeptState = {
  /** When the stop began: masters have sent an advert since. CLOCK_MONOTONIC. */
  readonly at: Instant;
  /** Those that were master, without their secrets. */
  readonly masters: readonly InstanceConfig[];
  /** Of owners among them: the addresses that were added, as in "owner-added" (control/ipc.ts). */
  readonly added?: Readonly<Record<string, readonly string[]>>;
  readonly statics: StaticInheritance;
  readonly tracks: TrackReport;
  readonly sequences: readonly SenderSequences[];
  readonly takeovers: readonly RememberedTakeover[];
};

export type KeptFile = {
  /** Throws when it cannot be kept. */
  write(state: KeptState): void;
  /** Whether there is something to come back to. */
  isThere(now: Instant): boolean;
  /** Gives it, if it is still of use, and forgets it: it is used once. */
  take(now: Instant): KeptState | undefined;
};

export function keptFile(runtimeDirectory: string): KeptFile {
  const path = join(runtimeDirectory, "kept.json");
  const read = (now: Instant): KeptState | undefined => {
    try {
      const record = JSON.parse(readRecord(path) ?? "{}") as Partial<KeptState> & {
        boot?: unknown;
        format?: unknown;
      };
      const { boot, format, at, masters, added, statics, tracks, sequences, takeovers } = record;
      if (boot !== bootId() || format !== FORMAT || at === undefined || now > after(at, KEPT_FOR))
        return undefined;
      if (masters === undefined || statics === undefined) return undefined;
      return {
        at,
        masters,
        ...(added !== undefined && { added }),
        statics,
        tracks: tracks ?? {},
        sequences: sequences ?? [],
        takeovers: takeovers ?? [],
      };
    } catch {
      // Damaged, and so of no use.
      return undefined;
    }
  };
  return {
    write: (state) =>
      replaceRecord(
        path,
        `${JSON.stringify({ boot: bootId(), format: FORMAT, ...state, masters: state.masters.map(withoutSecrets) })}\n`,
      ),
    isThere: (now) => read(now) !== undefined,
    take(now) {
      const state = read(now);
      rmSync(path, { force: true });
      return state;
    },
  };
}

function withoutSecrets(instance: InstanceConfig): InstanceConfig {
  const { auth, ...rest } = instance;
  return auth === undefined ? instance : rest;
}
