// One short line on how the daemon is, for `systemctl status`.

import type { VipdEvent } from "../../control/event.js";
import type { ServiceStatus } from "../../control/ipc.js";

export class StateLine {
  private readonly instances = new Map<string, string>();
  private readonly down = new Map<string, Set<string>>();
  /** Of all services: there may be thousands of both. */
  private downInAll = 0;

  /** True when the line may have changed. */
  observe(event: VipdEvent): boolean {
    if (event.kind === "vrrp-transition") {
      if (event.reason.kind === "deleted") this.instances.delete(event.instance);
      else this.instances.set(event.instance, event.to);
      return true;
    }
    if (event.kind === "vrrp-taken-over") {
      this.instances.set(event.instance, event.state);
      return true;
    }
    if (event.kind === "server-changed") {
      const servers = this.down.get(event.service) ?? new Set<string>();
      this.downInAll -= servers.size;
      if (event.up) servers.delete(event.server);
      else servers.add(event.server);
      this.downInAll += servers.size;
      this.down.set(event.service, servers);
      return true;
    }
    return false;
  }

  /** Whether it counts servers that may not be there any more after a reload. */
  get hasDown(): boolean {
    return this.downInAll > 0;
  }

  /** Forgets the services and servers that are not among `services`. */
  keep(services: readonly ServiceStatus[]): void {
    const present = new Map(
      services.map(({ name, servers }) => [name, new Set(servers.map(({ server }) => server))]),
    );
    for (const [service, servers] of this.down)
      for (const server of servers)
        if (present.get(service)?.has(server) !== true && servers.delete(server)) this.downInAll--;
  }

  text(): string {
    const states = ["master", "backup", "fault"].flatMap((state) => {
      const names = [...this.instances].filter(([, is]) => is === state).map(([name]) => name);
      if (names.length === 0) return [];
      return [`${state} of ${names.length > 5 ? `${names.length} instances` : names.join(", ")}`];
    });
    const down = this.downInAll;
    if (down > 0) states.push(`${down} real server${down === 1 ? "" : "s"} down`);
    return states.length === 0 ? "running" : states.join("; ");
  }
}
