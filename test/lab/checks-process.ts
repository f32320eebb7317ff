// A checks process without the daemon around it: starts one on a host of the lab, and says what it is ordered and what the
// pages are that its checks look at. Refuses to know what becomes of it.

import { spawn, type ChildProcess } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CheckConfig, ServiceConfig } from "../../src/config/model.js";
import type { ToChecks } from "../../src/control/ipc.js";
import { seconds, type Milliseconds } from "../../src/core/units.js";
import { flagsOf } from "../../src/director/supervisor/programs.js";
import type { Host } from "./host.js";

const build = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const timeOf = (path: string): number => statSync(build(path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** As the daemon starts it, which is sooner: bundled, where the bundle is of what is compiled (bin/vipd). */
export const isBundled =
  timeOf("bundle/main.cjs") > Math.max(timeOf("pure.tsbuildinfo"), timeOf("shell.tsbuildinfo"));
const WORDS = isBundled
  ? [...flagsOf.checks, build("bundle/start.cjs"), "checks.cjs"]
  : [build("src/director/checks-process.js")];

/** Serves at each of its arguments the file of that name. */
const WEB = `const http = require("http"), fs = require("fs");
let left = process.argv.length - 1;
for (const address of process.argv.slice(1))
  http.createServer((_, response) => response.end(fs.readFileSync(address)))
    .listen(80, address, () => --left === 0 && console.log("serving"));`;

export function spawnChecks(host: Host): ChildProcess {
  return spawn("ip", ["netns", "exec", host.namespace, process.execPath, ...WORDS], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

/** These services alone, and nothing else that could be configured. */
export const checksOrder = (
  runtimeDirectory: string,
  services: readonly ServiceConfig[],
  reconcileEvery: Milliseconds = seconds(60),
): ToChecks => ({
  ...{ kind: "configure", runtimeDirectory, services },
  ...{ scripts: { security: true }, tracks: [], knownTracks: {}, masters: {}, sync: null },
  ipvs: { reconcileEvery, onStop: "remove" },
});

/** Succeeds while the page of a server has these words in it. */
export const pageCheck = (words: string, timing: CheckConfig["timing"]): CheckConfig => ({
  type: "http",
  options: {
    ...{ method: "GET", path: "/", version: "1.1", "max-body": 1000 },
    ...{ status: [{ from: 200, to: 200 }], body: { kind: "contains", text: words } },
  },
  timing,
});

/** One server at port 80 of each address; its page is the file in `directory` that is called like it. */
export async function servePageFiles(
  host: Host,
  directory: string,
  addresses: readonly string[],
  patience: Milliseconds,
): Promise<void> {
  const web = host.spawn([process.execPath, "-e", WEB, ...addresses], { cwd: directory });
  await web.waitFor(/serving/, patience);
}
