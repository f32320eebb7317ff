// The one list of commands: parsing, help and the messages about wrong words come from it.

import { check } from "./check.js";
import { checkScript } from "./check-script.js";
import { checkServer } from "./check-server.js";
import type { Command } from "./command.js";
import { events, reload, status, stop, upgrade } from "./client-commands.js";
import { ipvs } from "./ipvs.js";
import { disable, drain, enable, undrain } from "./order-commands.js";
import { plan } from "./plan.js";
import { release } from "./release.js";
import { run } from "./run.js";

export const commands: readonly Command[] = [
  run,
  check,
  checkServer,
  checkScript,
  plan,
  status,
  events,
  ipvs,
  drain,
  undrain,
  disable,
  enable,
  reload,
  upgrade,
  stop,
  release,
];
