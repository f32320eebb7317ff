// A director of a data plane over a kernel, a clock and a runtime directory that the test has in its hand.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { CheckConfig, ServiceConfig } from "../../src/config/model.js";
import type { VipdEvent } from "../../src/control/event.js";
import { ok } from "../../src/core/result.js";
import { seconds } from "../../src/core/units.js";
import { IpvsDirector } from "../../src/director/ipvs-director.js";
import { ownershipFile } from "../../src/director/ipvs-ownership.js";
import type { IpvsDirectorPorts } from "../../src/director/ipvs-ports.js";
import type { SyncConfig } from "../../src/ipvs/model.js";
import { FakePlane } from "./fake-plane.js";
import { ManualTimers } from "./manual-timers.js";
import { noSettings } from "./no-settings.js";

/** Every five seconds, down after three failures. */
export const CHECK: CheckConfig = {
  type: "tcp",
  options: {},
  timing: { every: seconds(5), timeout: seconds(3), rise: 1, fall: 3 },
};

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

export type Predecessor = { readonly plane: FakePlane; readonly directory: string };

/** One director; `predecessor` shares its kernel and runtime directory. */
export function directorWorld(predecessor?: Predecessor) {
  const plane = predecessor?.plane ?? new FakePlane();
  const directory = predecessor?.directory ?? mkdtempSync(join(tmpdir(), "vipd-ipvs-"));
  if (predecessor === undefined) directories.push(directory);
  const timers = new ManualTimers();
  const events: VipdEvent[] = [];
  const ports: IpvsDirectorPorts = {
    openPlane: () => ok(plane),
    openSettings: noSettings,
    openOwnership: ownershipFile,
    timers,
    report: (event) => events.push(event),
  };
  const director = new IpvsDirector(ports);
  const configure = (services: readonly ServiceConfig[], sync: SyncConfig | null = null): string | null =>
    director.configure({
      runtimeDirectory: directory,
      ipvs: { reconcileEvery: seconds(10), onStop: "remove" },
      sync,
      masters: {},
      services,
    });
  /** The events since the last look. */
  const told = (): VipdEvent[] => events.splice(0);
  return { plane, directory, timers, ports, director, configure, told };
}
