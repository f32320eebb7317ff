// From a path to a configuration: reads the file, knows the checkers, and looks whether what the checks would
// run is there. Loaded by commands and by the process that reads for the daemon, never by the daemon itself.

import { hostname } from "node:os";
import { findChecker, checkerSpecs } from "../../checkers/registry.js";
import { checkLocator, type CheckOfServer } from "../../config/check-place.js";
import { hasErrors, placer, renderDiagnostics, type Diagnostic } from "../../config/diagnostic.js";
import { checkConfig, loadConfig } from "../../config/load.js";
import type { Config } from "../../config/model.js";
import { pathText } from "../../config/problems.js";
import type { Identity } from "../../config/resolve.js";
import type { ReadSecret } from "../../config/resolve-adverts.js";
import * as values from "../../config/values.js";
import { readConfigFile } from "../../linux/config-file.js";
import { ProcessRunner } from "../../linux/process-runner.js";
import { readSecretFile } from "../../linux/secret-file.js";

export type Reading = {
  readonly path: string;
  /** Empty when the file could not be read. */
  readonly text: string;
  /** What was read; more than one only when it was read for every node. Empty when there is an error. */
  readonly configs: readonly Config[];
  readonly diagnostics: readonly Diagnostic[];
  /** What is right in the file but would not work on this machine. */
  readonly warnings: readonly Diagnostic[];
  /** See `Loaded`. */
  readonly starts?: readonly number[];
  /** It depends on more files than its own: keys. */
  readonly readsMore?: boolean;
};

/** As one director reads it: the one called `node`, or like this machine. */
export function readConfig(path: string, node: string | undefined): Reading {
  const file = readConfigFile(path);
  return file.ok ? readConfigText(path, file.value, node) : unreadable(path, file.error);
}

/** The same, of a file that somebody has read. */
export function readConfigText(path: string, text: string, node: string | undefined): Reading {
  const identity: Identity =
    node === undefined ? { kind: "hostname", name: hostname() } : { kind: "node", name: node };
  const files: string[] = [];
  const readSecret: ReadSecret = (file) => {
    files.push(file);
    return readSecretFile(file);
  };
  const { config, ...rest } = loadConfig({
    path,
    text,
    checkers: checkerSpecs(values),
    identity,
    readSecret,
  });
  return {
    path,
    text,
    configs: config === undefined ? [] : [config],
    warnings: config === undefined ? [] : placed(path, text, config),
    readsMore: files.length > 0,
    ...rest,
  };
}

/** As every director of the file reads it. */
export function readConfigForAll(path: string): Reading {
  const file = readConfigFile(path);
  if (!file.ok) return unreadable(path, file.error);
  const read = checkConfig({
    path,
    text: file.value,
    checkers: checkerSpecs(values),
    readSecret: readSecretFile,
  });
  const [config] = read.configs;
  return {
    path,
    text: file.value,
    ...read,
    warnings: config === undefined ? [] : placed(path, file.value, config),
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

/** What of a configuration may run programs. */
type Probed = Pick<Config, "services" | "scripts">;

/** Checks that cannot succeed here, a missing script for example; each once, however many servers have it. */
export const unrunnable = (config: Probed): string[] =>
  findUnrunnable(config).map(({ at, why }) => `service ${at.service}: ${at.type} check cannot run: ${why}`);

/** The same, each at its place in the file. */
function placed(path: string, text: string, config: Probed): Diagnostic[] {
  const found = findUnrunnable(config);
  if (found.length === 0) return [];
  const [locate, at] = [checkLocator(text), placer(path, text)];
  return found.map(({ at: check, why }) => {
    const { path: keys, span } = locate(check);
    const message = `${pathText(keys)}: the check of ${check.service} cannot run: ${why}`;
    return at(span, { severity: "warning", code: "check-cannot-run", message });
  });
}

function findUnrunnable({
  services,
  scripts,
}: Probed): { readonly at: CheckOfServer; readonly why: string }[] {
  const runner = new ProcessRunner(scripts);
  const seen = new Set<string>();
  const found: { readonly at: CheckOfServer; readonly why: string }[] = [];
  for (const { name, servers } of services)
    for (const [server, { checks }] of servers.entries())
      for (const [check, { type, options }] of checks.entries()) {
        const problem = findChecker(type)?.problem;
        if (problem === undefined) continue;
        const key = `${name} ${JSON.stringify(options)}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const why = problem({ options: options as never, runner });
        if (why !== undefined) found.push({ at: { service: name, server, check, type }, why });
      }
  return found;
}

/** Whether that is a question at all. */
export const hasProbes = ({ services }: Probed): boolean =>
  services.some(({ servers }) =>
    servers.some(({ checks }) => checks.some(({ type }) => findChecker(type)?.problem !== undefined)),
  );
