// Operators' orders: taken, refused where they would leave a service without a server, kept, and taken back when their
// time is over. What follows from them for the table is the check process's work.

import type { ServiceStatus } from "../../control/ipc.js";
import type { OrderRequest } from "../../control/protocol.js";
import type { VipdEvent } from "../../control/event.js";
import { findTargets, type NamedService, type Target } from "../../control/targets.js";
import { ip } from "../../core/address.js";
import { err, ok, type Result } from "../../core/result.js";
import { count } from "../../core/words.js";
import type { ServerId } from "../../ipvs/model.js";
import type { OpenWindow, Order, Orders } from "../../services/order.js";
import type { OrderStore } from "./order-file.js";

export type OrderPorts = {
  readonly store: OrderStore;
  readonly wall: () => number;
  readonly report: (event: VipdEvent) => void;
  /** Something was taken back by itself. */
  readonly changed: () => void;
};

/** A timer may not wait longer; and the wall clock may be set meanwhile. */
const LOOK_AGAIN_MS = 60_000;

export class OrderBook {
  private readonly ports: OrderPorts;
  private orders: readonly Order[] = [];
  private windows: readonly OpenWindow[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(ports: OrderPorts) {
    this.ports = ports;
  }

  /** Takes in what was kept. */
  load(): void {
    try {
      this.orders = this.ports.store.read();
    } catch (error) {
      this.warn(
        `what operators have ordered could not be read, and does not count: ${(error as Error).message}`,
      );
    }
    this.expire();
  }

  get all(): Orders {
    return { orders: this.orders, windows: this.windows };
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  setWindows(windows: readonly OpenWindow[]): void {
    this.windows = windows;
  }

  /** Of servers that `services` does not have. */
  idle(services: readonly ServiceStatus[]): readonly Order[] {
    if (this.orders.length === 0) return [];
    const known = new Set(
      services.flatMap(({ name, servers }) => servers.map(({ server }) => `${name}/${server}`)),
    );
    return this.orders.filter(({ service, server }) => !known.has(`${service}/${server}`));
  }

  /** Gives the servers concerned; the error is for people, and nothing has changed then. */
  take(request: OrderRequest, services: readonly ServiceStatus[]): Result<readonly Target[], string> {
    const targets = findTargets(request.target, services.map(named), this.idle(services));
    if (!targets.ok) return targets;
    const isIn = request.action === "drain" || request.action === "disable";
    if (isIn && !request.force) {
      const emptied = servicesEmptied(targets.value, services);
      if (emptied.length > 0)
        return err(
          `${count(emptied.length, "service")} would be left without a server that serves: ${emptied.join(", ")}. ` +
            "Say --force if that is meant",
        );
    }
    return isIn ? this.give(request, targets.value) : this.takeBack(request, targets.value, services);
  }

  private give(request: OrderRequest, targets: readonly Target[]): Result<readonly Target[], string> {
    const { by, for_ms: lasts = null, deadline_ms: deadline = null } = request;
    const action = request.action === "drain" ? "drain" : "disable";
    const since = this.ports.wall();
    const ends = (ms: number | null): number | null => (ms === null ? null : since + ms);
    this.replace(
      targets,
      targets.map((target) => ({
        action,
        ...target,
        by,
        since,
        until: ends(lasts),
        deadline: ends(deadline),
      })),
    );
    this.ports.report({
      kind: "order-given",
      action,
      servers: targets.map(nameOf),
      by,
      for_ms: lasts,
      deadline_ms: deadline,
    });
    return ok(targets);
  }

  /** `undrain` and `enable` are two words for it: whatever was ordered. Against an open window it is an order of its own. */
  private takeBack(
    { by, target: text }: OrderRequest,
    targets: readonly Target[],
    services: readonly ServiceStatus[],
  ): Result<readonly Target[], string> {
    const wall = this.ports.wall();
    const names = new Set(targets.map(nameOf));
    const concerned = this.orders.filter((order) => order.action !== "serve" && names.has(nameOf(order)));
    const inWindow = services.flatMap(({ name, servers }) =>
      servers.flatMap(({ server, order }): Order[] =>
        order?.from === "window" && names.has(`${name}/${server}`)
          ? [{ action: "serve", service: name, server, by, since: wall, until: order.until, deadline: null }]
          : [],
      ),
    );
    if (concerned.length + inWindow.length === 0)
      return err(`nothing is ordered of ${text}: it serves as its checks say`);
    this.replace([...concerned, ...inWindow], inWindow);
    for (const [key, orders] of grouped(concerned))
      this.ports.report({
        kind: "order-ended",
        action: key,
        servers: orders.map(nameOf),
        by,
        after_ms: wall - Math.min(...orders.map(({ since }) => since)),
      });
    if (inWindow.length > 0)
      this.ports.report({
        kind: "order-given",
        action: "serve",
        servers: inWindow.map(nameOf),
        by,
        for_ms: Math.max(...inWindow.map(({ until }) => (until ?? wall) - wall)),
        deadline_ms: null,
      });
    return ok([...concerned, ...inWindow].map(({ service, server }) => ({ service, server })));
  }

  private replace(targets: readonly Target[], by: readonly Order[]): void {
    const gone = new Set(targets.map(nameOf));
    this.keep([...this.orders.filter((order) => !gone.has(nameOf(order))), ...by]);
    this.wait();
  }

  private keep(orders: readonly Order[]): void {
    this.orders = orders;
    try {
      this.ports.store.write(orders);
    } catch (error) {
      this.warn(
        `what operators have ordered is in force, but a restart will forget it: ${(error as Error).message}`,
      );
    }
  }

  /** Takes back what is over. */
  private expire(): void {
    const wall = this.ports.wall();
    const over = this.orders.filter(({ until }) => until !== null && until <= wall);
    if (over.length > 0) {
      this.keep(this.orders.filter((order) => !over.includes(order)));
      for (const [action, orders] of grouped(over))
        this.ports.report({
          kind: "order-ended",
          action,
          servers: orders.map(nameOf),
          by: null,
          after_ms: wall - Math.min(...orders.map(({ since }) => since)),
        });
    }
    this.wait();
    if (over.length > 0) this.ports.changed();
  }

  private wait(): void {
    clearTimeout(this.timer);
    const next = Math.min(...this.orders.map(({ until }) => until ?? Infinity));
    if (next === Infinity) return;
    const wait = Math.min(LOOK_AGAIN_MS, Math.max(0, next - this.ports.wall()));
    this.timer = setTimeout(() => this.expire(), wait);
  }

  private warn(text: string): void {
    this.ports.report({ kind: "warning", subject: "order", text });
  }
}

const nameOf = ({ service, server }: Target): string => `${service}/${server}`;

const named = ({ name, servers }: ServiceStatus): NamedService => ({
  name,
  servers: servers.map(({ server }) => ({ id: server as ServerId, address: ip(hostOf(server)) })),
});
/** "192.168.1.4:80", "[fd00::4]:80". */
const hostOf = (server: string): string => server.slice(0, server.lastIndexOf(":")).replace(/^\[|\]$/g, "");

/** Those with servers that serve, all of which are among the targets. */
function servicesEmptied(targets: readonly Target[], services: readonly ServiceStatus[]): string[] {
  const names = new Set(targets.map(nameOf));
  return services.flatMap(({ name, servers }) => {
    const serving = servers.filter(
      ({ up, wanted, weighing, order }) => up && wanted && weighing.effective > 0 && order === undefined,
    );
    const left = serving.filter(({ server }) => !names.has(`${name}/${server}`));
    return serving.length > 0 && left.length === 0 ? [name] : [];
  });
}

function grouped(orders: readonly Order[]): ReadonlyMap<Order["action"], readonly Order[]> {
  const groups = new Map<Order["action"], Order[]>();
  for (const order of orders) groups.set(order.action, [...(groups.get(order.action) ?? []), order]);
  return groups;
}
