// The options of every checker that opens a connection to the real server, and the opening itself.

import type { Socket } from "node:net";

import type { ValueTypes } from "../config/values.js";
import type { IpAddress } from "../core/address.js";
import { formatEndpoint } from "../core/address.js";
import { err, ok, type Result } from "../core/result.js";
import {
  between,
  formatDuration,
  milliseconds,
  seconds,
  type Instant,
  type Milliseconds,
} from "../core/units.js";
import type { DialFailure, DialRequest, Route } from "../ports/dialer.js";
import { fail, type CheckContext, type CheckResult } from "./checker.js";

export type RouteOptions = {
  readonly address?: IpAddress | undefined;
  readonly source?: IpAddress | undefined;
  readonly interface?: string | undefined;
  readonly mark?: number | undefined;
};
export type ConnectOptions = RouteOptions & { readonly port?: number | undefined };

const addressOption = (v: ValueTypes) => ({
  address: v
    .ipAddress()
    .optional()
    .describe("Where to connect, when it is not the real server's own address."),
});
const leavingOptions = (v: ValueTypes) => ({
  source: v.ipAddress().optional().describe("The source address of the check's connections."),
  interface: v
    .interfaceName()
    .optional()
    .describe("Connections leave through this interface, whatever the routes say."),
  mark: v
    .integer({ min: 1, max: 0xffff_ffff, what: "A firewall mark" })
    .optional()
    .describe("Firewall mark of the check's packets, for policy routing."),
});

/** To be spread into a checker's `section`. */
export const connectOptions = (v: ValueTypes) => ({
  ...addressOption(v),
  port: v.port().optional().describe("The port to connect to, when it is not the real server's own."),
  ...leavingOptions(v),
});

/** The same for a protocol without ports. */
export const routeOptions = (v: ValueTypes) => ({ ...addressOption(v), ...leavingOptions(v) });

/** As nearly every check does, and there are thousands a second. */
export const leavesAsRoutesSay = ({ source, interface: device, mark }: RouteOptions): boolean =>
  source === undefined && device === undefined && mark === undefined;

/** Where the packets of this check go, and how they leave. */
export const routeOf = ({
  target,
  options,
}: Pick<CheckContext<RouteOptions>, "target" | "options">): Route => {
  const address = options.address ?? target.address;
  if (leavesAsRoutesSay(options)) return { address };
  return {
    address,
    ...(options.source === undefined ? {} : { source: options.source }),
    ...(options.interface === undefined ? {} : { interface: options.interface }),
    ...(options.mark === undefined ? {} : { mark: options.mark }),
  };
};

/** Where this check goes; `Err` when there is no port to go to. */
export function dialRequest(context: CheckContext<ConnectOptions>): Result<DialRequest, CheckResult> {
  const { target, options } = context;
  const port = options.port ?? target.port;
  if (port === 0)
    return err(fail("no-port", "the real server has no port of its own: give the check a `port`"));
  return ok({
    ...routeOf(context),
    port,
    // The deadline speaks by cancellation, because its keeper knows when this process was late itself.
    timeout: milliseconds(between(context.now(), context.deadline) + BACKSTOP),
  });
}

const BACKSTOP = seconds(5);

/** A connection that failed, as a result. `began`: when the attempt did. */
export function connectFailed(
  failure: DialFailure,
  began: Instant,
  context: CheckContext<ConnectOptions>,
): CheckResult {
  const connect = between(began, context.now());
  return context.cancel.cancelled
    ? connectTimeout(connect)
    : fail(failure.reason, failure.detail, { connect });
}

/** It was ended by its deadline. */
export function connectTimeout(connect: Milliseconds): CheckResult {
  const waited = formatDuration(milliseconds(Math.round(connect)));
  return fail("connect-timeout", `no answer to the connect in ${waited}`, { connect });
}

export const endpointText = (request: DialRequest): string => formatEndpoint(request.address, request.port);

/** Opens the connection of a check, or says as a result why it could not. */
export async function connect(
  context: CheckContext<ConnectOptions>,
): Promise<Result<{ readonly socket: Socket; readonly request: DialRequest }, CheckResult>> {
  const request = dialRequest(context);
  if (!request.ok) return request;
  const began = context.now();
  const dialed = await context.dialer.dial(request.value, context.cancel);
  if (!dialed.ok) return err(connectFailed(dialed.error, began, context));
  return ok({ socket: dialed.value, request: request.value });
}
