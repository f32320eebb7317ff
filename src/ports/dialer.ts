// Opens TCP connections for checks. What a connection is differs with the platform, so it is a parameter.

import type { IpAddress } from "../core/address.js";
import type { Result } from "../core/result.js";
import type { Instant, Milliseconds } from "../core/units.js";
import type { Cancel } from "./cancel.js";

/** Where the packets of a check go, and how they leave. */
export type Route = {
  readonly address: IpAddress;
  /** Source address; absent: the kernel's choice. */
  readonly source?: IpAddress;
  /** SO_BINDTODEVICE. */
  readonly interface?: string;
  /** SO_MARK, for policy routing. */
  readonly mark?: number;
};

export type DialRequest = Route & {
  readonly port: number;
  /** Given up after this time, or when cancelled. */
  readonly timeout: Milliseconds;
};

export const DIAL_FAILURES = [
  "connect-refused",
  "connect-timeout",
  "connect-unreachable",
  "connect-reset",
  "connect-failed",
] as const;
export type DialFailure = {
  readonly reason: (typeof DIAL_FAILURES)[number];
  /** For people. */
  readonly detail: string;
};

/** What is said over a connection, without the streams of the platform. */
export type Conversation = {
  /** It is open; what is given is sent. */
  onOpen(): Uint8Array;
  /** Bytes that lie there during the call alone. False: that is enough, and the connection is closed. */
  onBytes(bytes: Uint8Array): boolean;
  /** The server has ended it, or, with a failure, it did not open or broke. Nothing comes after. */
  onEnd(failure: DialFailure | undefined): void;
};

/** Whoever wants to know of one place, again and again, whether a connection to it opens. */
export type Prober = {
  /** Begins, and tells once, not during this call. Not to be called again before. */
  start(): void;
  /** Ends it early, and nothing is told. There is no other deadline. */
  cancel(): void;
};
export type ProbeListener = {
  /** Undefined: it opened, and is closed. `now`: the moment at which that is told. */
  onProbed(failure: DialFailure | undefined, took: Milliseconds, now: Instant): void;
};

export type Dialer<Connection> = {
  /** The connection is the caller's to end. */
  dial(request: DialRequest, cancel: Cancel): Promise<Result<Connection, DialFailure>>;
  /** As `dial`, at a fraction of its cost. Gives how to close it early, after which nothing is told. */
  converse(request: DialRequest, conversation: Conversation): () => void;
  /** Only finds out whether it opens, as cheaply as it can, and closes it. */
  probe(request: DialRequest, cancel: Cancel): Promise<Result<null, DialFailure>>;
  /** For as many of these as there are real servers: a connection costs little more than its packets. */
  prober(address: IpAddress, port: number, listener: ProbeListener): Prober;
};
