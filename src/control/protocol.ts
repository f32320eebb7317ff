// What goes over the control socket: one JSON request in a line from the client, JSON replies in lines from
// the daemon. A request that is not understood is answered with what was wrong with it.

import { err, ok, type Result } from "../core/result.js";
import type { EventRecord } from "./event.js";
import type { OrderStatus, Status } from "./ipc.js";

/** A request line longer than this is refused: no valid one comes near it. */
export const LONGEST_REQUEST = 4096;
/** Milliseconds: whoever means longer means for ever. */
export const LONGEST_ORDER = 366 * 24 * 3_600_000;

export type Request =
  | { readonly request: "status" }
  /** The last `last` events, then, when `follow`, those to come until the client hangs up. */
  | { readonly request: "events"; readonly follow: boolean; readonly last: number }
  | OrderRequest
  /** What is ordered of servers that are there, and how it goes. */
  | { readonly request: "orders" }
  | { readonly request: "reload" }
  /** Replaces the daemon by the program that is installed now; what it holds stays. */
  | { readonly request: "upgrade" }
  /**
   * `table`: what is left of our IPVS entries; absent: as configured. `addresses`: everything of VRRP stays in place
   * for the next start; absent: it goes.
   */
  | { readonly request: "stop"; readonly table?: "keep" | "remove"; readonly addresses?: "keep" };

export const ORDER_WORDS = ["drain", "undrain", "disable", "enable"] as const;
export type OrderRequest = {
  readonly request: "order";
  readonly action: (typeof ORDER_WORDS)[number];
  /** SERVICE, SERVICE/SERVER or SERVER. */
  readonly target: string;
  /** Who asks, as he says himself; what the kernel says of him counts (control/asker.ts). */
  readonly by: string;
  /** Taken back by itself after so long; absent: never. */
  readonly for_ms?: number;
  /** Of a drain: connections that are left after so long end; absent: none is ended. */
  readonly deadline_ms?: number;
  /** Also when it leaves a service without a server. */
  readonly force: boolean;
};
/** One server of which something is ordered, or was until now. */
export type OrderedServer = {
  readonly service: string;
  readonly server: string;
  readonly up: boolean;
  /** Null: nothing any more. */
  readonly order: OrderStatus | null;
};

export type Reply =
  | { readonly reply: "status"; readonly status: Status }
  | { readonly reply: "event"; readonly record: EventRecord }
  | {
      readonly reply: "reloaded";
      readonly ok: boolean;
      readonly changes: readonly string[];
      readonly problems: readonly string[];
    }
  | {
      readonly reply: "upgraded";
      readonly ok: true;
      /** Versions. */
      readonly from: string;
      readonly to: string;
      readonly pid: number;
      readonly pause_ms: number;
    }
  | { readonly reply: "upgraded"; readonly ok: false; readonly problem: string }
  | { readonly reply: "ordered"; readonly ok: true; readonly servers: readonly OrderedServer[] }
  | { readonly reply: "ordered"; readonly ok: false; readonly problem: string }
  | { readonly reply: "orders"; readonly servers: readonly OrderedServer[] }
  | { readonly reply: "stopping"; readonly pid: number }
  | { readonly reply: "error"; readonly message: string }
  /** The answer is complete. */
  | { readonly reply: "end" };

const REQUESTS = ["status", "events", "order", "orders", "reload", "upgrade", "stop"];

export function parseRequest(line: string): Result<Request, string> {
  const value = parseObject(line);
  if (value === undefined) return err("a request is one JSON object in a line");
  switch (value["request"]) {
    case "status":
      return ok({ request: "status" });
    case "orders":
      return ok({ request: "orders" });
    case "order":
      return parseOrder(value);
    case "reload":
      return ok({ request: "reload" });
    case "upgrade":
      return ok({ request: "upgrade" });
    case "events": {
      const { follow = false, last = 0 } = value;
      if (typeof follow !== "boolean") return err('"follow" is true or false');
      if (typeof last !== "number" || !Number.isInteger(last) || last < 0)
        return err('"last" is a whole number from 0');
      return ok({ request: "events", follow, last });
    }
    case "stop": {
      const { table, addresses } = value;
      if (table !== undefined && table !== "keep" && table !== "remove")
        return err('"table" is "keep" or "remove"');
      if (addresses !== undefined && addresses !== "keep") return err('"addresses" is "keep"');
      return ok({ request: "stop", ...(table && { table }), ...(addresses && { addresses }) });
    }
    default:
      return err(`unknown request ${JSON.stringify(value["request"])}: one of ${REQUESTS.join(", ")}`);
  }
}

function parseOrder(value: Record<string, unknown>): Result<OrderRequest, string> {
  const { action, target, by, for_ms, deadline_ms, force = false } = value;
  const word = ORDER_WORDS.find((one) => one === action);
  if (word === undefined) return err(`"action" is one of ${ORDER_WORDS.join(", ")}`);
  if (typeof target !== "string" || !/^[^\s\p{C}]{1,200}$/u.test(target))
    return err('"target" is SERVICE, SERVICE/SERVER or SERVER');
  if (typeof by !== "string" || !/^[^\p{C}]{1,64}$/u.test(by))
    return err('"by" is a name of up to 64 characters');
  for (const [name, time] of Object.entries({ for_ms, deadline_ms }))
    if (time !== undefined && !(typeof time === "number" && time > 0 && time <= LONGEST_ORDER))
      return err(`"${name}" is a number of milliseconds up to a year`);
  if (typeof force !== "boolean") return err('"force" is true or false');
  return ok({
    request: "order",
    action: word,
    target,
    by,
    ...(for_ms === undefined ? {} : { for_ms: for_ms as number }),
    ...(deadline_ms === undefined ? {} : { deadline_ms: deadline_ms as number }),
    force,
  });
}

/** A reply line of the daemon; undefined when it is none. */
export function parseReply(line: string): Reply | undefined {
  const value = parseObject(line);
  return typeof value?.["reply"] === "string" ? (value as Reply) : undefined;
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
