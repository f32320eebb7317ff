// What a checker is: a name, the options it takes, and one function that looks once at one real server and
// says what it saw. A checker never counts failures, sets no weight and keeps nothing from one run to the
// next; when it runs and what follows from its results is decided elsewhere.

import type { Socket } from "node:net";

import type { ValueTypes } from "../config/values.js";
import type { z } from "zod";
import type { IpAddress } from "../core/address.js";
import type { Result } from "../core/result.js";
import type { Instant, Milliseconds } from "../core/units.js";
import type { Cancel } from "../ports/cancel.js";
import type { Datagrams } from "../ports/datagram.js";
import type { Dialer } from "../ports/dialer.js";
import type { Echo } from "../ports/echo.js";
import type { Runner } from "../ports/runner.js";
import type { NumberFiles } from "../ports/track-files.js";
import type { Trace } from "./trace.js";

/** Why a check failed: a closed list, for logs, status and events. docs/checkers.md explains each. */
export const FAIL_REASONS = [
  "connect-refused",
  "connect-timeout",
  "connect-unreachable",
  "connect-reset",
  "connect-failed",
  "no-port",
  "tls-failed",
  "certificate-expired",
  "certificate-not-yet-valid",
  "certificate-wrong-name",
  "certificate-untrusted",
  "read-timeout",
  "no-reply",
  "closed-early",
  "too-large",
  "bad-reply",
  "wrong-reply",
  "bad-status",
  "bad-rcode",
  "body-mismatch",
  "bad-greeting",
  "login-failed",
  "secret-unreadable",
  "script-failed",
  "script-timeout",
  "script-not-runnable",
  "agent-down",
  "process-missing",
  "file-not-zero",
  "file-unreadable",
  "internal",
] as const;
export type FailReason = (typeof FAIL_REASONS)[number];

/** How long the parts of a check took, by name, in their order: "connect", "tls", "first-byte", "body". */
export type Phases = Readonly<Record<string, Milliseconds>>;

export type CheckLoad =
  | { readonly kind: "percent"; readonly percent: number }
  | { readonly kind: "absolute"; readonly weight: number };

export type CheckResult =
  | {
      readonly ok: true;
      readonly detail: string;
      readonly phases: Phases;
      /** What will make it fail one day: said once a day. */
      readonly warning?: string | undefined;
      readonly output?: string;
      /** What the server says of how much it can take; absent: its configured weight. */
      readonly load?: CheckLoad;
    }
  | {
      readonly ok: false;
      readonly reason: FailReason;
      /** What was seen and what was wanted, for people. */
      readonly detail: string;
      readonly phases: Phases;
      /** What a script wrote to stderr. */
      readonly output?: string;
    };

export const ok = (detail: string, phases: Phases = {}): CheckResult => ({ ok: true, detail, phases });
/** Up, and so much of it. */
export const okWith = (load: CheckLoad, detail: string): CheckResult => ({
  ok: true,
  detail,
  phases: {},
  load,
});
export const fail = (reason: FailReason, detail: string, phases: Phases = {}): CheckResult => ({
  ok: false,
  reason,
  detail,
  phases,
});

/** The real server that is looked at, and for which service. */
export type CheckTarget = {
  readonly service: string;
  /** `VIP:PORT` or the mark by which the kernel knows the service. */
  readonly virtual:
    | {
        readonly kind: "address";
        readonly protocol: "tcp" | "udp" | "sctp";
        readonly address: IpAddress;
        readonly port: number;
      }
    | { readonly kind: "fwmark"; readonly mark: number };
  readonly address: IpAddress;
  /** 0 for a server that takes the port of whatever reaches it. */
  readonly port: number;
};

/** What a checker reaches the world with. */
export type CheckMeans = {
  readonly dialer: Dialer<Socket>;
  readonly datagrams: Datagrams;
  readonly echo: Echo;
  readonly files: NumberFiles;
  readonly runner: Runner;
  /** The text of a file that nobody else may read; the error follows its name. Read at every run: it may change. */
  readonly readSecret: (path: string) => Result<string, string>;
  /** Milliseconds since 1970. */
  readonly wallTime: () => number;
};

export type CheckContext<Options> = CheckMeans & {
  readonly target: CheckTarget;
  /** As the checker's own schema gives them. */
  readonly options: Options;
  /** Beyond this the answer is not waited for: `cancel` fires. */
  readonly deadline: Instant;
  /** From its beginning to that, as it is configured. */
  readonly timeout: Milliseconds;
  /** When it fires, the check must settle at once, saying what it was waiting for. */
  readonly cancel: Cancel;
  readonly now: () => Instant;
  /** Whoever wants to see what goes over the connection. */
  readonly trace?: Trace | undefined;
  /** This check is not run again for this server before `work` is settled. */
  readonly linger: (work: Promise<unknown>) => void;
};

/** What is known of a check before its runs. */
export type CheckPlace<Options> = CheckMeans & Pick<CheckContext<Options>, "target" | "options" | "now">;

/**
 * Takes the result of a run, and the present moment. The result is of that moment: whoever prepared the check may use it
 * for the next one again.
 */
export type Settle = (result: CheckResult, now: Instant) => void;

/** A check made ready for all its runs, of which there may be thousands a second: a run makes next to nothing anew. */
export type PreparedCheck = {
  /** It waits for one thing alone, which the kernel takes in also while this process is held up. */
  readonly isOneStep?: true;
  /** Begins a run, and settles it once, not during this call. Not to be called again before. */
  start(settle: Settle, now: Instant): void;
  /** Its deadline has come: settles at once, saying what it was waiting for. */
  cancel(): void;
};

export type Checker = {
  /** The key under `check:`. */
  readonly name: string;
  /** One sentence for the documentation. */
  readonly summary: string;
  /** What a run costs: "process" for those that start one; fewer of them run at a time. */
  readonly cost: "socket" | "process";
  /** It looks at `target.service` or `target.virtual`; otherwise services that check the same endpoint share a run. */
  readonly seesService?: true;
  /** The schema of the options, made of `values`; called only where a configuration is read. */
  readonly options: (values: ValueTypes) => z.ZodType;
  readonly check: (context: CheckContext<never>) => Promise<CheckResult>;
  /** The same for many runs, where that can be done with these options, with the same results. */
  readonly prepare?: (place: CheckPlace<never>) => PreparedCheck | undefined;
  /** What would make every run fail, found without running: text for people, with the remedy. */
  readonly problem?: (context: ProbeContext<never>) => string | undefined;
  /** Whether that is a question at all with these options; absent: always. */
  readonly mayHaveProblem?: (options: never) => boolean;
};
export type ProbeContext<Options> = Pick<CheckContext<Options>, "options" | "runner" | "readSecret">;

/** Ties the type of the options, which follows from their schema, to what the check function gets. */
export function defineChecker<Schema extends z.ZodType>(checker: {
  readonly name: string;
  readonly summary: string;
  readonly cost?: Checker["cost"];
  readonly seesService?: true;
  readonly options: (values: ValueTypes) => Schema;
  readonly check: (context: CheckContext<z.output<Schema>>) => Promise<CheckResult>;
  readonly prepare?: (place: CheckPlace<z.output<Schema>>) => PreparedCheck | undefined;
  readonly problem?: (context: ProbeContext<z.output<Schema>>) => string | undefined;
  readonly mayHaveProblem?: (options: z.output<Schema>) => boolean;
}): Checker {
  return { cost: "socket", ...checker };
}
