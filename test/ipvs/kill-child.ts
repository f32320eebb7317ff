// The checks process with a kernel that is a file: each command that was carried out is a line of it, which a SIGKILL
// leaves whole or not there, as the kernel's table is left. Everything else is real: checks, director, record of what is
// ours. Takes orders as the checks process does. A program of its own.

import { appendFileSync, readFileSync } from "node:fs";
import type { ToChecks } from "../../src/control/ipc.js";
import { seededRandom } from "../../src/core/random.js";
import { ok } from "../../src/core/result.js";
import { meansWith } from "../../src/director/check-means.js";
import { Checks } from "../../src/director/checks.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import type { Command } from "../../src/ipvs/command.js";
import { nodeTimers } from "../../src/linux/node-timers.js";
import { ProcessRunner } from "../../src/linux/process-runner.js";
import type { ApplyResult } from "../../src/ports/data-plane.js";
import { FakePlane } from "./fake-plane.js";
import { noSettings } from "./no-settings.js";

class FilePlane extends FakePlane {
  readonly #path: string;
  constructor(path: string) {
    super();
    this.#path = path;
    for (const line of readFileSync(path, "utf8").split("\n").filter(Boolean))
      super.apply([JSON.parse(line) as Command]);
  }
  override apply(commands: readonly Command[]): readonly ApplyResult[] {
    return commands.flatMap((command) => {
      const results = super.apply([command]);
      if (results[0]?.ok === true) appendFileSync(this.#path, `${JSON.stringify(command)}\n`);
      return results;
    });
  }
}

const [, , path = ""] = process.argv;
const checks = new Checks({
  means: meansWith(new ProcessRunner()),
  timers: nodeTimers,
  random: seededRandom(process.pid),
  limits: { socket: 64, process: 1 },
  wallTime: () => Date.now(),
  isTrackDown: () => false,
  report: () => undefined,
  table: new IpvsDirector({
    openPlane: () => ok(new FilePlane(path)),
    openOwnership: ownershipFile,
    openSettings: noSettings,
    timers: nodeTimers,
    report: () => undefined,
  }),
});

process.on("message", (message: ToChecks) => {
  if (message.kind === "configure") process.send?.({ kind: "configured", error: checks.configure(message) });
});
process.on("disconnect", () => process.exit(0));
process.send?.({ kind: "hello" });
