// Runs the operator's own program: exit code 0 is up, everything else is down, and so is a program that does
// not end, cannot be run or is killed. The contract with the program stands in docs/checkers.md.

import { between, formatDuration, milliseconds, type Milliseconds } from "../core/units.js";
import type { RunEnd } from "../ports/runner.js";
import {
  defineChecker,
  fail,
  ok,
  okWith,
  type CheckContext,
  type CheckResult,
  type CheckTarget,
} from "./checker.js";
import { printable, printableLines } from "./printable.js";

/** From TERM to KILL for a program that is over its time. */
export const RUN_GRACE = milliseconds(1000);
/** What every program of the operator's finds in its environment. */
export const PROGRAM_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
} as const;
const SHELL = "/bin/sh";

/** For what a configuration calls `script`, in checks and tracks. */
export type ScriptOptions = {
  readonly command: readonly [string, ...string[]];
  readonly shell: boolean;
  readonly user?: string | undefined;
};

export const script = defineChecker({
  name: "script",
  summary: "Runs a program, and succeeds when it ends with exit code 0.",
  cost: "process",
  seesService: true,
  options: (v) =>
    v
      .section({
        command: v
          .programWords(false)
          .describe("The program: an absolute path, or a list of the path and its arguments."),
        shell: v
          .flag()
          .prefault(false)
          .describe(`Whether \`command\` is text for ${SHELL} instead; then it must not be a list.`),
        user: v
          .userName()
          .optional()
          .meta({ otherwise: "`scripts.user`" })
          .describe("Name or number of the user to run it as."),
        dynamic: v
          .flag()
          .optional()
          .meta({ default: false })
          .describe(
            "Whether exit codes 2 to 255 are no failures but weights: the code less 2, so that 2 is weight 0. Of checks " +
              "of servers alone.",
          ),
      })
      .refine((options) => options.shell || options.command[0].startsWith("/"), {
        path: ["command"],
        error:
          'is not an absolute path\nStart with "/"; for text with arguments use a list, or add `shell: true`.',
      })
      .refine((options) => !options.shell || options.command.length === 1, {
        path: ["command"],
        error:
          "is a list, and `shell: true` wants one text\nLeave out `shell`, or write the list as one text.",
      }),
  problem({ options, runner }) {
    const probe = runner.probe({ argv: argvOf(options), ...userOf(options) });
    return probe.ok ? undefined : probe.error;
  },
  check: (context) =>
    runScript(context.options, environmentOf(context.target), context, context.options.dynamic),
});

/** `told`: what it finds in its environment beside what all find there. */
export async function runScript(
  options: ScriptOptions,
  told: Readonly<Record<string, string>>,
  {
    timeout,
    cancel,
    now,
    runner,
    linger,
  }: Pick<CheckContext<unknown>, "timeout" | "cancel" | "now" | "runner" | "linger">,
  dynamic = false,
): Promise<CheckResult> {
  const began = now();
  const environment = { ...PROGRAM_ENVIRONMENT, ...told, VIPD_TIMEOUT_MS: timeout.toFixed(0) };
  const run = runner.run(
    { argv: argvOf(options), environment, grace: RUN_GRACE, ...userOf(options) },
    cancel,
  );
  linger(run.gone);
  const end = await run.end;
  return { ...verdict(end, timeout, dynamic), phases: { run: between(began, now()) }, ...outputOf(end) };
}

const argvOf = (options: ScriptOptions): readonly [string, ...string[]] =>
  options.shell ? [SHELL, "-c", options.command[0]] : options.command;

const userOf = (options: ScriptOptions): { readonly user?: string } =>
  options.user === undefined ? {} : { user: options.user };

/** What a program that checks this server is told. */
export function environmentOf(target: CheckTarget): Record<string, string> {
  const { virtual } = target;
  return {
    VIPD_SERVICE: target.service,
    ...(virtual.kind === "fwmark"
      ? { VIPD_FWMARK: String(virtual.mark) }
      : { VIPD_VIP: virtual.address, VIPD_VPORT: String(virtual.port), VIPD_PROTOCOL: virtual.protocol }),
    VIPD_SERVER: target.address,
    VIPD_PORT: String(target.port),
  };
}

/** Exit code 2 of a script that says weights is weight 0, and so on: as keepalived has it. */
const FIRST_WEIGHT = 2;

function verdict(end: RunEnd, timeout: Milliseconds, dynamic: boolean): CheckResult {
  switch (end.kind) {
    case "exited":
      if (dynamic && end.code >= FIRST_WEIGHT) {
        const weight = end.code - FIRST_WEIGHT;
        return okWith({ kind: "absolute", weight }, `exit code ${end.code}: weight ${weight}`);
      }
      return end.code === 0
        ? ok("exit code 0")
        : fail("script-failed", `exit code ${end.code}${meaning(end.code)}${quoted(end.stderr)}`);
    case "killed":
      return fail("script-failed", `killed by ${end.signal}${quoted(end.stderr)}`);
    case "cancelled":
      return fail(
        "script-timeout",
        `not done after ${formatDuration(timeout)}: ended with TERM${quoted(end.stderr)}`,
      );
    case "not-runnable":
      return fail("script-not-runnable", end.why);
  }
}

/** What shells say with their own exit codes. */
function meaning(code: number): string {
  if (code === 126) return " (a shell's word for: found but not executable)";
  if (code === 127) return " (a shell's word for: command not found)";
  return "";
}

const quoted = (stderr: string): string =>
  stderr === ""
    ? ""
    : `: ${printable(words(stderr.split("\n").find((line) => line.trim() !== "") ?? "").slice(0, 200))}`;

/** Tabs stand between words, and say no more than that. */
const words = (text: string): string => text.replaceAll("\t", " ");

const outputOf = (end: RunEnd): { readonly output?: string } =>
  end.kind === "not-runnable" || end.stderr === "" ? {} : { output: printableLines(words(end.stderr)) };
