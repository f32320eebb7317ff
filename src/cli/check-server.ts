// `vipd check-server`: runs the checks of a server, or of all servers of a service, once and here, as a configuration
// has them. It needs no daemon, and tells none of what it found.

import type { CheckConfig, Config, ServerConfig, ServiceConfig } from "../config/model.js";
import { findTargets, type Target } from "../control/targets.js";
import { serverId } from "../ipvs/model.js";
import { configOption, DEFAULT_CONFIG, EXIT, jsonOption, nodeOption, type Command } from "./command.js";
import { checkedJson, checkedText, type CheckedServer } from "./check-text.js";
import type { OneRun } from "./one-run.js";

/** Servers at a time: a service of hundreds of dead ones must not take minutes. */
const AT_A_TIME = 32;

export const checkServer: Command = {
  word: "check-server",
  summary: "Runs the checks of a server now, as a configuration has them; exit code 1 when it is down.",
  operand: {
    name: "SERVICE[/SERVER]",
    what: "what is meant: a service, SERVICE/SERVER, or a server's address",
  },
  options: [
    configOption,
    nodeOption,
    { name: "trace", summary: "what was sent and received, too; secrets are hidden" },
    jsonOption,
  ],
  async run(options, output) {
    const path = options.text("config") ?? DEFAULT_CONFIG;
    const { failed, readConfig, report } = await import("../director/supervisor/config-reader.js");
    const reading = await readConfig(path, options.text("node"));
    const [config] = reading.configs;
    if (failed(reading) || config === undefined) {
      output.err(report(reading));
      return EXIT.failed;
    }
    const targets = targetsOf(options.operand ?? "", config);
    if (!targets.ok) {
      output.err(`vipd check-server: ${targets.error}\n`);
      return EXIT.usage;
    }
    const found = servers(config, targets.value);
    const look = await looker(config, options.flag("trace"));
    const json = options.flag("json");
    if (!json) output.out(`${path}, as node ${config.node}:\n`);
    const checked: CheckedServer[] = [];
    for await (const server of inOrder(found, look)) {
      checked.push(server);
      if (!json) output.out(checkedText(server));
    }
    if (json) output.out(`${checkedJson(path, config.node, checked)}\n`);
    return checked.every(({ up }) => up) ? EXIT.ok : EXIT.failed;
  },
};

export const targetsOf = (text: string, { services }: Config): ReturnType<typeof findTargets> =>
  findTargets(
    text,
    services.map(({ name, servers }) => ({
      name,
      servers: servers.map(({ server }) => ({ id: serverId(server), address: server.address })),
    })),
    [],
  );

export type Found = { readonly service: ServiceConfig; readonly server: ServerConfig };

export function servers({ services }: Config, targets: readonly Target[]): Found[] {
  const wanted = new Set(targets.map(({ service, server }) => `${service}/${server}`));
  return services.flatMap((service) =>
    service.servers
      .filter(({ server }) => wanted.has(`${service.name}/${serverId(server)}`))
      .map((server) => ({ service, server })),
  );
}

type Look = (found: Found) => Promise<CheckedServer>;

async function looker({ scripts }: Config, wantsTrace: boolean): Promise<Look> {
  const { runOnce } = await import("./one-run.js");
  const { meansWith } = await import("../director/check-means.js");
  const { ProcessRunner } = await import("../linux/process-runner.js");
  const { findChecker } = await import("../checkers/registry.js");
  const { Trace } = await import("../checkers/trace.js");
  const { targetOf } = await import("../director/check-target.js");
  const means = meansWith(new ProcessRunner(scripts));
  const one = async (found: Found, { type, options, timing }: CheckConfig): Promise<OneRun> => {
    const checker = findChecker(type);
    if (checker === undefined) throw new Error(`there is no checker "${type}"`);
    const target = targetOf(found.service, found.server);
    return runOnce(
      (context) => checker.check({ ...context, target, options: options as never }),
      timing.timeout,
      means,
      wantsTrace ? new Trace() : undefined,
    );
  };
  return async (found) => {
    const checks: CheckedServer["checks"][number][] = [];
    for (const check of found.server.checks) checks.push({ check, ...(await one(found, check)) });
    return {
      service: found.service.name,
      server: serverId(found.server.server),
      up: checks.every(({ result }) => result.ok),
      checks,
    };
  };
}

/** Each as soon as it and all before it are done. */
async function* inOrder(found: readonly Found[], look: Look): AsyncGenerator<CheckedServer> {
  const begun: Promise<CheckedServer>[] = [];
  for (let i = 0; i < found.length; i++) {
    for (
      let next = found[begun.length];
      next !== undefined && begun.length < i + AT_A_TIME;
      next = found[begun.length]
    )
      begun.push(look(next));
    const done = begun[i];
    if (done !== undefined) yield await done;
  }
}
