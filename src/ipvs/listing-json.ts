// A listing as plain values for programs (`vipd ipvs --json`). Names carry their units; a counter beyond 2^53 is
// rounded, as every reader of JSON would do.

import { formatEndpoint } from "../core/address.js";
import { toSeconds } from "../core/units.js";
import type { Connection, Endpoint } from "./connections.js";
import type { CountedServer, ListingEntry } from "./listing.js";
import { SERVICE_FLAG, serverId, serviceId, type SyncDaemon } from "./model.js";
import { schedulerFlags } from "./naming.js";
import type { Statistics } from "./statistics.js";

export function entryJson({ service, statistics, servers }: ListingEntry): unknown {
  const { key, scheduler, persistence, flags = 0, engine = null } = service;
  return {
    service: serviceId(key),
    scheduler,
    flags: schedulerFlags(service),
    one_packet: (flags & SERVICE_FLAG.onePacket) !== 0,
    persistence:
      persistence === undefined
        ? null
        : {
            timeout_s: toSeconds(persistence.timeout),
            prefix_length: persistence.prefixLength,
            ...(persistence.mask === undefined ? {} : { mask: persistence.mask }),
          },
    persistence_engine: engine,
    ...statisticsJson(statistics),
    servers: servers.map(serverJson),
  };
}

function serverJson({ server, tunnel, persistent, statistics }: CountedServer): unknown {
  const { forwarding, weight, upper = 0, lower = 0, active = 0, inactive = 0 } = server;
  return {
    server: serverId(server),
    forwarding,
    tunnel: tunnel ?? null,
    weight,
    upper_threshold: upper,
    lower_threshold: lower,
    active,
    inactive,
    persistent,
    ...statisticsJson(statistics),
  };
}

const statisticsJson = (of: Statistics): { readonly stats: unknown; readonly rate: unknown } => ({
  stats: {
    connections: Number(of.connections),
    in_packets: Number(of.inPackets),
    out_packets: Number(of.outPackets),
    in_bytes: Number(of.inBytes),
    out_bytes: Number(of.outBytes),
  },
  /** A second. */
  rate: {
    connections: Number(of.connectionRate),
    in_packets: Number(of.inPacketRate),
    out_packets: Number(of.outPacketRate),
    in_bytes: Number(of.inByteRate),
    out_bytes: Number(of.outByteRate),
  },
});

export function connectionJson(connection: Connection): unknown {
  const { protocol, source, virtual, destination, state, expires, engine, engineData } = connection;
  const text = ({ address, port }: Endpoint): string => formatEndpoint(address, port);
  return {
    protocol: protocol.toLowerCase(),
    source: text(source),
    virtual: text(virtual),
    destination: text(destination),
    state,
    expires_s: expires,
    ...(engine === undefined ? {} : { persistence_engine: engine, engine_data: engineData ?? "" }),
  };
}

export function daemonJson(daemon: SyncDaemon): unknown {
  const { role, interface: device, id, maxLength, group = null, port, ttl } = daemon;
  return { role, interface: device, id, max_length: maxLength, group, port, ttl };
}
