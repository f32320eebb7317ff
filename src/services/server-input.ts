// What is known of one real server when it is decided what the table is to have of it. Whoever finds something out
// fills its own slot and knows nothing of the others; nothing here says what follows (weight.ts, decide.ts).

import type { HealthState } from "../core/health-state.js";
import type { Instant, Milliseconds } from "../core/units.js";
import type { RealServer } from "../ipvs/model.js";

/** What an operator or a maintenance window has ordered; stronger than everything else. */
export type Override =
  /** No new connections. Out of the table when it has none left, or at `removeAt`. */
  | {
      readonly kind: "drain";
      /** For people: "drained by root until 14:00". */
      readonly label: string;
      readonly isEmpty: boolean;
      readonly removeAt: Instant | undefined;
    }
  /** Out of the table at once. */
  | { readonly kind: "disable"; readonly label: string }
  /** In the table whatever its checks say. */
  | { readonly kind: "enable"; readonly label: string };

/** What an agent or a script on the server says of how much it can take. */
export type Load =
  | { readonly kind: "percent"; readonly percent: number; readonly label: string }
  | { readonly kind: "absolute"; readonly weight: number; readonly label: string };

/** Slow start: from nothing to the whole weight in this time. */
export type Ramp = { readonly since: Instant; readonly over: Milliseconds };

export type ServerInput = {
  /** The last word of its checks; before that, what the kernel's table told. */
  readonly health: HealthState;
  /** When its checks took it down; undefined: it is not down, or was so before we began. */
  readonly failedAt: Instant | undefined;
  readonly override: Override | undefined;
  readonly load: Load | undefined;
  readonly ramp: Ramp | undefined;
};

/** What others than its checks have found out, or ordered. */
export type ServerAdjustment = Partial<Omit<ServerInput, "health">>;

/** A real server as it is configured, and what is known of it. */
export type ServerView = ServerInput & {
  readonly server: RealServer;
  /** When it fails it stays in the table with weight 0. */
  readonly inhibit: boolean;
  /** Before its first check has succeeded it does not serve. */
  readonly waits: boolean;
};
