// Sends ICMP and ICMPv6 echo requests ("ping"), for checks.

import type { Result } from "../core/result.js";
import type { Cancel } from "./cancel.js";
import type { DialFailure, Route } from "./dialer.js";

export type Echo = {
  /** Sends one request; settles with its reply, or with a failure when something says that it cannot come. */
  ping(route: Route, cancel: Cancel): Promise<Result<null, DialFailure>>;
};
