// Which part of IPVS the kernel lacks when it refuses a service with ENOENT: it says the same of a scheduler and of a
// persistence engine. It has tried to load both by then, the scheduler first.

import type { ListedService } from "../ipvs/model.js";
import { moduleOfEngine, moduleOfScheduler } from "../ipvs/modules.js";
import { hasModule } from "./kernel-modules.js";

export function missingPart({ scheduler, engine }: Pick<ListedService, "scheduler" | "engine">): string {
  const module = moduleOfScheduler(scheduler);
  return engine !== undefined && hasModule(module)
    ? `the kernel has no persistence engine ${engine}: modprobe ${moduleOfEngine(engine)}`
    : `the kernel has no scheduler ${scheduler}: modprobe ${module}`;
}
