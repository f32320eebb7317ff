// What does not go together with `one-packet`: without an entry for a connection nothing translates the replies of NAT,
// and whatever counts connections counts none. The kernel takes all of it, and does something else than is meant.

import { SERVICE_FLAG, type RealServer, type VirtualService } from "../ipvs/model.js";
import type { Path } from "./diagnostic.js";
import type { Report } from "./report.js";

/** They choose by connections: with none anywhere, the same server always. */
const COUNTING: ReadonlySet<string> = new Set(["lc", "wlc", "sed", "nq", "lblc", "lblcr", "ovf"]);

/** `servers`: with sorry servers. */
export function checkOnePacket(
  { key, flags = 0, scheduler, engine }: VirtualService,
  servers: readonly RealServer[],
  path: Path,
  report: Report,
): void {
  // That TCP has no single packets is an error of its own.
  if ((flags & SERVICE_FLAG.onePacket) === 0 || (key.kind === "address" && key.protocol !== "udp")) return;
  const at: Path = [...path, "one-packet"];
  // Persistence by Call-ID makes connections for what real servers send.
  if (engine === undefined && servers.some(({ forwarding }) => forwarding === "nat"))
    report.warning(
      at,
      "one-packet-nat",
      "`nat` does not go with single packets: without a connection nothing translates the replies, which reach the client " +
        "with the real server's address",
      "Use `forwarding: direct-routing` or `tunnel`, or leave out `one-packet`.",
    );
  if (COUNTING.has(scheduler))
    report.warning(
      at,
      "one-packet-scheduler",
      `${scheduler} chooses by the number of connections, and single packets make none: the same server would get all of them`,
      "Use `scheduler: wrr`, `sh` or `mh`.",
    );
  if (servers.some(({ upper }) => upper !== undefined))
    report.warning(
      at,
      "one-packet-thresholds",
      "`upper-threshold` counts connections, and single packets make none: it is never reached",
      "Leave out the thresholds, or `one-packet`.",
    );
}
