// What goes over the control socket: one JSON request in a line from the client, JSON replies in lines from
// the daemon. A request that is not understood is answered with what was wrong with it.

import { err, ok, type Result } from "../core/result.js";
import type { EventRecord } from "./event.js";
import type { Status } from "./ipc.js";

/** A request line longer than this is refused: no valid one comes near it. */
export const LONGEST_REQUEST = 4096;

export type Request =
  | { readonly request: "status" }
  /** The last `last` events, then, when `follow`, those to come until the client hangs up. */
  | { readonly request: "events"; readonly follow: boolean; readonly last: number }
  | { readonly request: "reload" }
  /** Replaces the daemon by the program that is installed now; what it holds stays. */
  | { readonly request: "upgrade" }
  /** `table`: what is left of our IPVS entries; absent: as configured. */
  | { readonly request: "stop"; readonly table?: "keep" | "remove" };

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
  | { readonly reply: "stopping"; readonly pid: number }
  | { readonly reply: "error"; readonly message: string }
  /** The answer is complete. */
  | { readonly reply: "end" };

const REQUESTS = ["status", "events", "reload", "upgrade", "stop"];

export function parseRequest(line: string): Result<Request, string> {
  const value = parseObject(line);
  if (value === undefined) return err("a request is one JSON object in a line");
  switch (value["request"]) {
    case "status":
      return ok({ request: "status" });
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
      const { table } = value;
      if (table === undefined) return ok({ request: "stop" });
      if (table !== "keep" && table !== "remove") return err('"table" is "keep" or "remove"');
      return ok({ request: "stop", table });
    }
    default:
      return err(`unknown request ${JSON.stringify(value["request"])}: one of ${REQUESTS.join(", ")}`);
  }
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
