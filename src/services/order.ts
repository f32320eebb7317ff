// What people have ordered of real servers, and what a maintenance window orders in their place: which order stands
// for a server. Wall-clock times, because orders outlive the machine's boot. Pure; who keeps them, and what follows
// from them, is not known here (override.ts, decide.ts).

import type { IpAddress } from "../core/address.js";
import type { ServerId } from "../ipvs/model.js";

/** `serve`: as if no window were open. */
export type OrderAction = "drain" | "disable" | "serve";

export type Order = {
  readonly action: OrderAction;
  readonly service: string;
  readonly server: string;
  /** Who gave it. */
  readonly by: string;
  /** Milliseconds since 1970, here and below. */
  readonly since: number;
  /** When it is taken back by itself; null: never. */
  readonly until: number | null;
  /** Of a drain: when the server is taken out with the connections that are left; null: when there are none. */
  readonly deadline: number | null;
};

/** A maintenance window that is open. */
export type OpenWindow = {
  readonly window: string;
  readonly action: "drain" | "disable";
  readonly targets: readonly string[];
  readonly since: number;
  readonly until: number;
  readonly deadline: number | null;
};

export type Orders = { readonly orders: readonly Order[]; readonly windows: readonly OpenWindow[] };
export const NO_ORDERS: Orders = { orders: [], windows: [] };

export type ServerName = { readonly id: ServerId; readonly address: IpAddress };

/** Targets are written SERVICE, SERVICE/SERVER or SERVER, and SERVER with its port or without. */
export function isTarget(target: string, service: string, { id, address }: ServerName): boolean {
  return (
    target === service ||
    target === id ||
    target === address ||
    target === `${service}/${id}` ||
    target === `${service}/${address}`
  );
}

export type Standing = Omit<Order, "service" | "server" | "action"> & {
  readonly action: "drain" | "disable";
  /** Whose order it is: a person's, or a window's, which `by` names then. */
  readonly from: "operator" | "window";
};

/** A person's word counts more than any window; of several windows the stronger one, then the one that ends last. */
export function standing(
  own: Order | undefined,
  windows: readonly OpenWindow[],
  service: string,
  server: ServerName,
): Standing | undefined {
  if (own !== undefined) {
    const { action, by, since, until, deadline } = own;
    return action === "serve" ? undefined : { action, from: "operator", by, since, until, deadline };
  }
  let found: OpenWindow | undefined;
  for (const window of windows)
    if (isStronger(window, found) && window.targets.some((target) => isTarget(target, service, server)))
      found = window;
  if (found === undefined) return undefined;
  const { action, window, since, until, deadline } = found;
  return { action, from: "window", by: `maintenance ${window}`, since, until, deadline };
}

function isStronger(window: OpenWindow, than: OpenWindow | undefined): boolean {
  if (than === undefined) return true;
  if (window.action !== than.action) return window.action === "disable";
  return window.until > than.until;
}

export const isSameStanding = (a: Standing | undefined, b: Standing | undefined): boolean =>
  a?.action === b?.action &&
  a?.from === b?.from &&
  a?.by === b?.by &&
  a?.since === b?.since &&
  a?.until === b?.until &&
  a?.deadline === b?.deadline;
