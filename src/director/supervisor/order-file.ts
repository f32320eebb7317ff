// Operators' orders in a file of the state directory: a reload, a restart and a boot change nothing of them. What is
// damaged is not believed in part: a half of the orders would be worse than none that is said.

import { join } from "node:path";
import type { Order } from "../../services/order.js";
import { readRecord, replaceRecord } from "../record-file.js";

const FORMAT = "vipd orders 1";

export type OrderStore = {
  /** Throws, for people, when they cannot be read. */
  readonly read: () => readonly Order[];
  readonly write: (orders: readonly Order[]) => void;
};

export function orderFile(directory: string): OrderStore {
  const path = join(directory, "orders.json");
  return {
    read() {
      const text = readRecord(path);
      if (text === undefined) return [];
      const { format, orders } = JSON.parse(text) as { format?: unknown; orders?: unknown };
      if (format !== FORMAT) throw new Error(`${path}: its format is not "${FORMAT}"`);
      if (!Array.isArray(orders) || !orders.every(isOrder)) throw new Error(`${path} is damaged`);
      return orders;
    },
    write: (orders) => replaceRecord(path, `${JSON.stringify({ format: FORMAT, orders }, null, 1)}\n`),
  };
}

function isOrder(value: unknown): value is Order {
  if (typeof value !== "object" || value === null) return false;
  const { action, service, server, by, since, until, deadline } = value as Record<string, unknown>;
  const isTime = (time: unknown): boolean => time === null || Number.isFinite(time);
  return (
    (action === "drain" || action === "disable" || action === "serve") &&
    [service, server, by].every((text) => typeof text === "string") &&
    Number.isFinite(since) &&
    isTime(until) &&
    isTime(deadline)
  );
}
