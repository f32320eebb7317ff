// A kernel with none of the settings that go with IPVS, for tests that are about something else.

import type { KernelSettings } from "../../src/ports/kernel-settings.js";

export const noSettings = (): KernelSettings => ({
  read: () => undefined,
  followers: () => [],
  write: () => "there is none",
  sysctl: () => undefined,
  needModule: () => undefined,
});
