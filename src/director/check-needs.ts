// Whether something that a check needs is down just now: another check of its server, a track, a service, or a server
// of another service. Then it is not run, and what it would find out says nothing.

import type { ServerId } from "../ipvs/model.js";
import type { CheckRecord } from "./check-record.js";
import type { ServerRecord, ServiceRecord } from "./server-record.js";

export type NeedsView = {
  readonly service: (name: string) => ServiceRecord | undefined;
  readonly isTrackDown: (id: string) => boolean;
};

/** Gives what is missing, for people. */
export function missingNeed(
  view: NeedsView,
  server: ServerRecord,
  { config: { needs = [] } }: CheckRecord,
): string | undefined {
  for (const need of needs)
    switch (need.kind) {
      case "check": {
        const other = server.checks[need.check];
        if (other === undefined) break;
        if (other.state === "down") return `${other.config.type} is down`;
        if (missingNeed(view, server, other) !== undefined) return `${other.config.type} waits`;
        break;
      }
      case "track":
        if (view.isTrackDown(need.id)) return `track ${need.name} is down`;
        break;
      case "service":
        if (view.service(need.service)?.alive === 0)
          return `service ${need.service} has no server that is up`;
        break;
      case "server":
        if (serverOf(view, need)?.up === false) return `${need.server} of service ${need.service} is down`;
        break;
    }
  return undefined;
}

const serverOf = (
  view: NeedsView,
  { service, server }: { readonly service: string; readonly server: ServerId },
): ServerRecord | undefined => view.service(service)?.servers.get(server);
