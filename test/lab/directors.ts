// Starts the two kinds of director the tests compare: vipd itself, and Debian's keepalived. Each gets pid files and
// a runtime directory of its own, so that any number of them live on one machine.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Milliseconds } from "../../src/core/units.js";
import type { Host } from "./host.js";
import type { Lab } from "./lab.js";
import type { LabProcess } from "./process.js";
import { until } from "./wait.js";

const REPOSITORY = resolve(import.meta.dirname, "../../..");
export const VIPD = join(REPOSITORY, "bin/vipd");

export type VipdOptions = {
  /** The node to be; default: the name of the host. */
  readonly node?: string;
  /** More words for the command line. */
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

export function runtimeDirectory(lab: Lab, host: Host): string {
  return join(lab.directory, `run-${host.name}`);
}

export function startVipd(lab: Lab, host: Host, configPath: string, options: VipdOptions = {}): LabProcess {
  const runtime = runtimeDirectory(lab, host);
  mkdirSync(runtime, { recursive: true });
  const words = [
    "run",
    "--config",
    configPath,
    "--node",
    options.node ?? host.name,
    "--runtime-dir",
    runtime,
  ];
  return host.spawn([process.execPath, VIPD, ...words, ...(options.words ?? [])], { env: options.env ?? {} });
}

/** Runs another command of vipd against the director on this host, to the end. */
export function vipdCommand(lab: Lab, host: Host, ...words: readonly string[]): ReturnType<Host["try"]> {
  return host.try(process.execPath, VIPD, ...words, "--runtime-dir", runtimeDirectory(lab, host));
}

/** Upgrades the director on this host. One that a busy machine was too slow for changes nothing, and is tried again. */
export async function upgradeVipd(lab: Lab, host: Host, limit: Milliseconds): Promise<void> {
  const runtime = runtimeDirectory(lab, host);
  await until("an upgrade", limit, async () => {
    const upgrade = host.spawn([process.execPath, VIPD, "upgrade", "--runtime-dir", runtime]);
    if ((await upgrade.exited(limit)) === 0) return true;
    if (!/everything goes on as before: .* within \d+ s/.test(upgrade.text)) throw new Error(upgrade.text);
    return false;
  });
}

export type KeepalivedOptions = {
  /** Only the VRRP part (-P); default: everything. */
  readonly vrrpOnly?: boolean;
  /** Without the detailed log (-D). */
  readonly terse?: boolean;
  /** Where the file is written, for tests that change it and reload; default: a file of its own. */
  readonly configPath?: string;
};

let started = 0;

/** keepalived in the foreground, its log on its standard error. */
export function startKeepalived(
  lab: Lab,
  host: Host,
  config: string,
  options: KeepalivedOptions = {},
): LabProcess {
  started++;
  const own = (kind: string): string =>
    join(lab.directory, `keepalived-${host.name}-${String(started)}.${kind}`);
  const path = options.configPath ?? own("conf");
  writeFileSync(path, config);
  const pids = ["-p", own("pid"), "-r", own("vrrp.pid"), "-c", own("check.pid")];
  const flags = [...(options.terse === true ? [] : ["-D"]), ...(options.vrrpOnly === true ? ["-P"] : [])];
  return host.spawn(["keepalived", "-n", "-l", ...flags, "-f", path, ...pids]);
}
