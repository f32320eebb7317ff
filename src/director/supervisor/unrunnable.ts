// What a configuration would run, and cannot on this machine: programs that are missing, not executable, or not safe
// to run as root. It is right otherwise, so that this is a warning: the program may come later.

import type { Checker } from "../../checkers/checker.js";
import { findChecker } from "../../checkers/registry.js";
import type { CheckOfServer } from "../../config/check-place.js";
import type { Path } from "../../config/diagnostic.js";
import type { Config, NotifyPrograms, ServicePrograms } from "../../config/model.js";
import { serverId } from "../../ipvs/model.js";
import { ProcessRunner } from "../../linux/process-runner.js";
import { readSecretFile } from "../../linux/secret-file.js";

/** What of a configuration may run programs. */
export type Probed = Pick<Config, "services" | "tracks" | "notify" | "scripts">;

type Unrunnable = {
  /** "the check of http", for people. */
  readonly what: string;
  readonly at: CheckOfServer | Path;
  readonly why: string;
};

/** A line for each, however many servers have the same check. */
export const unrunnable = (config: Probed): string[] =>
  findUnrunnable(config).map(({ what, why }) => `${what} cannot run: ${why}`);

export function findUnrunnable({ services, tracks, notify, scripts }: Probed): Unrunnable[] {
  const runner = new ProcessRunner(scripts);
  const seen = new Set<string>();
  const found: Unrunnable[] = [];
  for (const { name, servers } of services)
    for (const [server, { checks }] of servers.entries())
      for (const [check, { type, options }] of checks.entries()) {
        const problem = problemOf(type, options);
        if (problem === undefined) continue;
        const key = `${name} ${JSON.stringify(options)}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const why = problem({ options: options as never, runner, readSecret: readSecretFile });
        const what = `the check of ${name}`;
        if (why !== undefined) found.push({ what, at: { service: name, server, check, type }, why });
      }
  for (const { name, look } of tracks) {
    const why = findChecker(look.type)?.problem?.({
      options: look.options as never,
      runner,
      readSecret: readSecretFile,
    });
    if (why !== undefined) found.push({ what: "the track", at: ["tracks", name, look.type], why });
  }
  for (const { argv, user, at } of [...notified(notify), ...notifiedOfServices(notify, services)]) {
    const probe = runner.probe({ argv, ...(user === undefined ? {} : { user }) });
    if (!probe.ok) found.push({ what: "the program", at, why: probe.error });
  }
  return found;
}

type Notified = {
  readonly argv: readonly [string, ...string[]];
  readonly user?: string | undefined;
  readonly at: Path;
};

function notified({ all, instances, groups, fifo }: Config["notify"]): Notified[] {
  const at = (path: Path, { when, user }: NotifyPrograms): Notified[] =>
    Object.entries(when).map(([state, argv]) => ({ argv, user, at: [...path, state] }));
  return [
    ...(all === undefined ? [] : at(["notify"], all)),
    ...Object.entries(instances).flatMap(([name, programs]) => at(["vrrp", name, "notify"], programs)),
    ...Object.entries(groups).flatMap(([name, programs]) => at(["groups", name, "notify"], programs)),
    ...(fifo?.reader === undefined ? [] : [{ ...fifo.reader, at: ["notify", "fifo-reader"] }]),
  ];
}

function notifiedOfServices({ services }: Config["notify"], configured: Config["services"]): Notified[] {
  const at = (path: Path, { when, user }: ServicePrograms): Notified[] =>
    Object.entries(when).map(([what, argv]) => ({ argv, user, at: [...path, "notify", what] }));
  const found = services?.all === undefined ? [] : at(["defaults", "service"], services.all);
  for (const [name, own] of Object.entries(services?.own ?? {})) {
    found.push(...at(["services", name], own));
    if (Object.keys(own.servers).length === 0) continue;
    const servers = configured.find((service) => service.name === name)?.servers ?? [];
    for (const [i, { server }] of servers.entries()) {
      const programs = own.servers[serverId(server)];
      if (programs !== undefined) found.push(...at(["services", name, "servers", i], programs));
    }
  }
  return found;
}

const problemOf = (type: string, options: unknown): Checker["problem"] => {
  const checker = findChecker(type);
  return checker?.mayHaveProblem?.(options as never) === false ? undefined : checker?.problem;
};

/** Whether that is a question at all. */
export const hasProbes = ({ services, tracks, notify }: Probed): boolean =>
  notified(notify).length > 0 ||
  notify.services !== undefined ||
  tracks.some(({ look }) => findChecker(look.type)?.problem !== undefined) ||
  services.some(({ servers }) =>
    servers.some(({ checks }) => checks.some(({ type, options }) => problemOf(type, options) !== undefined)),
  );
