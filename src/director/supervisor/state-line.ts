// One short line on how the daemon is, for `systemctl status`.

import type { VipdEvent } from "../../control/event.js";

export class StateLine {
  private readonly instances = new Map<string, string>();
  private readonly down = new Map<string, Set<string>>();

  /** True when the line may have changed. */
  observe(event: VipdEvent): boolean {
    if (event.kind === "vrrp-transition") {
      if (event.reason.kind === "deleted") this.instances.delete(event.instance);
      else this.instances.set(event.instance, event.to);
      return true;
    }
    if (event.kind === "server-changed") {
      const servers = this.down.get(event.service) ?? new Set<string>();
      if (event.up) servers.delete(event.server);
      else servers.add(event.server);
      this.down.set(event.service, servers);
      return true;
    }
    return false;
  }

  text(): string {
    const states = ["master", "backup", "fault"].flatMap((state) => {
      const names = [...this.instances].filter(([, is]) => is === state).map(([name]) => name);
      if (names.length === 0) return [];
      return [`${state} of ${names.length > 5 ? `${names.length} instances` : names.join(", ")}`];
    });
    const down = [...this.down.values()].reduce((sum, servers) => sum + servers.size, 0);
    if (down > 0) states.push(`${down} real server${down === 1 ? "" : "s"} down`);
    return states.length === 0 ? "running" : states.join("; ");
  }
}
