// What a command of the command line is. The table of all of them stands in commands.ts.

/** Documented in vipd(8). */
export const EXIT = {
  ok: 0,
  /** What was asked for failed: an invalid configuration, a daemon that could not start. */
  failed: 1,
  /** The command line was not understood. */
  usage: 2,
  /** No daemon answers on the control socket. */
  notRunning: 3,
  /** `plan`: there is something to change. */
  changes: 4,
  /** A daemon is there, but does not answer, or hung up before it did. */
  noAnswer: 5,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export type Option = {
  readonly name: string;
  /** A letter that stands for it. */
  readonly short?: string;
  /** A word for the value in the help; absent: the option takes none. */
  readonly value?: string;
  readonly summary: string;
};
export type Output = { readonly out: (text: string) => unknown; readonly err: (text: string) => unknown };
export type Options = {
  readonly text: (name: string) => string | undefined;
  readonly flag: (name: string) => boolean;
  /** The word beside the options, of a command that takes one. */
  readonly operand?: string;
  /** All of them, of a command that takes a list. */
  readonly operands: readonly string[];
};

export type Command = {
  readonly word: string;
  readonly summary: string;
  readonly options: readonly Option[];
  /** The one word that it needs beside its options, or the first of a list. */
  readonly operand?: { readonly name: string; readonly what: string; readonly isList?: true };
  run(options: Options, output: Output): Promise<ExitCode>;
};

export const runtimeDirectoryOption: Option = {
  name: "runtime-dir",
  value: "DIR",
  summary: "where the control socket lies (/run/vipd)",
};
export const stateDirectoryOption: Option = {
  name: "state-dir",
  value: "DIR",
  summary: "what outlives a reboot (/var/lib/vipd; with --runtime-dir, that directory)",
};
export const configOption: Option = {
  name: "config",
  value: "FILE",
  summary: "configuration (/etc/vipd/vipd.yaml)",
};
export const nodeOption: Option = {
  name: "node",
  value: "NAME",
  summary: "who we are in `nodes` (the host name)",
};
export const jsonOption: Option = { name: "json", summary: "machine-readable output" };

export const DEFAULT_CONFIG = "/etc/vipd/vipd.yaml";
