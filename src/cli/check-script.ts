// `vipd check-script`: runs a program as the daemon would run it for a check, and says what came of it, or why the
// daemon would refuse it.

import { existsSync } from "node:fs";

import type { CheckResult } from "../checkers/checker.js";
import { parseDuration } from "../config/duration.js";
import type { ScriptPolicy } from "../config/model.js";
import { formatDuration, seconds, type Milliseconds } from "../core/units.js";
import type { Command as Program, RunEnd, Runner } from "../ports/runner.js";
import { servers, targetsOf, type Found } from "./check-server.js";
import { outputLines, rounded, span } from "./check-text.js";
import {
  configOption,
  DEFAULT_CONFIG,
  EXIT,
  jsonOption,
  nodeOption,
  type Command,
  type ExitCode,
  type Options,
  type Output,
} from "./command.js";

/** That of checks in a configuration. */
const DEFAULT_TIMEOUT = seconds(3);
const LONGEST = seconds(3600);

export const checkScript: Command = {
  word: "check-script",
  summary: "Runs a program as the daemon would for a check; exit code 1 when it fails or is refused.",
  operand: {
    name: "PATH [ARG]...",
    what: "the program's absolute path, and its arguments (after -- those that begin with a dash)",
    isList: true,
  },
  options: [
    { name: "user", value: "USER", summary: "whom it runs as (`scripts.user`, or vipd's own)" },
    { name: "timeout", value: "TIME", summary: "how long it may take (3s)" },
    { name: "service", value: "SERVICE/SERVER", summary: "the server that its environment names (none)" },
    { ...configOption, summary: "for `scripts` and --service (/etc/vipd/vipd.yaml, where that is)" },
    nodeOption,
    jsonOption,
  ],
  async run(options, output) {
    const timeout = timeoutOf(options, output);
    if (timeout === undefined) return EXIT.usage;
    const setting = await settingOf(options, output);
    if ("exit" in setting) return setting.exit;
    const { policy, found } = setting;
    const { runOnce } = await import("./one-run.js");
    const { meansWith } = await import("../director/check-means.js");
    const { ProcessRunner } = await import("../linux/process-runner.js");
    const { environmentOf, runScript } = await import("../checkers/script.js");
    const { targetOf } = await import("../director/check-target.js");
    const told = found === undefined ? {} : environmentOf(targetOf(found.service, found.server));
    const recorder = new Recorder(new ProcessRunner(policy));
    const [path = "", ...args] = options.operands;
    const script = { command: [path, ...args] as const, shell: false, user: options.text("user") };
    const { result, took } = await runOnce(
      (context) => runScript(script, told, context),
      timeout,
      meansWith(recorder),
      undefined,
    );
    const account: Account = {
      command: script.command,
      user: script.user ?? policy.user,
      config: setting.config,
      timeout,
      environment: recorder.program?.environment ?? {},
      end: recorder.end,
      result,
      took,
    };
    output.out(options.flag("json") ? jsonOf(account) : textOf(account));
    return result.ok ? EXIT.ok : EXIT.failed;
  },
};

/** Lets the program through, and keeps what it was run with and how it ended. */
class Recorder implements Runner {
  program: Program | undefined;
  end: RunEnd | undefined;
  private readonly runner: Runner;

  constructor(runner: Runner) {
    this.runner = runner;
  }

  run(...[program, cancel]: Parameters<Runner["run"]>): ReturnType<Runner["run"]> {
    this.program = program;
    const run = this.runner.run(program, cancel);
    return { ...run, end: run.end.then((end) => (this.end = end)) };
  }

  probe(program: Pick<Program, "argv" | "user">): ReturnType<Runner["probe"]> {
    return this.runner.probe(program);
  }
}

function timeoutOf(options: Options, output: Output): Milliseconds | undefined {
  const text = options.text("timeout");
  if (text === undefined) return DEFAULT_TIMEOUT;
  const read = parseDuration(text);
  if (read.ok && read.value >= 10 && read.value <= LONGEST) return read.value;
  output.err(`vipd check-script: --timeout: ${read.ok ? "is a time from 10ms to 60m" : read.error}\n`);
  return undefined;
}

type Setting = {
  readonly policy: ScriptPolicy;
  readonly found: Found | undefined;
  /** Where it is from. */
  readonly config: string | null;
};

/** A configuration is read when it is named or needed, and also the usual one where there is one. */
async function settingOf(options: Options, output: Output): Promise<Setting | { readonly exit: ExitCode }> {
  const service = options.text("service");
  const named = options.text("config");
  const path = named ?? DEFAULT_CONFIG;
  if (named === undefined && service === undefined && !existsSync(path))
    return { policy: { security: true }, found: undefined, config: null };
  const { failed, readConfig, report } = await import("../director/supervisor/config-reader.js");
  const reading = await readConfig(path, options.text("node"));
  const [config] = reading.configs;
  if (failed(reading) || config === undefined) {
    output.err(report(reading));
    return { exit: EXIT.failed };
  }
  const policy = config.scripts;
  if (service === undefined) return { policy, found: undefined, config: path };
  const targets = targetsOf(service, config);
  const [found, ...more] = targets.ok ? servers(config, targets.value) : [];
  if (targets.ok && more.length === 0) return { policy, found, config: path };
  const problem = targets.ok
    ? `means ${more.length + 1} servers: ${targets.value.map(({ service: s, server }) => `${s}/${server}`).join(", ")}`
    : targets.error;
  output.err(`vipd check-script: --service: ${problem}\n`);
  return { exit: EXIT.usage };
}

type Account = {
  readonly command: readonly string[];
  readonly user: string | undefined;
  readonly config: string | null;
  readonly timeout: Milliseconds;
  readonly environment: Readonly<Record<string, string>>;
  readonly end: RunEnd | undefined;
  readonly result: CheckResult;
  readonly took: Milliseconds;
};

function textOf({ command, user, config, timeout, environment, end, result, took }: Account): string {
  const isRefused = end?.kind === "not-runnable";
  const told = Object.entries(environment).map(([name, value]) => `  ${name}=${value}`);
  return `${[
    command.join(" "),
    `as ${user === undefined ? "vipd's own user" : `user ${user}`}, within ${formatDuration(timeout)}, ` +
      (config === null ? "without a configuration" : `with the scripts of ${config}`),
    ...told,
    ...outputLines(result, ""),
    isRefused
      ? `REFUSED: ${result.detail}`
      : `${result.ok ? "UP" : "DOWN"}: ${result.ok ? "" : `${result.reason}: `}${result.detail}; took ${span(took)}`,
  ].join("\n")}\n`;
}

const jsonOf = ({ end, result, took, timeout, user, ...rest }: Account): string =>
  `${JSON.stringify(
    {
      ...rest,
      user: user ?? null,
      timeout_ms: timeout,
      up: result.ok,
      reason: result.ok ? "ok" : result.reason,
      detail: result.detail,
      end: end?.kind ?? null,
      exit_code: end?.kind === "exited" ? end.code : null,
      signal: end?.kind === "killed" ? end.signal : null,
      output: result.output ?? "",
      took_ms: rounded(took),
    },
    null,
    2,
  )}\n`;
