// Runs programs of the operator's. A program runs in a process group of its own, in a clean environment, and
// nothing of that group is left when `gone` is settled.

import type { Result } from "../core/result.js";
import type { Milliseconds } from "../core/units.js";
import type { Cancel } from "./cancel.js";

export type Command = {
  /** Absolute path of the program, then its arguments. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Name or number of the user; absent: the one that the configuration gives for all, or vipd's own. */
  readonly user?: string;
  /** How long the group has between TERM and KILL. */
  readonly grace: Milliseconds;
};

export type RunEnd =
  | { readonly kind: "exited"; readonly code: number; readonly stderr: string }
  | { readonly kind: "killed"; readonly signal: string; readonly stderr: string }
  /** Cancelled before its end: TERM has been sent. */
  | { readonly kind: "cancelled"; readonly stderr: string }
  /** Never began; `why` is for people and says the remedy. */
  | { readonly kind: "not-runnable"; readonly why: string };

export type Run = {
  readonly end: Promise<RunEnd>;
  /** Settled when no process of the group is left. */
  readonly gone: Promise<void>;
};

export type Runner = {
  run(command: Command, cancel: Cancel): Run;
  /** Whether it could be run now; the error says why not, and the remedy. Runs nothing. */
  probe(command: Pick<Command, "argv" | "user">): Result<null, string>;
};
