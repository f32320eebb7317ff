// What a change of the table does to connections that are there: which would end, which would live on at a server that
// gets no more, which would live on by the old forwarding method. The kernel's ways (net/netfilter/ipvs/ip_vs_ctl.c):
// packets for a removed server are dropped or their connection is ended (sysctl expire_nodest_conn), and an established
// connection keeps the method it began with.

import { count } from "../core/words.js";
import type { Command } from "./command.js";
import { serviceId, type ListedServer, type ListedTable } from "./model.js";

export type Connections = { readonly active: number; readonly inactive: number };
export type Impact = {
  /** "end": their server goes. "drain": it gets no new ones. "old-method": its method changes. */
  readonly kind: "end" | "drain" | "old-method";
  /** Real servers that this is about. */
  readonly servers: number;
} & Connections;

/** `actual` is the table that the command changes. Undefined: no connection minds. */
export function impactOf(command: Command, actual: ListedTable): Impact | undefined {
  switch (command.kind) {
    case "remove-service": {
      const servers = actual.get(serviceId(command.key))?.servers;
      return servers === undefined || servers.size === 0 ? undefined : impact("end", [...servers.values()]);
    }
    case "remove-server":
      return impact("end", [command.server]);
    case "edit-server": {
      const { was, server } = command;
      if (was.weight > 0 && server.weight === 0) return impact("drain", [was]);
      const isOther = was.forwarding !== server.forwarding;
      return isOther ? impact("old-method", [was]) : undefined;
    }
    case "add-service":
    case "edit-service":
    case "add-server":
      return undefined;
  }
}

function impact(kind: Impact["kind"], of: readonly ListedServer[]): Impact {
  let active = 0;
  let inactive = 0;
  for (const server of of) {
    active += server.active ?? 0;
    inactive += server.inactive ?? 0;
  }
  return { kind, servers: of.length, active, inactive };
}

export type TotalImpact = { readonly [K in Impact["kind"]]: { readonly servers: number } & Connections };

export function totalImpact(impacts: Iterable<Impact | undefined>): TotalImpact {
  const none = { servers: 0, active: 0, inactive: 0 };
  const total = { end: { ...none }, drain: { ...none }, "old-method": { ...none } };
  for (const one of impacts) {
    if (one === undefined) continue;
    const sum = total[one.kind];
    sum.servers += one.servers;
    sum.active += one.active;
    sum.inactive += one.inactive;
  }
  return total;
}

/** "812 active connections would end", "812 active and 3 inactive connections would end" */
export function impactText({ kind, active, inactive }: Impact): string {
  const connections =
    inactive === 0
      ? count(active, "active connection")
      : active === 0
        ? count(inactive, "inactive connection")
        : `${active} active and ${count(inactive, "inactive connection")}`;
  return `${connections} ${ENDINGS[kind]}`;
}

const ENDINGS: Record<Impact["kind"], string> = {
  end: "would end",
  drain: "would go on, and no new ones come",
  "old-method": "would go on by the old method",
};

/** One line a kind: "removes 2 real servers; 812 active connections would end" */
export const totalTexts = (total: TotalImpact): string[] =>
  KINDS.filter((kind) => total[kind].servers > 0).map(
    (kind) =>
      `${DEEDS[kind](count(total[kind].servers, "real server"))}; ${impactText({ kind, ...total[kind] })}`,
  );

const KINDS = ["end", "drain", "old-method"] as const;
const DEEDS: Record<Impact["kind"], (servers: string) => string> = {
  end: (servers) => `removes ${servers}`,
  drain: (servers) => `gives ${servers} weight 0`,
  "old-method": (servers) => `changes the forwarding of ${servers}`,
};
