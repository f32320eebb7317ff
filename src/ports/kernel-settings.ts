// Settings of the kernel that go with IPVS, by their names (ipvs/settings.ts), and others that are only looked at.

import type { SettingName } from "../ipvs/settings.js";

export type KernelSettings = {
  /** Without white space at the ends; a list's values with one space between. Undefined: there is none here. */
  read(name: SettingName): string | undefined;
  /** Gives why not, for people. */
  write(name: SettingName, value: string): string | undefined;
  /** What the kernel sets with this one, to the same value: `forwarding` of each interface with that of the host. */
  followers(name: SettingName): readonly SettingName[];
  /** Of any sysctl, "net.ipv4.ip_forward". */
  sysctl(name: string): string | undefined;
  /** Makes sure that a kernel module is there. Gives why not, and the remedy. */
  needModule(name: string): string | undefined;
};
