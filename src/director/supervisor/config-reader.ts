// From a path to a configuration: reads the file, knows the checkers, and looks whether what the checks would
// run is there. Loaded by commands and by the process that reads for the daemon, never by the daemon itself.

import { checkerSpecs } from "../../checkers/registry.js";
import { hasErrors, renderDiagnostics, type Diagnostic } from "../../config/diagnostic.js";
import { checkConfig, loadConfig } from "../../config/load.js";
import type { ReadSecret } from "../../config/resolve-adverts.js";
import * as values from "../../config/values.js";
import { readConfigFile } from "../../linux/config-file.js";
import { readSecretFile } from "../../linux/secret-file.js";
import { placedUnrunnable } from "./placed-unrunnable.js";
import { identityOf } from "./quick-reading.js";
import type { Reading } from "./reading.js";
import { schedulesFor } from "./schedules.js";

/** As one director reads it: the one called `node`, or like this machine. */
export async function readConfig(path: string, node: string | undefined): Promise<Reading> {
  const file = readConfigFile(path);
  return file.ok ? readConfigText(path, file.value, node) : unreadable(path, file.error);
}

/** The same, of a file that somebody has read. */
export async function readConfigText(path: string, text: string, node: string | undefined): Promise<Reading> {
  const files: string[] = [];
  const readSecret: ReadSecret = (file) => {
    files.push(file);
    return readSecretFile(file);
  };
  const { config, ...rest } = loadConfig({
    path,
    text,
    checkers: checkerSpecs(values),
    identity: identityOf(node),
    readSecret,
    readSchedule: await schedulesFor(text),
  });
  return {
    path,
    text,
    configs: config === undefined ? [] : [config],
    warnings: config === undefined ? [] : placedUnrunnable(path, text, config),
    readsMore: files.length > 0,
    ...rest,
  };
}

/** As every director of the file reads it. */
export async function readConfigForAll(path: string): Promise<Reading> {
  const file = readConfigFile(path);
  if (!file.ok) return unreadable(path, file.error);
  const read = checkConfig({
    path,
    text: file.value,
    checkers: checkerSpecs(values),
    readSecret: readSecretFile,
    readSchedule: await schedulesFor(file.value),
  });
  const [config] = read.configs;
  return {
    path,
    text: file.value,
    ...read,
    warnings: config === undefined ? [] : placedUnrunnable(path, file.value, config),
  };
}

const unreadable = (path: string, problem: Diagnostic): Reading => ({
  path,
  text: "",
  configs: [],
  diagnostics: [problem],
  warnings: [],
});

export const failed = (reading: Reading): boolean => hasErrors(reading.diagnostics);

/** For people, with the lines of the file. */
export const report = (reading: Reading): string => renderDiagnostics(reading.diagnostics, reading.text);
