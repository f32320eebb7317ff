// The kernel's IPVS table with all its figures, for a listing, and its table of connections. Only reads; the data
// plane of the daemon is ipvs-kernel.ts.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { readConnection, type Connection } from "../ipvs/connections.js";
import {
  infoRequest,
  readCountedServer,
  readCountedService,
  readInfo,
  type ListingSource,
} from "../ipvs/listing.js";
import { readDaemon } from "../ipvs/answers.js";
import { daemonsRequest, serversRequest, servicesRequest } from "../ipvs/messages.js";
import { readTimeouts, timeoutsRequest } from "../ipvs/timeouts.js";
import { ok, type Result } from "../core/result.js";
import { openFamily } from "./ipvs-family.js";

export function openListing(): Result<ListingSource, string> {
  const opened = openFamily();
  if (!opened.ok) return opened;
  const { socket, family } = opened.value;
  return ok({
    info: () => known(socket.query("ask IPVS for its version", infoRequest(family), readInfo)),
    timeouts: () => known(socket.query("ask IPVS for its timeouts", timeoutsRequest(family), readTimeouts)),
    entries: () =>
      socket.dump("list IPVS services", servicesRequest(family), readCountedService).map((entry) => ({
        ...entry,
        servers: socket.dump("list IPVS servers", serversRequest(family, entry.service.key), (message) =>
          readCountedServer(message, entry.service),
        ),
      })),
    daemons: () => socket.dump("list sync daemons", daemonsRequest(family), readDaemon),
    close: () => socket.close(),
  });
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the kernel's answer cannot be read");
  return value;
}

/** Line by line: a director can have millions. */
export async function* connections(): AsyncGenerator<Connection> {
  const lines = createInterface({
    input: createReadStream("/proc/self/net/ip_vs_conn"),
    crlfDelay: Infinity,
  });
  for await (const line of lines) {
    const connection = readConnection(line);
    if (connection !== undefined) yield connection;
  }
}
