// Opens TCP connections the way a health check needs them: marked, bound to an interface or a source address,
// with one deadline, and with a closed set of reasons for failing. node:net offers no mark and no interface.

import { Socket } from "node:net";
import { err, ok, type Result } from "../core/result.js";
import type { Cancel } from "../ports/cancel.js";
import type { Conversation, Dialer, DialFailure, DialRequest } from "../ports/dialer.js";
import { Connections, type Connection, type Ears } from "./connections.js";
import { Probes } from "./probes.js";

let connections: Connections | undefined;
/** Made by the first who connects: most commands never do. */
const set = (): Connections => (connections ??= new Connections());
let probes: Probes | undefined;

/** The Dialer port of this machine. */
export const tcpDialer: Dialer<Socket> = {
  dial: (request, cancel) => attempt(request, cancel, socketOf),
  probe: (request, cancel) => attempt(request, cancel, closed),
  prober: (address, port, listener) => (probes ??= new Probes()).prober(address, port, listener),
  converse(request, conversation) {
    const talk = new Talk(conversation);
    talk.connection = set().connect(request, talk);
    return talk.close;
  },
};

/** One object a connection, as below. */
class Talk implements Ears {
  connection: Connection | undefined;
  private readonly conversation: Conversation;

  constructor(conversation: Conversation) {
    this.conversation = conversation;
  }

  readonly close = (): void => this.connection?.close();
  onOpen(opened: Connection): void {
    opened.send(this.conversation.onOpen());
  }
  onBytes(bytes: Uint8Array, opened: Connection): void {
    if (!this.conversation.onBytes(bytes)) opened.close();
  }
  onEnd(failure: DialFailure | undefined): void {
    this.conversation.onEnd(failure);
  }
}

const socketOf = (connection: Connection): Socket =>
  new Socket({ fd: connection.detach(), readable: true, writable: true });
const closed = (connection: Connection): null => {
  connection.close();
  return null;
};

const CANCELLED: DialFailure = { reason: "connect-failed", detail: "cancelled" };

/** `take` makes of an open connection what is wanted, and must not throw. */
function attempt<T>(
  request: DialRequest,
  cancel: Cancel,
  take: (connection: Connection) => T,
): Promise<Result<T, DialFailure>> {
  if (cancel.cancelled) return Promise.resolve(err(CANCELLED));
  return new Promise((resolve) => {
    const one = new Attempt(take, resolve);
    const connection = set().connect(request, one);
    if (connection !== undefined)
      one.forget = cancel.onCancel(() => {
        one.forget?.();
        connection.close();
        resolve(err(CANCELLED));
      });
  });
}

/** One object a connection: there are thousands a second. */
class Attempt<T> implements Ears {
  private readonly take: (connection: Connection) => T;
  private readonly resolve: (result: Result<T, DialFailure>) => void;
  /** Takes the wish to be told of a cancellation back. */
  forget: (() => void) | undefined;

  constructor(take: (connection: Connection) => T, resolve: (result: Result<T, DialFailure>) => void) {
    this.take = take;
    this.resolve = resolve;
  }

  onOpen(connection: Connection): void {
    this.forget?.();
    this.resolve(ok(this.take(connection)));
  }
  onBytes(): void {
    // Whoever takes the connection reads what comes.
  }
  onEnd(failure: DialFailure | undefined): void {
    this.forget?.();
    // The server's end of a connection is told only once it is open.
    if (failure !== undefined) this.resolve(err(failure));
  }
}
