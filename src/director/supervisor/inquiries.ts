// What is asked of the running daemon: its status, and an operator's orders, which are answered with what they made
// of the servers that they concern.

import type { Status } from "../../control/ipc.js";
import type { OrderedServer, OrderRequest } from "../../control/protocol.js";
import { between, seconds, type Instant } from "../../core/units.js";
import type { Children } from "./children.js";
import type { OrderBook } from "./orders.js";
import type { SupervisorOptions } from "./supervisor-ports.js";

const WITHIN = seconds(2);

export type OrderOutcome =
  | { readonly ok: true; readonly servers: readonly OrderedServer[] }
  | { readonly ok: false; readonly problem: string };

export type InquiriesParts = {
  readonly children: Children;
  readonly orders: OrderBook;
  readonly options: SupervisorOptions;
  readonly monotonic: () => Instant;
  readonly wall: () => number;
};

export class Inquiries {
  private readonly parts: InquiriesParts;
  private readonly startedAt: number;

  constructor(parts: InquiriesParts) {
    this.parts = parts;
    this.startedAt = parts.wall();
  }

  /** `loadedAt`: of the configuration in force. */
  async status(loadedAt: number): Promise<Status> {
    const { children, orders, options, wall, monotonic } = this.parts;
    const [vrrp, checks] = await Promise.all([children.vrrp.status(WITHIN), children.checks.status(WITHIN)]);
    const head = children.config?.head;
    return {
      version: options.version,
      node: head?.node ?? "",
      pid: process.pid,
      started_at: this.startedAt,
      processes: [children.vrrp, children.checks].map((child) => ({
        process: child.name,
        pid: child.pid,
        restarts: child.restarts,
        since: child.since === null ? null : wall() - between(child.since, monotonic()),
      })),
      config: {
        path: options.configPath,
        loaded_at: loadedAt,
        instances: head?.vrrp.length ?? 0,
        services: children.config?.services ?? 0,
      },
      vrrp: children.takeovers.inVrrp(vrrp),
      checks: children.takeovers.inChecks(checks),
      nodes: head?.nodes ?? [],
      ...(checks === null ? {} : { idle_orders: orders.idle(checks.services) }),
    };
  }

  /** Takes an operator's order, and answers when it is in force. */
  async order(request: OrderRequest): Promise<OrderOutcome> {
    const { children, orders } = this.parts;
    const before = await children.checks.status(WITHIN);
    if (before === null) return { ok: false, problem: "the check process does not answer: try again" };
    const targets = orders.take(request, before.services);
    if (!targets.ok) return { ok: false, problem: targets.error };
    children.sendOrders();
    const ordered = await this.ordered();
    const servers = targets.value.map(
      ({ service, server }): OrderedServer =>
        ordered.find((one) => one.service === service && one.server === server) ?? {
          service,
          server,
          up: false,
          order: null,
        },
    );
    return { ok: true, servers };
  }

  async ordered(): Promise<readonly OrderedServer[]> {
    const checks = await this.parts.children.checks.status(WITHIN, { ordered: true });
    return (checks?.services ?? []).flatMap(({ name: service, servers }) =>
      servers.map(({ server, up, order = null }) => ({ service, server, up, order })),
    );
  }
}
