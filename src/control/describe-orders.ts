// The words for what people and maintenance windows order of real servers.

import { unreachable } from "../core/never.js";
import { count } from "../core/words.js";
import type { OrderAction } from "../services/order.js";
import { NAMED_AT_MOST, type Description } from "./description.js";
import type { VipdEvent } from "./event.js";
import { span } from "./reason.js";

export type OrderEvent = Extract<VipdEvent, { kind: "order-given" | "order-ended" | "window-changed" }>;

export function describeOrder(event: OrderEvent): Description {
  switch (event.kind) {
    case "order-given":
      return {
        level: "notice",
        subject: "order",
        text: `${servers(event.servers)} ${done(event.action)} by ${event.by}${limits(event)}`,
      };
    case "order-ended":
      return {
        level: "notice",
        subject: "order",
        text:
          `${servers(event.servers)} no longer ${done(event.action)}, after ${roughly(event.after_ms)}: ` +
          (event.by === null ? "the time is over" : `taken back by ${event.by}`),
      };
    case "window-changed":
      return {
        level: "notice",
        subject: "maintenance",
        text: event.open
          ? `window ${event.window} is open for ${roughly(event.left_ms)}: ${event.targets.join(", ")} ${done(event.action)}`
          : `window ${event.window} is closed: ${event.targets.join(", ")} no longer ${done(event.action)} by it`,
      };
    default:
      return unreachable(event);
  }
}

function limits({
  for_ms: lasts,
  deadline_ms: deadline,
}: Extract<OrderEvent, { kind: "order-given" }>): string {
  const parts = [
    ...(lasts === null ? [] : [`for ${span(lasts)}`]),
    ...(deadline === null ? [] : [`connections end after ${span(deadline)}`]),
  ];
  return parts.length === 0 ? ", until it is taken back" : `, ${parts.join(", ")}`;
}

function servers(names: readonly string[]): string {
  const more = names.length - NAMED_AT_MOST;
  return more > 0
    ? `${names.slice(0, NAMED_AT_MOST).join(", ")} and ${count(more, "more server")}`
    : names.join(", ");
}

/** Whole seconds. */
export const roughly = (ms: number): string => span(Math.max(0, Math.round(ms / 1000)) * 1000);

function done(action: OrderAction): string {
  switch (action) {
    case "drain":
      return "drained";
    case "disable":
      return "disabled";
    case "serve":
      return "kept in service";
    default:
      return unreachable(action);
  }
}
