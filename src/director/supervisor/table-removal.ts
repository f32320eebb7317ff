// Takes our services and sync daemons out of the kernel without a check process: when that has died or hangs at a
// stop that is to remove them. Goes by the record of what is ours (ipvs-ownership.ts), not by the configuration.

import type { VipdEvent } from "../../control/event.js";
import { openIpvs } from "../../linux/ipvs-kernel.js";
import { ipvsSettings } from "../../linux/ipvs-settings.js";
import { nodeTimers } from "../../linux/node-timers.js";
import { ownershipFile } from "../ipvs-ownership.js";
import { removeRecorded } from "../ipvs-removal.js";

/** Gives whether all of it is gone; what stays, and why, is reported. */
export const removeTable = (runtimeDirectory: string, report: (event: VipdEvent) => void): boolean =>
  removeRecorded(
    {
      openPlane: openIpvs,
      openOwnership: ownershipFile,
      openSettings: ipvsSettings,
      timers: nodeTimers,
      report,
    },
    runtimeDirectory,
  );
