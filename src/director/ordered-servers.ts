// What is ordered of the servers there are: joins people's orders with open maintenance windows, tells the table, and
// looks after drains until no connection is left. Only services with a drain under way are looked at, at a pace that
// leaves the kernel and this process to their work.

import type { ServiceConfig } from "../config/model.js";
import type { VipdEvent } from "../control/event.js";
import type { OrderStatus } from "../control/ipc.js";
import { after, between, instant, milliseconds, seconds, type Instant } from "../core/units.js";
import { serverId, type ListedServer, type ServerId } from "../ipvs/model.js";
import type { Timers } from "../ports/timers.js";
import {
  isSameStanding,
  NO_ORDERS,
  standing,
  type Order,
  type Orders,
  type ServerName,
  type Standing,
} from "../services/order.js";
import { connectionsOf, countOf, stepDrain, timeLeft, type Drain } from "../services/override.js";
import type { Override } from "../services/server-input.js";

export type OrderedPorts = {
  readonly timers: Timers;
  readonly wallTime: () => number;
  readonly report: (event: VipdEvent) => void;
  readonly connections: (service: string) => ReadonlyMap<ServerId, ListedServer> | undefined;
  readonly adjust: (service: string, server: ServerId, override: Override | undefined) => void;
};

type Ordered = {
  readonly standing: Standing;
  override: Override;
  /** What the kernel counted at first; null: nobody knows. */
  connections: number | null;
  readonly since: Instant;
  drain: Drain | undefined;
  done: "empty" | "deadline" | null;
  /** Whether the table was told. */
  isTold: boolean;
};
type OfService = Map<ServerId, Ordered>;

const PACE = seconds(1);
const SLOWEST = seconds(10);
/** Looking may take this share of the time. */
const SHARE = 50;

export class OrderedServers {
  private readonly ports: OrderedPorts;
  private ordered = new Map<string, OfService>();
  /** Ordered no more, and the table has not been told. */
  private released: { readonly service: string; readonly server: ServerId }[] = [];
  private cancelLook: () => void = () => undefined;

  constructor(ports: OrderedPorts) {
    this.ports = ports;
  }

  overrideOf(service: string, server: ServerId): Override | undefined {
    return this.ordered.get(service)?.get(server)?.override;
  }

  ofService(service: string): ReadonlyMap<ServerId, unknown> | undefined {
    return this.ordered.get(service);
  }

  /** Takes servers and orders in; the table hears of it at `settle`, when it has taken the same servers. */
  configure(services: readonly ServiceConfig[], orders: Orders | undefined): void {
    const before = this.ordered;
    this.ordered = new Map();
    for (const [service, of] of standings(services, orders)) {
      const next: OfService = new Map();
      for (const [server, order] of of) {
        const known = before.get(service)?.get(server);
        next.set(
          server,
          known === undefined || !isSameStanding({ ...known.standing, until: order.until }, order)
            ? this.begin(order)
            : // A drain that goes on for longer goes on from where it is.
              Object.assign(known, { standing: order }),
        );
      }
      this.ordered.set(service, next);
    }
    for (const [service, of] of before)
      for (const server of of.keys())
        if (this.ordered.get(service)?.has(server) !== true) this.released.push({ service, server });
  }

  settle(): void {
    for (const { service, server } of this.released.splice(0))
      if (this.overrideOf(service, server) === undefined) this.ports.adjust(service, server, undefined);
    for (const [service, of] of this.ordered) {
      const fresh = [...of].filter(([, { isTold }]) => !isTold);
      if (fresh.length === 0) continue;
      // While they are still as they were: so many are concerned.
      this.look(service, this.ports.timers.now());
      for (const [server, ordered] of fresh) {
        ordered.isTold = true;
        this.ports.adjust(service, server, ordered.override);
      }
    }
    this.plan(PACE);
  }

  stop(): void {
    this.cancelLook();
  }

  status(service: string, server: ServerId): { readonly order?: OrderStatus } {
    const ordered = this.ordered.get(service)?.get(server);
    if (ordered === undefined) return {};
    const { standing: order, connections, drain, done } = ordered;
    if (order.action === "disable" || drain === undefined)
      return { order: { ...order, connections, drain: null } };
    const { left, rate } = drain;
    const rounded = Math.round(rate * 1000) / 1000;
    const time_left_ms = timeLeft(drain) ?? null;
    return { order: { ...order, connections, drain: { left, rate: rounded, time_left_ms, done } } };
  }

  private begin(order: Standing): Ordered {
    const { timers, wallTime } = this.ports;
    const now = timers.now();
    const at = (wall: number): Instant => after(now, milliseconds(wall - wallTime()));
    const label = `${order.action === "drain" ? "drained" : "disabled"} by ${order.by}`;
    const override: Override =
      order.action === "disable"
        ? { kind: "disable", label }
        : {
            kind: "drain",
            label,
            isEmpty: false,
            removeAt: order.deadline === null ? undefined : at(order.deadline),
          };
    return {
      standing: order,
      override,
      connections: null,
      since: at(order.since),
      drain: undefined,
      done: null,
      isTold: false,
    };
  }

  /** Looks at one service, and sees which of its drains are done. */
  private look(service: string, now: Instant): void {
    const of = this.ordered.get(service);
    const listed = this.ports.connections(service);
    if (of === undefined || listed === undefined) return;
    for (const [server, ordered] of of) {
      const seen = listed.get(server);
      ordered.connections ??= seen === undefined ? 0 : countOf(connectionsOf(seen));
      if (ordered.override.kind !== "drain" || ordered.done !== null) continue;
      const { removeAt } = ordered.override;
      const isOver = removeAt !== undefined && now >= removeAt;
      // At the deadline the policy has taken it out already: what was seen last is what is left.
      if (isOver && ordered.drain !== undefined) this.end(service, server, ordered, "deadline", now);
      else {
        ordered.drain = stepDrain(ordered.drain, seen, now);
        if (ordered.drain.isEmpty) this.end(service, server, ordered, "empty", now);
      }
    }
  }

  private end(
    service: string,
    server: ServerId,
    ordered: Ordered,
    how: "empty" | "deadline",
    now: Instant,
  ): void {
    ordered.done = how;
    if (ordered.override.kind === "drain") ordered.override = { ...ordered.override, isEmpty: true };
    if (ordered.isTold) this.ports.adjust(service, server, ordered.override);
    this.ports.report({
      kind: "server-drained",
      service,
      server,
      how,
      connections: how === "empty" || ordered.drain === undefined ? 0 : countOf(ordered.drain.left),
      after_ms: between(ordered.since, now),
    });
  }

  private plan(wait: number): void {
    this.cancelLook();
    let first = Infinity;
    const draining: string[] = [];
    for (const [service, of] of this.ordered) {
      let isDraining = false;
      for (const { override, done } of of.values()) {
        if (override.kind !== "drain" || done !== null) continue;
        isDraining = true;
        first = Math.min(first, override.removeAt ?? Infinity);
      }
      if (isDraining) draining.push(service);
    }
    if (draining.length === 0) return;
    const { timers } = this.ports;
    const now = timers.now();
    const at = Math.max(now, Math.min(after(now, milliseconds(wait)), first));
    this.cancelLook = timers.wakeAt(instant(at), () => {
      const began = timers.now();
      for (const service of draining) this.look(service, began);
      const took = between(began, timers.now());
      this.plan(Math.min(SLOWEST, Math.max(PACE, took * SHARE)));
    });
  }
}

/** What stands for each server; services and servers without an order are not there. */
function standings(
  services: readonly ServiceConfig[],
  { orders, windows }: Orders = NO_ORDERS,
): Map<string, Map<ServerId, Standing>> {
  const all = new Map<string, Map<ServerId, Standing>>();
  if (orders.length + windows.length === 0) return all;
  const own = new Map<string, Map<string, Order>>();
  for (const order of orders) {
    const of = own.get(order.service) ?? new Map<string, Order>();
    own.set(order.service, of.set(order.server, order));
  }
  for (const { name, servers } of services) {
    const ofService = own.get(name);
    if (ofService === undefined && windows.length === 0) continue;
    for (const { server } of servers) {
      const one: ServerName = { id: serverId(server), address: server.address };
      const order = standing(ofService?.get(one.id), windows, name, one);
      if (order === undefined) continue;
      const of = all.get(name) ?? new Map<ServerId, Standing>();
      all.set(name, of.set(one.id, order));
    }
  }
  return all;
}
