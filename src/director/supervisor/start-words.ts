// The words of `vipd run` as they are read before the command line is loaded (cli/command-line.ts), by those who begin a
// start's work early. What is not plain is not read here: it is told of there, and nothing is begun for it.

import { resolve } from "node:path";
import { LOG_LEVELS } from "../../config/model.js";

export type StartWords = {
  readonly config: string;
  readonly runtimeDirectory: string;
  /** As it was named. */
  readonly stateDirectory?: string;
  readonly node?: string;
};

const OPTIONS = new Set(["config", "node", "runtime-dir", "state-dir", "log-level"]);

/** Undefined: there may be something wrong with them. */
export function readStartWords(
  [command, ...words]: readonly string[],
  defaults: { readonly config: string; readonly runtimeDirectory: string },
): StartWords | undefined {
  if (command !== "run") return undefined;
  const values = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const [, name = "", joined] = /^--([a-z-]+)(?:=(.*))?$/s.exec(words[i] as string) ?? [];
    const value = joined ?? words[++i];
    if (!OPTIONS.has(name) || values.has(name) || value === undefined || value === "") return undefined;
    if (value.startsWith("-")) return undefined;
    values.set(name, value);
  }
  const level = values.get("log-level");
  if (level !== undefined && !(LOG_LEVELS as readonly string[]).includes(level)) return undefined;
  const [node, stateDirectory] = [values.get("node"), values.get("state-dir")];
  return {
    config: resolve(values.get("config") ?? defaults.config),
    runtimeDirectory: resolve(values.get("runtime-dir") ?? defaults.runtimeDirectory),
    ...(stateDirectory === undefined ? {} : { stateDirectory }),
    ...(node === undefined ? {} : { node }),
  };
}
