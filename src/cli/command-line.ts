// Reads the command line by the table of commands, prints help, and says of wrong words which were possible.

import { parseArgs } from "node:util";
import { didYouMean } from "../config/suggest.js";
import { EXIT, type Command, type ExitCode, type Output } from "./command.js";
import { commands } from "./commands.js";
import { programVersion } from "./version.js";

export async function runCommandLine(args: readonly string[], output: Output): Promise<ExitCode> {
  const [word, ...rest] = args;
  if (word === undefined) {
    output.err(overview());
    return EXIT.usage;
  }
  if (word === "--help" || word === "-h") return say(output, overview());
  if (word === "help") return help(rest[0], output);
  if (word === "--version" || word === "-V" || word === "-v")
    return say(output, `vipd ${programVersion()}\n`);
  const command = commands.find((candidate) => candidate.word === word);
  if (command === undefined) {
    const words = commands.map((candidate) => candidate.word);
    const meant = didYouMean(word, words);
    const hint = meant === undefined ? "" : ` Did you mean "${meant}"?`;
    output.err(
      `vipd: there is no command "${word}".${hint}\nThe commands are: ${words.join(", ")}. See vipd --help.\n`,
    );
    return EXIT.usage;
  }
  if (rest.includes("--help") || rest.includes("-h")) return say(output, commandHelp(command));
  return runOne(command, rest, output);
}

async function runOne(command: Command, args: readonly string[], output: Output): Promise<ExitCode> {
  let operands: readonly string[] = [];
  let values: Record<string, unknown>;
  try {
    const options = Object.fromEntries(
      command.options.map(({ name, short, value }) => [
        name,
        {
          type: value === undefined ? ("boolean" as const) : ("string" as const),
          ...(short === undefined ? {} : { short }),
        },
      ]),
    );
    const parsed = parseArgs({
      args: [...args],
      options,
      strict: true,
      allowPositionals: command.operand !== undefined,
    });
    values = parsed.values;
    operands = parsed.positionals;
  } catch (error) {
    output.err(`vipd ${command.word}: ${explain(error as Error, command)}\n`);
    return EXIT.usage;
  }
  const [operand] = operands;
  if (command.operand !== undefined && !isRightCount(command.operand, operands.length)) {
    const { name, what } = command.operand;
    output.err(
      `vipd ${command.word}: ${operands.length === 0 ? `${name} is missing` : "one word is enough"}: ${what}.\n`,
    );
    return EXIT.usage;
  }
  return command.run(
    {
      ...(operand === undefined ? {} : { operand }),
      operands,
      text: (name) => (typeof values[name] === "string" ? values[name] : undefined),
      flag: (name) => values[name] === true,
    },
    output,
  );
}

const isRightCount = ({ isList }: NonNullable<Command["operand"]>, count: number): boolean =>
  isList === true ? count >= 1 : count === 1;

function explain(error: Error, command: Command): string {
  const names = command.options.map(({ name }) => `--${name}`);
  const about = /'(?:-\w, )?([^' ]+)/.exec(error.message)?.[1];
  const option = command.options.find(({ name }) => `--${name}` === about);
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") return unknownOption(about, names);
  if (code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL")
    return names.includes("--config")
      ? `the file is named with an option: vipd ${command.word} --config ${about ?? "FILE"}`
      : `it takes options alone, and no "${about ?? "word"}". Options: ${names.join(", ")}.`;
  if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE" && option?.value !== undefined)
    return `--${option.name} needs what it is to be: --${option.name} ${option.value}`;
  return error.message;
}

function unknownOption(wrong: string | undefined, names: readonly string[]): string {
  // As keepalived has it.
  const isFile = wrong === "-f" || wrong === "--use-file";
  const meant =
    isFile && names.includes("--config")
      ? "--config"
      : wrong?.startsWith("--") === true
        ? didYouMean(wrong, names)
        : undefined;
  return `there is no option ${wrong ?? "like that"}.${meant === undefined ? "" : ` Did you mean ${meant}?`} Options: ${names.join(", ")}.`;
}

function help(word: string | undefined, output: Output): ExitCode {
  const command = commands.find((candidate) => candidate.word === word);
  return say(output, command === undefined ? overview() : commandHelp(command));
}

function say(output: Output, text: string): ExitCode {
  output.out(text);
  return EXIT.ok;
}

function overview(): string {
  const width = Math.max(...commands.map(({ word }) => word.length)) + 2;
  const lines = commands.map(({ word, summary }) => `  ${word.padEnd(width)}${summary}`);
  return `usage: vipd COMMAND [OPTION]...

Keeps virtual IP addresses (VRRP) and load balancing (IPVS) of a pair of routers available.

Commands:
${lines.join("\n")}

  vipd COMMAND --help   the options of a command
  vipd --version

Examples:
  vipd check --config /etc/vipd/vipd.yaml
  vipd status
`;
}

function commandHelp(command: Command): string {
  const left = command.options.map(
    ({ name, short, value }) =>
      `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`,
  );
  const width = Math.max(...left.map((text) => text.length)) + 2;
  const lines = command.options.map(({ summary }, i) => `  ${(left[i] ?? "").padEnd(width)}${summary}`);
  const operand = command.operand === undefined ? "" : ` ${command.operand.name}`;
  return `usage: vipd ${command.word}${operand} [OPTION]...

${command.summary}

Options:
${lines.join("\n")}
`;
}
