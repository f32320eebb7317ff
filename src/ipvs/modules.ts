// The kernel modules that commands need: each scheduler is one, and so is persistence by Call-ID. The kernel loads them
// itself when a service is the first to name them.

import type { Command } from "./command.js";

export const IPVS_MODULE = "ip_vs";

export const moduleOfScheduler = (scheduler: string): string => `${IPVS_MODULE}_${scheduler}`;
export const moduleOfEngine = (engine: string): string => `${IPVS_MODULE}_pe_${engine}`;

/** Each once, IPVS itself first. */
export function modulesOf(commands: readonly Command[]): readonly string[] {
  const modules = new Set<string>();
  for (const command of commands) {
    modules.add(IPVS_MODULE);
    if (command.kind !== "add-service" && command.kind !== "edit-service") continue;
    const { scheduler, engine } = command.service;
    modules.add(moduleOfScheduler(scheduler));
    if (engine !== undefined) modules.add(moduleOfEngine(engine));
  }
  return [...modules];
}
