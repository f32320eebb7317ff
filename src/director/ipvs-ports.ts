// What the keeper of the table needs of the outside world.

import type { VipdEvent } from "../control/event.js";
import type { Result } from "../core/result.js";
import type { DataPlane } from "../ports/data-plane.js";
import type { KernelSettings } from "../ports/kernel-settings.js";
import type { Timers } from "../ports/timers.js";
import type { Ownership } from "./ipvs-ownership.js";

export type IpvsDirectorPorts = {
  /** Called when there is something for it to do, until it succeeds; the error says how to get a data plane. */
  readonly openPlane: () => Result<DataPlane, string>;
  readonly openOwnership: (runtimeDirectory: string) => Ownership;
  readonly openSettings: () => KernelSettings;
  readonly timers: Timers;
  readonly report: (event: VipdEvent) => void;
};
