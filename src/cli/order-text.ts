// What is ordered of a server, in words for people: who, since when, until when, and how a drain goes.

import { roughly } from "../control/describe-orders.js";
import type { OrderStatus } from "../control/ipc.js";
import { count } from "../core/words.js";
import type { Order } from "../services/order.js";
import { formatTime } from "../log/record.js";

type Given = Pick<Order, "by" | "since" | "until" | "deadline">;

/** "drained by alice since 2026-11-28 05:46:00, until 2026-11-28 07:46:00". */
export function orderText(order: Given & { readonly action: Order["action"] }): string {
  const words = { drain: "drained", disable: "disabled", serve: "kept in service" } as const;
  const { action, by, since, until, deadline } = order;
  return (
    `${words[action]} by ${by} since ${moment(since)}` +
    (deadline === null ? "" : `, connections end at ${moment(deadline)}`) +
    (until === null ? "" : `, until ${moment(until)}`)
  );
}

/** How it goes: "8 connections left (3 active, 5 inactive), 0.4 end in a second, about 20 s". */
export function progressText({ action, connections, drain }: OrderStatus): string {
  if (action === "disable")
    return connections === null || connections === 0
      ? "out of the table"
      : `out of the table, ${ended(connections)}`;
  if (drain === null) return "not looked at yet";
  const { left, rate, time_left_ms: time, done } = drain;
  if (done === "empty") return "no connection left, out of the table";
  const sum = left.active + left.inactive + left.persistent;
  if (done === "deadline") return `out of the table at its deadline, ${ended(sum)}`;
  // It leaves when the kernel has its weight 0.
  if (sum === 0) return "no connection left, about to leave the table";
  const kinds = [
    ...(left.active > 0 ? [`${left.active} active`] : []),
    ...(left.inactive > 0 ? [`${left.inactive} inactive`] : []),
    ...(left.persistent > 0 ? [count(left.persistent, "persistent client")] : []),
  ];
  const pace =
    time === null
      ? "none ends at present"
      : `${Number(rate.toPrecision(2))} end in a second, about ${roughly(time)}`;
  return `${count(sum, "connection")} left${kinds.length === 0 ? "" : ` (${kinds.join(", ")})`}, ${pace}`;
}

const ended = (n: number): string => `${count(n, "connection")} ended`;
/** Local time, to the second. */
const moment = (ms: number): string => formatTime(ms).slice(0, 19);
