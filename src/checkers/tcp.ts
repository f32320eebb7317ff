// Succeeds when a TCP connection to the real server opens. Says nothing of what listens there.

import { formatEndpoint } from "../core/address.js";
import { between, milliseconds, type Instant, type Milliseconds } from "../core/units.js";
import type { DialFailure, Prober, ProbeListener } from "../ports/dialer.js";
import { defineChecker, fail, ok, type CheckPlace, type PreparedCheck, type Settle } from "./checker.js";
import {
  connectFailed,
  connectOptions,
  connectTimeout,
  dialRequest,
  endpointText,
  leavesAsRoutesSay,
  type ConnectOptions,
} from "./connect.js";

export const tcp = defineChecker({
  name: "tcp",
  summary: "Connects by TCP, and succeeds when the connection opens.",
  options: (v) => v.section(connectOptions(v)),
  async check(context) {
    const request = dialRequest(context);
    if (!request.ok) return request.error;
    const began = context.now();
    const opened = await context.dialer.probe(request.value, context.cancel);
    if (!opened.ok) return connectFailed(opened.error, began, context);
    return ok(connectedTo(endpointText(request.value)), { connect: between(began, context.now()) });
  },
  prepare(place) {
    const port = place.options.port ?? place.target.port;
    return port === 0 || !leavesAsRoutesSay(place.options) ? undefined : new TcpRuns(place, port);
  },
});

const connectedTo = (endpoint: string): string => `connected to ${endpoint}`;

class TcpRuns implements PreparedCheck, ProbeListener {
  readonly isOneStep = true;
  private readonly now: () => Instant;
  private readonly prober: Prober;
  private readonly phases = { connect: milliseconds(0) };
  private readonly good;
  private began: Instant;
  private settle: Settle | undefined;

  constructor({ target, options, dialer, now }: CheckPlace<ConnectOptions>, port: number) {
    const address = options.address ?? target.address;
    this.now = now;
    this.began = now();
    this.good = ok(connectedTo(formatEndpoint(address, port)), this.phases);
    this.prober = dialer.prober(address, port, this);
  }

  start(settle: Settle, now: Instant): void {
    this.settle = settle;
    this.began = now;
    this.prober.start();
  }

  cancel(): void {
    this.prober.cancel();
    const now = this.now();
    this.settle?.(connectTimeout(between(this.began, now)), now);
  }

  onProbed(failure: DialFailure | undefined, took: Milliseconds, now: Instant): void {
    if (failure === undefined) this.phases.connect = took;
    this.settle?.(
      failure === undefined ? this.good : fail(failure.reason, failure.detail, { connect: took }),
      now,
    );
  }
}
